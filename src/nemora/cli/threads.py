"""--threads, as several verbs have it."""

from __future__ import annotations

import argparse

from nemora.errors import UsageError
from nemora.settings import MAX_THREADS


def add_threads_argument(parser: argparse.ArgumentParser, help: str = "default: one per core") -> None:
    parser.add_argument("--threads", type=int, metavar="N", help=help)


def check_threads(threads: int | None) -> None:
    """Refuse what torch would take and then die of, without a word.

    Raises:
        UsageError: the number is out of range.
    """
    if threads is not None and not 1 <= threads <= MAX_THREADS:
        raise UsageError(f"--threads must be from 1 to {MAX_THREADS}.")
