"""Tensors on their way to disk: made one by one as they are written, in a place that is seen only when it is whole."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from torch import Tensor

from nemora.errors import ModelError, UsageError
from nemora.weights.on_disk import flush_file
from nemora.weights.progress import NoProgress, Progress
from nemora.weights.tensors import TensorInfo

Report = Callable[[int], None]
"""Told how many bytes were written since it was last told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A tensor to be written. `pieces` makes its bytes when they are wanted: uint8 tensors, in order.

    A `scalar` has the shape (1,) here, and none where a kind of file knows such numbers.
    """

    info: TensorInfo
    pieces: Callable[[], Iterable[Tensor]]
    scalar: bool = False

    def write(self, sink: BinaryIO, report: Report) -> None:
        """Write all bytes.

        Raises:
            ValueError: the pieces are not as many bytes as the tensor has.
        """
        written = 0
        for piece in self.pieces():
            written += sink.write(piece.contiguous().view(-1).numpy().data)
            report(piece.nbytes)
        if written != self.info.stored_bytes:
            raise ValueError(f"{self.info.name} has {self.info.stored_bytes} bytes, but its pieces have {written}")


def refuse_existing(out: Path) -> None:
    """What is there already is never written over.

    Raises:
        UsageError: `out` exists, or the folder that it is to lie in does not.
    """
    if os.path.lexists(out):
        raise UsageError(f"{out} exists already; give a name that is free, or remove it first.")
    if not out.parent.is_dir():
        raise UsageError(f"There is no folder {out.parent} to write {out.name} into; make it first.")


def need_room(out: Path, size: int) -> None:
    """Refuse before the work begins when the disk cannot hold `size` bytes more.

    Raises:
        ModelError: it cannot.
    """
    free = shutil.disk_usage(out.parent).free
    if free < size:
        raise ModelError(
            f"{out.name} needs {size:,} bytes and the disk of {out.parent} has {free:,} free; free space or choose "
            "another place."
        )


@contextlib.contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """A free path beside `out` for a file or a folder, renamed to `out` at the end; whatever fails, nothing is left.

    Raises:
        UsageError: as `refuse_existing`.
        ModelError: the disk is full or cannot be written.
    """
    refuse_existing(out)
    place = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        yield place
        refuse_existing(out)
        place.rename(out)
    except OSError as error:
        raise ModelError(f"{out} cannot be written ({error.strerror}); nothing of it was kept.") from None
    finally:
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)


@contextlib.contextmanager
def reporting(progress: Progress | None, name: str, total: int) -> Iterator[Report]:
    """Work of `total` bytes on `progress`, if there is one: give what this yields the bytes that are done."""
    bar = progress or NoProgress()
    done = 0

    def report(size: int) -> None:
        nonlocal done
        done += size
        bar.advance(done)

    bar.start(name, total)
    well = False
    try:
        yield report
        well = True
    finally:
        bar.finish(well)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, on the disk when this ends."""
    with path.open("xb") as sink:
        yield sink
        flush_file(sink)
