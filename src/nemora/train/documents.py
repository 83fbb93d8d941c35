"""Texts in files that are too large for memory: where each begins is known, and one is read when it is asked for."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import overload

from nemora.errors import UsageError


class TextFiles(Sequence[str]):
    """The texts of .jsonl files, one object with the key `field` a line, and of .txt files, each of which is one text.

    Lines are found once, in one reading; eight bytes of memory are kept for each.

    Raises:
        UsageError: a file of another kind, or that cannot be read; when a line is read: it is no such object.
    """

    def __init__(self, paths: Sequence[Path], *, field: str = "text") -> None:
        self.paths, self.field = tuple(paths), field
        self.files, self.offsets = array("L"), array("Q")
        for number, path in enumerate(self.paths):
            for offset in _offsets(path):
                self.files.append(number)
                self.offsets.append(offset)

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        path = self.paths[self.files[index]]
        if path.suffix == ".txt":
            return path.read_text(encoding="utf-8", errors="replace")
        with path.open("rb") as source:
            source.seek(self.offsets[index])
            line = source.readline()
        return self._text(line, path, self.offsets[index])

    def _text(self, line: bytes, path: Path, offset: int) -> str:
        where = f"The line at byte {offset} of {path.name}"
        try:
            text = json.loads(line).get(self.field)
        except (ValueError, AttributeError, RecursionError) as error:
            raise UsageError(f"{where} is no JSON object; one with the key {self.field!r} was expected.") from error
        if not isinstance(text, str):
            raise UsageError(f"{where} has no text under {self.field!r}.")
        return text


def _offsets(path: Path) -> list[int]:
    """Where the texts of a file begin, in bytes. Blank lines are none."""
    if path.suffix not in (".jsonl", ".txt"):
        raise UsageError(f"{path.name} is neither .jsonl nor .txt; only these hold texts.")
    try:
        if path.suffix == ".txt":
            return [0] if path.stat().st_size else []
        with path.open("rb") as source:
            offsets, offset = [], 0
            for line in source:
                if line.strip():
                    offsets.append(offset)
                offset += len(line)
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read ({error.strerror}).") from error
    return offsets
