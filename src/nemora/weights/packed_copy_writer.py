"""Writes a model's packed copy: what packing makes of a checkpoint, in one file that later starts map."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import torch

from nemora.errors import FetchError, UnsupportedCheckpoint
from nemora.ops.cpu.packed_weight import PackedWeight, Panels, panel_bytes, panel_format
from nemora.ops.cpu.panel_layout import layout_fingerprint
from nemora.weights import cache as store
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.checkpoint_weights import LET_GO
from nemora.weights.identity import files_identity
from nemora.weights.load import plan_loading
from nemora.weights.on_disk import flush_file, flush_path
from nemora.weights.packed_copy import check, packed_groups, read_header
from nemora.weights.packed_groups import Group, take_groups
from nemora.weights.packed_header import ALIGNMENT, DATA_AT, Entry, Header, NotUsable, Run, encode, padded, prefix
from nemora.weights.packed_place import PackedPlace
from nemora.weights.packing import Packing, packing
from nemora.weights.progress import NoProgress, Progress
from nemora.weights.read_matrix import read_matrix
from nemora.weights.save_tensors import Report, reporting
from nemora.weights.stored import Found

SCRATCH = ".tmp-packed-"
HEADER_ROOM = 1 << 26
"""For the disk's sake."""
CHUNK = 32 << 20
"""Bytes of a write: large ones get large pages where the file system has them."""
logger = logging.getLogger("nemora.weights")


def write_packed_copy(
    checkpoint: Checkpoint, cache: Path, place: PackedPlace, *, model: str = "", progress: Progress | None = None
) -> bool:
    """Write the copy, or find that it is there and as it must be; returns whether it was written.

    The file appears whole or not at all. Memory holds one matrix at a time, and at most `LET_GO` bytes of the files.

    Args:
        model: what people call it, for lists.

    Raises:
        UnsupportedCheckpoint: there are no native kernels here, or they take none of its matrices.
        ModelError: the checkpoint cannot be loaded.
        FetchError: the disk is full, or the cache cannot be written.
    """
    report = progress or NoProgress()
    plan = plan_loading(checkpoint)
    for problem in plan.problems():
        raise problem.error()
    new = packing(plan.finder, 8, 1 << 62)
    if new is None:
        raise UnsupportedCheckpoint(
            "A packed copy is for Nemora's native kernels, and they are not used here: there is no compiled library, "
            "or this processor has no vectors they know."
        )
    groups = take_groups(plan.whole)
    wanted = packed_groups(groups, new)
    if not wanted:
        raise UnsupportedCheckpoint(
            "The native kernels take none of this model's matrices, so there is nothing to pack."
        )
    with store.lock(cache, place.lock, on_wait=lambda: report.note("another process changes this model; waiting")):
        if _is_sound(place.file, checkpoint, groups, new):
            return False
        with _replacing(place.file) as sink:
            _need_room(place.file, _bytes_at_most(wanted, new))
            writer = _Writer(checkpoint, new, sink)
            with reporting(progress, place.file.name, _bytes_at_most(wanted, new)) as done:
                entries = tuple(writer.write(group, done) for group in wanted)
            writer.finish(entries, files_identity(checkpoint), model)
    return True


