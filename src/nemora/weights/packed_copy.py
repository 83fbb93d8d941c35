"""A model's matrices as they were packed before, in a file that is mapped instead of packing them again.

Panels are the same for every instruction set, so the file can be used wherever these kernels run. It is used only if
it was made of these very files (`files_identity`), by kernels that pack alike (`layout_fingerprint`), holds just what
the model asks for, and was not written to since; otherwise it is as if there were none.
"""

from __future__ import annotations

import logging
import mmap
import os
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from nemora.models.config_reader import shown
from nemora.ops.cpu.library import Library
from nemora.ops.cpu.packed_weight import Panels, panel_bytes, panel_format
from nemora.ops.cpu.panel_layout import layout_fingerprint
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.identity import files_identity
from nemora.weights.packed_groups import Group, take_groups
from nemora.weights.packed_header import (
    PREFIX,
    Entry,
    Header,
    NotUsable,
    decode,
    end_of,
    padded,
    place_of_header,
)
from nemora.weights.packing import Packing

logger = logging.getLogger("nemora.weights")


class PackedCopyFile:
    """An open copy, mapped read-only: its panels are pages of the system's cache, and no memory of the process."""

    def __init__(self, header: Header, memory: Tensor, library: Library) -> None:
        self._entries = {entry.name: entry for entry in header.entries}
        self._memory, self._library = memory, library

    def panels(self, name: str) -> list[list[Panels]] | None:
        """See `packing.PackedCopy`."""
        entry = self._entries.get(name)
        if entry is None or not entry.runs:
            return None
        return [[self._panels(entry, run, number) for run in range(len(entry.runs))] for number in range(_count(entry))]

    def _panels(self, entry: Entry, index: int, number: int) -> Panels:
        run = entry.runs[index]
        size = panel_bytes(self._library, run.format, run.rows, entry.columns)
        at = run.offset + number * padded(size)
        return Panels(run.format, run.rows, entry.columns, run.scales[number], self._memory[at : at + size])


def open_copy(
    path: Path, checkpoint: Checkpoint, build: Callable[[Any], object], packing: Packing
) -> PackedCopyFile | None:
    """The copy at `path` of a checkpoint whose model `build` makes of weights; None if it is not to be used.

    Why not is a line in the log; where there is no file, nothing is said.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            header, data_end = read_header(file)
            check(header, data_end, checkpoint, take_groups(build), packing)
            return PackedCopyFile(header, _mapped(file), packing.library)
    except NotUsable as reason:
        why = str(reason)
    except OSError as error:
        why = f"it cannot be read ({error.strerror})"
    logger.warning("The packed copy of a model is not used: %s. `nemora pack` writes it anew.", why)
    return None


def noted_model(path: Path) -> str:
    """What the model of a copy was called; "?" if the file does not say."""
    try:
        with path.open("rb") as file:
            return shown(read_header(file)[0].model)
    except (NotUsable, OSError) as reason:
        logger.debug("a packed copy says nothing of its model: %s", reason)
        return "?"


def read_header(file: BinaryIO) -> tuple[Header, int]:
    """The header of an open file, checked as far as it can be without the model, and where it begins.

    Raises:
        NotUsable: the file is no packed copy, is damaged, or was changed after it was made.
        OSError: it cannot be read.
    """
    found = os.fstat(file.fileno())
    start = file.read(PREFIX.size)
    at, size = place_of_header(start, found.st_size)
    file.seek(at)
    header = decode(start, file.read(size))
    if found.st_mtime_ns != header.made * 1_000_000_000:
        raise NotUsable("it was copied or changed after it was made")
    return header, at


def check(header: Header, data_end: int, checkpoint: Checkpoint, groups: Sequence[Group], packing: Packing) -> None:
    """That a copy is of this checkpoint, by these kernels, and has what the model asks for, each in its place.

    Raises:
        NotUsable: it is not.
        OSError: the checkpoint's files cannot be read.
    """
    if header.source != files_identity(checkpoint):
        raise NotUsable("it was made of other files, or they were changed since")
    library = packing.library
    for format in {run.format for entry in header.entries for run in entry.runs}:
        if header.layouts.get(format) != layout_fingerprint(library, format):
            raise NotUsable("it was packed by another version of Nemora")
    wanted = packed_groups(groups, packing)
    if [entry.name for entry in header.entries] != [group.name for group in wanted]:
        raise NotUsable("it does not have what the model asks for")
    for entry, group in zip(header.entries, wanted, strict=True):
        _check_entry(entry, group, packing)
    if end_of(header.entries, partial(panel_bytes, library)) != data_end:
        raise NotUsable("its panels end where they must not")


def packed_groups(groups: Sequence[Group], packing: Packing) -> list[Group]:
    """Those that a copy has: all whose matrices the kernels take."""
    return [
        group for group in groups if all(packing.takes(found, group.columns) for found in group.found(packing.finder))
    ]


def _check_entry(entry: Entry, group: Group, packing: Packing) -> None:
    """Each run must be some of the group's parts, whole and of its format."""
    if not entry.runs:
        return
    wrong = NotUsable("it does not have what the model asks for")
    if entry.columns != group.columns or any(len(run.scales) != group.count for run in entry.runs):
        raise wrong
    formats = [[panel_format(packing.format_of(part)) for part in found] for found in group.found(packing.finder)]
    if any(formats[0] != others for others in formats):
        raise wrong
    parts = list(zip(formats[0], (rows for _, rows in group.parts), strict=True))
    for run in entry.runs:
        left = run.rows
        while left > 0 and parts and parts[0][0] == run.format:
            left -= parts.pop(0)[1]
        if left:
            raise wrong
    if parts:
        raise wrong


def _count(entry: Entry) -> int:
    return len(entry.runs[0].scales)


def _mapped(file: BinaryIO) -> Tensor:
    """The whole file as bytes that nobody writes to."""
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        _advise(memory, mmap.MADV_HUGEPAGE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch's, that the memory is read-only: it is meant to be
        return torch.frombuffer(memory, dtype=torch.uint8)


def _advise(memory: mmap.mmap, advice: int) -> None:
    """Ask for large pages, which some file systems have and others refuse."""
    try:
        memory.madvise(advice)
    except OSError as error:
        logger.debug("no large pages for a packed copy: %s", error.strerror)
