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
    """The first row of more than one cell is the header, if all of them are texts."""

    def __init__(self, reading: Reading, where: str) -> None:
        self._reading, self._where = reading, where
        self._headers: dict[int, str] | None = None

    def take(self, number: int, cells: list[Cell]) -> None:
        cells = [cell for cell in cells if cell.text.strip()]
        where = f"{self._where}/row/{number}"
        headers = self._headers or {}
        if self._headers is None and len(cells) > 1:
            is_header = all(cell.is_text for cell in cells)
            self._headers = {cell.column: cell.text for cell in cells} if is_header else {}
        self._reading.add(where, "\t".join(cell.text for cell in cells if cell.column not in headers))
        for cell in cells:
            if cell.column in headers:
                self._reading.add(where, cell.text, headers[cell.column])