class _Writer:
    """Packs group by group into an open file."""

    def __init__(self, checkpoint: Checkpoint, packing: Packing, sink: BinaryIO) -> None:
        self._checkpoint, self._packing, self._sink = checkpoint, packing, sink
        self._source = files_identity(checkpoint)
        self._at, self._position, self._read = DATA_AT, 0, 0

    def write(self, group: Group, report: Report) -> Entry:
        """Pack a group's matrices and write their panels. What cannot be packed leaves none."""
        begun, runs = self._at, list[Run]()
        for found in group.found(self._packing.finder):
            packed = self._packed(group, found)
            if packed is None or not _continues(runs, packed.panels, group):
                self._at = begun
                return Entry(group.name, group.columns, ())
            runs = [self._written(panels, runs[i] if runs else None) for i, panels in enumerate(packed.panels)]
            report(packed.bytes)
        return Entry(group.name, group.columns, tuple(runs))

    def finish(self, entries: Sequence[Entry], source: str, model: str) -> None:
        """Write the header, then what the file begins with.

        Raises:
            FetchError: the checkpoint's files changed meanwhile.
        """
        if source != self._source:
            raise FetchError("The model's files were changed while they were packed; try again.")
        formats = {run.format for entry in entries for run in entry.runs}
        layouts = {format: layout_fingerprint(self._packing.library, format) for format in sorted(formats)}
        made = int(time.time())
        text = encode(Header(source, made, model, layouts, tuple(entries)))
        self._sink.seek(self._at)
        self._sink.write(text)
        self._sink.truncate()
        flush_file(self._sink)
        self._sink.seek(0)
        self._sink.write(prefix(text, self._at))
        flush_file(self._sink)
        os.utime(self._sink.fileno(), ns=(made * 1_000_000_000,) * 2)

    def _packed(self, group: Group, found: Sequence[Found]) -> PackedWeight | None:
        file, layout = self._checkpoint.file, self._packing.finder.layout
        stored = [
            read_matrix(file, part, layout.place(name)) for part, (name, _) in zip(found, group.parts, strict=True)
        ]
        packed = self._packing.pack(stored, torch.float32)
        self._read += sum(part.bytes for part in stored)
        if self._read >= LET_GO:
            del stored
            file.let_go()
            self._read = 0
        return packed

    def _written(self, panels: Panels, before: Run | None) -> Run:
        """The run with these panels added to it."""
        offset, size = self._at, panels.data.nbytes
        if self._position != offset:  # seeking empties the buffer, and small writes get small pages
            self._sink.seek(offset)
        self._sink.write(panels.data.numpy().data)
        self._sink.write(bytes(padded(size) - size))
        self._at = self._position = offset + padded(size)
        scales = (*(before.scales if before else ()), panels.scale)
        return Run(panels.format, panels.rows, scales, before.offset if before else offset)


def _continues(runs: Sequence[Run], panels: Sequence[Panels], group: Group) -> bool:
    """Whether panels can follow those of the experts before, and their scales are numbers."""
    if not all(math.isfinite(part.scale) for part in panels):
        return False
    if group.experts is None:
        return True
    if len(panels) != 1:
        return False
    return not runs or (runs[0].format, runs[0].rows) == (panels[0].format, panels[0].rows)


def _bytes_at_most(groups: Sequence[Group], packing: Packing) -> int:
    """Bytes of the panels, each part for itself."""
    size = partial(panel_bytes, packing.library)
    return sum(
        size(panel_format(packing.format_of(part)), rows, group.columns) + ALIGNMENT
        for group in groups
        for found in group.found(packing.finder)
        for part, (_, rows) in zip(found, group.parts, strict=True)
    )


def _is_sound(file: Path, checkpoint: Checkpoint, groups: Sequence[Group], packing: Packing) -> bool:
    try:
        with file.open("rb") as opened:
            check(*read_header(opened), checkpoint, groups, packing)
    except FileNotFoundError:
        return False
    except (NotUsable, OSError) as reason:
        logger.info("the packed copy of a model is written anew: %s", reason)
        return False
    return True


def _need_room(file: Path, size: int) -> None:
    free = shutil.disk_usage(file.parent).free
    if free < size + HEADER_ROOM:
        raise FetchError(
            f"A packed copy needs {size:,} bytes and the disk of {file.parent} has {free:,} free; free space or choose "
            "another cache folder."
        )


@contextlib.contextmanager
def _replacing(file: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `file` at the end; whatever fails, nothing is left. Call it with the lock."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        for stale in file.parent.glob(f"{SCRATCH}{file.stem}-*"):
            stale.unlink()
        scratch = file.with_name(f"{SCRATCH}{file.stem}-{secrets.token_hex(4)}")
        try:
            with scratch.open("xb", buffering=CHUNK) as sink:
                yield sink
            scratch.replace(file)
            flush_path(file.parent)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise FetchError(
            f"The packed copy {file} cannot be written ({error.strerror}); make the folder writable or free space."
        ) from None
