"""The XML parts of a workbook: shared strings, the styles that are dates, and sheets cell by cell."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from nemora.documents.office_xml import OfficeXml
from nemora.documents.reading import Reading
from nemora.documents.rows import Cell, Rows

_DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_TEXT_TYPES = {"s", "inlineStr", "str"}
_FIRST_DAY = datetime(1899, 12, 30)


class SharedStrings(OfficeXml):
    """xl/sharedStrings.xml: `strings`, which cells name by their index. Phonetic readings are part of a string."""

    def __init__(self, reading: Reading, seen: set[str]) -> None:
        super().__init__(reading, "strings", seen)
        self.strings: list[str] = []

    def put(self, line: str) -> None:
        self.strings.append(line)


class DateStyles:
    """An `XmlHandler` for xl/styles.xml: `indexes` of the cell styles that show a number as a date."""

    def __init__(self) -> None:
        self.indexes: set[int] = set()
        self._formats = set(_DATE_FORMATS)
        self._in_cells = False
        self._count = 0

    def start(self, namespace: str, name: str, attributes: list[tuple[str, str, str]]) -> None:
        found = {attribute: value for _, attribute, value in attributes}
        number = found.get("numFmtId", "")
        if name == "numFmt" and number.isdigit() and re.search("[dmyh]", _QUOTED.sub("", found.get("formatCode", ""))):
            self._formats.add(int(number[:9]))
        elif name == "cellXfs":
            self._in_cells = True
        elif name == "xf" and self._in_cells:
            if number.isdigit() and int(number[:9]) in self._formats:
                self.indexes.add(self._count)
            self._count += 1

    def end(self, namespace: str, name: str) -> None:
        self._in_cells &= name != "cellXfs"

    def data(self, text: str) -> None:
        """Styles hold their texts in attributes."""

    def aside(self, text: str) -> None:
        """Comments are read with the part as any other XML."""


class SheetXml(OfficeXml):
    """A sheet: rows (hidden ones too) with values and formulas; everything else as in any part.

    Args:
        used: indexes of shared strings that some cell shows; added to.
    """

    def __init__(
        self, reading: Reading, where: str, seen: set[str], strings: list[str], used: set[int], dates: set[int]
    ) -> None:
        super().__init__(reading, where, seen)
        self._strings, self._used, self._dates = strings, used, dates
        self._sheet_rows = Rows(reading, where)
        self._row, self._column = 0, 0
        self._cells: list[Cell] = []
        self._formulas: list[str] = []
        self._cell: dict[str, str] | None = None
        self._values: dict[str, list[str]] = {}
        self._inside = ""

    def start(self, namespace: str, name: str, attributes: list[tuple[str, str, str]]) -> None:
        if self._cell is not None:
            self._inside = name
            if attributes:
                self.take_attributes(namespace, name, attributes)
            return
        if name == "row":
            given = next((value for _, attribute, value in attributes if attribute == "r"), "")
            self._row = int(given) if re.fullmatch(r"\d{1,7}", given) else self._row + 1
            self._column = 0
        elif name == "c":
            self._cell = {attribute: value for _, attribute, value in attributes}
            self._values = {}
            return
        super().start(namespace, name, attributes)

    def end(self, namespace: str, name: str) -> None:
        if self._cell is not None:
            self._inside = ""
            if name == "c":
                self._end_cell(self._cell)
                self._cell = None
            return
        if name == "row":
            self._sheet_rows.take(self._row, self._cells)
            for formula in self._formulas:
                self.reading.add(f"{self.where}/row/{self._row}", formula, "formula")
            self._cells, self._formulas = [], []
        super().end(namespace, name)

    def data(self, text: str) -> None:
        if self._cell is None:
            super().data(text)
        else:
            self._values.setdefault(self._inside, []).append(text)

    def _end_cell(self, cell: dict[str, str]) -> None:
        found = _REFERENCE.fullmatch(cell.get("r", ""))
        self._column = _column_number(found.group(1)) if found else self._column + 1
        kind = cell.get("t", "n")
        texts = {name: "".join(parts) for name, parts in self._values.items()}
        shown = self._shown(texts.pop("v", ""), kind, cell.get("s", ""))
        formula = texts.pop("f", "")
        if formula.strip():
            self._formulas.append(formula)
        rest = "".join(texts.values())
        for text in (shown, rest):
            self._cells.append(Cell(self._column, text, kind in _TEXT_TYPES))

    def _shown(self, value: str, kind: str, style: str) -> str:
        if kind == "s":
            if not re.fullmatch(r"\s*\d{1,9}\s*", value) or int(value) >= len(self._strings):
                if value.strip():
                    self.reading.lack("damaged")
                return value
            self._used.add(int(value))
            return self._strings[int(value)]
        if kind != "n":
            return value
        if re.fullmatch(r"\d{1,7}", style) and int(style) in self._dates:
            return _date(value)
        return _plain_number(value)


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _plain_number(value: str) -> str:
    """Long whole numbers are stored as 4.71620938854172E15; what is read is what is shown."""
    if "E" not in value.upper():
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e21 else value


def _date(value: str) -> str:
    """From days since 1899-12-30."""
    try:
        return (_FIRST_DAY + timedelta(days=float(value))).isoformat(" ", "seconds").removesuffix(" 00:00:00")
    except (ValueError, OverflowError):
        return value
