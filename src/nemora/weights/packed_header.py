"""The header of a packed copy: what lies where in the file, checked as if a stranger had written it.

    0    8 bytes   MAGIC
    8    8 bytes   where the header begins, little-endian
    16   8 bytes   its length; the file ends with it
    24   32 bytes  its sha256
    4096           panels, each at a multiple of ALIGNMENT, in the header's order and without gaps but for that
    ...            the header: JSON

What comes first is written last: a file that was not finished begins with zeros.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nemora.errors import CorruptCheckpoint
from nemora.ops.cpu.packed_weight import PANEL_FORMATS
from nemora.weights.strict_json import parse_object

MAGIC = b"NMRPACK1"
PREFIX = struct.Struct("<8sQQ32s")
DATA_AT = 4096
ALIGNMENT = 64
"""A cache line."""
MAX_HEADER_BYTES = 1 << 26
MAX_NUMBER = 1 << 40
MAX_NAME = 4096

PanelBytes = Callable[[str, int, int], int]
"""Bytes of a matrix as panels: format, rows, columns."""
_HEX = re.compile(r"[0-9a-f]{64}")


class NotUsable(Exception):
    """Why a packed copy is not used; the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Run:
    """Matrices of one format and shape, one for each of `scales`: a fused weight's rows so far, or all experts."""

    format: str
    rows: int
    scales: tuple[float, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A group's matrices: of one weight the runs by rows, of experts a single run. No runs: they are not packed."""

    name: str
    columns: int
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """All that the file says of itself.

    `source` is the identity of the files that it was made of, `made` its own time of change in seconds, `model` what
    people may call it, and `layouts` the fingerprint of each format that occurs (`panel_layout`).
    """

    source: str
    made: int
    model: str
    layouts: dict[str, str]
    entries: tuple[Entry, ...]


def padded(size: int) -> int:
    """Where the next panels may begin."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def end_of(entries: Sequence[Entry], panel_bytes: PanelBytes) -> int:
    """Where the last panels end, if all lie where they must.

    Raises:
        NotUsable: they do not.
    """
    at = DATA_AT
    for entry in entries:
        for run in entry.runs:
            if run.offset != at:
                raise NotUsable("its panels lie where none are")
            at += padded(panel_bytes(run.format, run.rows, entry.columns)) * len(run.scales)
    return at


def encode(header: Header) -> bytes:
    """The JSON text."""
    weights = [
        {
            "name": entry.name,
            "columns": entry.columns,
            "runs": [
                {"format": run.format, "rows": run.rows, "scales": list(run.scales), "offset": run.offset}
                for run in entry.runs
            ],
        }
        for entry in header.entries
    ]
    table = {
        "source": header.source,
        "made": header.made,
        "model": header.model,
        "layouts": header.layouts,
        "weights": weights,
    }
    return json.dumps(table, separators=(",", ":")).encode()


def prefix(text: bytes, at: int) -> bytes:
    """What a file begins with whose header is `text`, at byte `at`."""
    return PREFIX.pack(MAGIC, at, len(text), hashlib.sha256(text).digest())


def place_of_header(start: bytes, length: int) -> tuple[int, int]:
    """Where the header of a file of `length` bytes begins, and its size. `start` are the first bytes.

    Raises:
        NotUsable: it is no packed copy, or not a whole one.
    """
    if len(start) < PREFIX.size:
        raise NotUsable("it is cut short")
    magic, at, size, _ = PREFIX.unpack_from(start)
    if magic != MAGIC:
        raise NotUsable("it is not finished, or no packed copy that this version of Nemora knows")
    if not 0 < size <= MAX_HEADER_BYTES or at < DATA_AT or at + size != length:
        raise NotUsable("it is cut short or damaged")
    return at, size


def decode(start: bytes, text: bytes) -> Header:
    """The header of a file that begins with `start`.

    Raises:
        NotUsable: it is not the text that was written, or says what cannot be.
    """
    if hashlib.sha256(text).digest() != PREFIX.unpack_from(start)[3]:
        raise NotUsable("its header is damaged")
    return parse(text)


def parse(text: bytes) -> Header:
    """A header's text, every field checked for its type and range.

    Raises:
        NotUsable: a field is missing, unknown or wrong.
    """
    try:
        table = parse_object(text, "header")
    except CorruptCheckpoint:
        raise NotUsable("its header is no sound JSON") from None
    fields = _fields(table, "source", "made", "model", "layouts", "weights")
    entries = tuple(_entry(item) for item in _list(fields["weights"]))
    if len({entry.name for entry in entries}) != len(entries):
        raise NotUsable("its header has a weight twice")
    layouts = fields["layouts"]
    if not isinstance(layouts, dict):
        raise _wrong()
    return Header(
        source=_hex(fields["source"]),
        made=_number(fields["made"]),
        model=_text(fields["model"]),
        layouts={_format(name): _hex(value) for name, value in layouts.items()},
        entries=entries,
    )


def _entry(value: object) -> Entry:
    fields = _fields(value, "name", "columns", "runs")
    runs = tuple(_run(item) for item in _list(fields["runs"]))
    return Entry(_text(fields["name"]), _number(fields["columns"], least=1), runs)


def _run(value: object) -> Run:
    fields = _fields(value, "format", "rows", "scales", "offset")
    return Run(
        format=_format(fields["format"]),
        rows=_number(fields["rows"], least=1),
        scales=_scales(fields["scales"]),
        offset=_number(fields["offset"]),
    )


def _fields(value: object, *names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise _wrong()
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong()
    return value


def _number(value: object, *, least: int = 0) -> int:
    if type(value) is not int or not least <= value < MAX_NUMBER:
        raise _wrong()
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise _wrong()
    return value


def _hex(value: object) -> str:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise _wrong()
    return value


def _scales(value: object) -> tuple[float, ...]:
    scales = tuple(_list(value))
    if not scales or not all(type(scale) is float and math.isfinite(scale) for scale in scales):
        raise _wrong()
    return scales


def _format(value: object) -> str:
    if not isinstance(value, str) or value not in PANEL_FORMATS:
        raise _wrong()
    return value


def _wrong() -> NotUsable:
    return NotUsable("its header has a field that is wrong")
