"""OpenDocument files (odt, ods, odp, odg ...): XML in a zip, read as office files are; sheets row by row."""

from __future__ import annotations

import re

from nemora.documents.office_xml import OfficeXml
from nemora.documents.reading import Reading
from nemora.documents.rows import Cell, Rows
from nemora.documents.xml_file import finish_part
from nemora.documents.zip_parts import ZipParts

_KINDS = {"text": "odt", "spreadsheet": "ods", "presentation": "odp", "graphics": "odg", "formula": "odf"}
_PLACES = {"content.xml": "body", "styles.xml": "styles", "meta.xml": "metadata", "settings.xml": "settings"}
_CELLS = {"table-cell", "covered-table-cell"}
_WIDEST = 16384


class OpenDocumentXml(OfficeXml):
    """An XML part; the rows of its tables are passages, "table/1/row/2"."""

    def __init__(self, reading: Reading, where: str, seen: set[str]) -> None:
        super().__init__(reading, where, seen)
        self._tables, self._row = 0, 0
        self._table_rows: Rows | None = None
        self._columns: list[int] = []
        self._next_column = 0

    def start(self, namespace: str, name: str, attributes: list[tuple[str, str, str]]) -> None:
        if name == "table":
            self._tables += 1
            self._row = 0
            self._table_rows = Rows(self.reading, f"{self.where}/table/{self._tables}")
        elif name == "table-row":
            self._columns, self._next_column = [], 0
        elif name in _CELLS:
            self._columns.append(self._next_column)
            self._next_column = min(_WIDEST, self._next_column + _repeated(attributes))
        super().start(namespace, name, attributes)

    def end_row(self, cells: list[str]) -> None:
        self._row += 1
        if self._table_rows is None or len(self._columns) != len(cells):  # a table in a cell of a table
            super().end_row(cells)
            return
        row = [Cell(column, text, not _is_number(text)) for column, text in zip(self._columns, cells, strict=True)]
        self._table_rows.take(self._row, row)


def read_open_document(parts: ZipParts, reading: Reading, declared: str) -> None:
    """`declared` is the content of the member "mimetype"."""
    reading.kind = next((kind for word, kind in _KINDS.items() if f"opendocument.{word}" in declared), "odf")
    reading.add("names", "\n".join(parts.names))
    seen: set[str] = set()
    for number, info in enumerate(parts.members):
        reading.spend_member()
        data = parts.read(info)
        if not data:
            continue
        name = info.filename.rpartition("/")[2]
        if name == "manifest.xml" and b"encryption-data" in data:
            reading.lack("encrypted")
        if info.filename.startswith(("Basic/", "Scripts/")):
            reading.lack("macro")
        if info.filename == "mimetype":
            reading.add("metadata", data.decode("utf-8", "replace"), "type")
        elif re.fullmatch(r".*\.(xml|rdf)", info.filename, re.DOTALL):
            where = _PLACES.get(info.filename, f"part/{number}")
            finish_part(data, OpenDocumentXml(reading, where, seen), reading)
        else:
            reading.file(data)


def _repeated(attributes: list[tuple[str, str, str]]) -> int:
    given = next((value for _, attribute, value in attributes if attribute == "number-columns-repeated"), "1")
    return int(given) if re.fullmatch(r"\d{1,7}", given) else 1


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"\s*[-+]?[\d.,]+\s*%?", text))
