"""`nemora pack`: write a model's matrices as the kernels read them, so that a start maps them and packs nothing."""

from __future__ import annotations

import argparse
import sys

from nemora.settings import load_settings
from nemora.weights.progress import NoProgress, megabytes, progress_on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a name that `nemora models` lists, hub:OWNER/REPO, a folder or a GGUF file; its copy takes as much disk "
        "again, and `nemora rm --packed MODEL` deletes it",
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing unless something fails")


def run(args: argparse.Namespace) -> int:
    """Write the copy if it is not there; print where it lies.

    Raises:
        UnsupportedCheckpoint: there are no native kernels here, or they take none of the model's matrices.
        ModelError: the model cannot be found, fetched or read.
        FetchError: the disk is full, or the cache cannot be written.
    """
    from nemora.backends.local_place import find_model
    from nemora.weights.checkpoint import open_checkpoint
    from nemora.weights.packed_copy_writer import write_packed_copy
    from nemora.weights.packed_place import packed_place

    settings = load_settings(args.config)
    cache, progress = settings.paths.cache, NoProgress() if args.quiet else progress_on(sys.stderr, "packing")
    found = find_model(
        args.model,
        cache=cache,
        offline=settings.offline,
        context=settings.local.context,
        token=settings.hub_token,
        progress=progress,
    )
    place = packed_place(cache, found.path)
    written = write_packed_copy(open_checkpoint(found.path), cache, place, model=found.name, progress=progress)
    if not args.quiet:
        said = "" if written else ", as it was"
        print(f"{found.name}: {place.file}, {megabytes(place.file.stat().st_size)}{said}")
    return 0
