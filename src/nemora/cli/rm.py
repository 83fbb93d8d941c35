"""`nemora rm`: delete models from the cache."""

from __future__ import annotations

import argparse

from nemora.settings import load_settings
from nemora.weights import cache as store
from nemora.weights.hub import is_reference, parse_reference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "names", metavar="NAME", nargs="+", help="models to delete, by name or as they were pulled from the hub"
    )


def run(args: argparse.Namespace) -> int:
    """Delete each model's folder; print the bytes freed.

    Raises:
        UnknownModel: the cache has no model of that name.
        FetchError: it cannot be deleted.
    """
    cache = load_settings(args.config).paths.cache
    for name in args.names:
        freed = store.remove(cache, parse_reference(name).cache_name if is_reference(name) else name)
        print(f"{name}: {freed:,} bytes freed")
    return 0
