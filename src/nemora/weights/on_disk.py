"""Bringing what was written to the disk, so that it outlives a loss of power."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


def flush_file(sink: BinaryIO) -> None:
    """What was written to an open file so far."""
    sink.flush()
    os.fsync(sink.fileno())


def flush_path(path: Path) -> None:
    """A file's bytes; of a folder, which files it holds under which names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
