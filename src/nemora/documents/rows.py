"""Rows of a sheet as passages: cells under a header get it as their label, the others of a row are one passage."""

from __future__ import annotations

from dataclasses import dataclass

from nemora.documents.reading import Reading


@dataclass(frozen=True, slots=True)
class Cell:
    column: int
    text: str
    is_text: bool = True


class Rows:
    """The first row with anything in it is the header if it has more than one cell, and only texts."""

    def __init__(self, reading: Reading, where: str) -> None:
        self._reading, self._where = reading, where
        self._headers: dict[int, str] | None = None

    def take(self, number: int, cells: list[Cell]) -> None:
        cells = [cell for cell in cells if cell.text.strip()]
        if not cells:
            return
        where = f"{self._where}/row/{number}"
        if self._headers is None:
            is_header = len(cells) > 1 and all(cell.is_text for cell in cells)
            self._headers = {cell.column: cell.text for cell in cells} if is_header else {}
            self._reading.add(where, "\t".join(cell.text for cell in cells))
            return
        labelled = [cell for cell in cells if cell.column in self._headers]
        self._reading.add(where, "\t".join(cell.text for cell in cells if cell.column not in self._headers))
        for cell in labelled:
            self._reading.add(where, cell.text, self._headers[cell.column])
