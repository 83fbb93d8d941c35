"""`nemora rm`: delete models from the cache, or their packed copies."""

from __future__ import annotations

import argparse
from pathlib import Path

from nemora.settings import load_settings
from nemora.weights import cache as store
from nemora.weights.catalog import is_name
from nemora.weights.hub import is_reference, parse_reference
from nemora.weights.packed_place import PackedPlace, named_place, packed_bytes, packed_place, remove_packed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "names", metavar="NAME", nargs="+", help="models to delete, by name or as they were pulled from the hub"
    )
    parser.add_argument(
        "--packed",
        action="store_true",
        help="delete only what `nemora pack` wrote; NAME may be a folder or file too, or as `nemora models` lists it",
    )


def run(args: argparse.Namespace) -> int:
    """Delete each model's folder, or its packed copy; print the bytes freed.

    Raises:
        UnknownModel: the cache has no model of that name, or no packed copy of it.
        FetchError: it cannot be deleted.
    """
    cache = load_settings(args.config).paths.cache
    for name in args.names:
        known = parse_reference(name).cache_name if is_reference(name) else name
        freed = remove_packed(cache, _place(cache, known)) if args.packed else store.remove(cache, known)
        print(f"{name}: {freed:,} bytes freed")
    return 0


def _place(cache: Path, name: str) -> PackedPlace:
    """Of a name in the cache or of a key, else of a path, which need not exist any more."""
    if is_name(name) and packed_bytes(place := named_place(cache, name)):
        return place
    return packed_place(cache, Path(name).expanduser())
