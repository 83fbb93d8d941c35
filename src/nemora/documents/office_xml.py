"""Text of one XML part of an office file: paragraphs, table rows, tracked changes, and everything else that is text.

Works by local names, so that the strict, transitional and flat variants of a format need no list of their own. XML of
no known format is read by the same rules: the text of each element, under its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from nemora.documents.attribute_text import is_for_people, is_layout, is_own
from nemora.documents.plain import read_base64
from nemora.documents.reading import Reading

_PARAGRAPHS = {"p", "h", "si", "is"}
_TEXT_ELEMENTS = ("svg", "spreadsheetml")  # parts of the namespaces in which <text> is a paragraph
_TEXTS = {"t", "delText"}
_CELLS = {"tc", "table-cell", "covered-table-cell"}
_ROWS = {"tr", "table-row"}
_DELETED = {"del", "moveFrom"}
_INSERTED = {"ins", "moveTo"}
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "line-break": "\n", "noBreakHyphen": "-", "s": " ", "ptab": "\t"}
_BASE64 = {"binaryData", "binData", "binary-data", "binary"}
_FREE_TEXT = ("urn:oasis:names:tc:opendocument:", "http://www.w3.org/2000/svg")
_CURVES = {"cubicBezTo", "quadBezTo", "arcTo"}
_CURVES_OF_A_PICTURE = 64  # drawn with more, it may show letters


@dataclass(slots=True)
class _Paragraph:
    """As it reads now, and as it was before tracked changes."""

    now: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    changed: bool = False
    free: bool = False  # any text in it counts, as in OpenDocument


def _symbol(attributes: list[tuple[str, str, str]]) -> str:
    """A character of a symbol font, which may be moved into the private area."""
    code = next((value for _, attribute, value in attributes if attribute == "char"), "")
    if not re.fullmatch("[0-9A-Fa-f]{1,4}", code):
        return ""
    number = int(code, 16)
    return chr(number - 0xF000 if 0xF020 <= number <= 0xF0FF else number if not 0xD800 <= number < 0xE000 else 0x20)


def _is_paragraph(namespace: str, name: str) -> bool:
    return name in _PARAGRAPHS or (name == "text" and any(part in namespace for part in _TEXT_ELEMENTS))


class OfficeXml:
    """An `XmlHandler`. Call `finish` at the end, also when the XML was broken off.

    Args:
        seen: attribute values of this document that have a passage already.
        with_attributes: whether attributes are read; False where the source is a passage that shows them.
    """

    def __init__(self, reading: Reading, where: str, seen: set[str], with_attributes: bool = True) -> None:
        self.reading, self.where, self._seen = reading, where, seen
        self._lines: list[str] = []
        self._before: list[str] = []
        self._asides: list[str] = []
        self._attributes: list[str] = []
        self._fields: list[str] = []
        self._texts: list[list[str]] = []
        self._names: list[str] = []
        self._labels: list[str] = []
        self._paragraphs: list[_Paragraph] = []
        self._rows: list[list[list[str]]] = []
        self._deleted = self._inserted = 0
        self._with_attributes = with_attributes
        self._curves = 0

    def start(self, namespace: str, name: str, attributes: list[tuple[str, str, str]]) -> None:
        self._names.append(name)
        self._texts.append([])
        self._labels.append(next((value for _, attribute, value in attributes if attribute == "name"), ""))
        own = is_own(namespace)
        if attributes:
            self.take_attributes(namespace, name, attributes)
        if not own:
            return
        if _is_paragraph(namespace, name):
            self._paragraphs.append(_Paragraph(free=namespace.startswith(_FREE_TEXT)))
        elif name in _BREAKS:
            self._write(_BREAKS[name])
        elif name in _ROWS:
            self._rows.append([])
        elif name in _CELLS and self._rows:
            self._rows[-1].append([])
        elif name == "sym":
            self._write(_symbol(attributes))
        elif name in _CURVES:
            self._curves += 1
        elif name in _DELETED:
            self._deleted += 1
        elif name in _INSERTED:
            self._inserted += 1

    def end(self, namespace: str, name: str) -> None:
        self._names.pop()
        text = "".join(self._texts.pop())
        if text.strip():
            self._take_text(name, text)
        self._labels.pop()
        if not is_own(namespace):
            return
        if _is_paragraph(namespace, name) and self._paragraphs:
            self._end_paragraph(self._paragraphs.pop())
        elif name in _ROWS and self._rows:
            self.end_row([" ".join(cell) for cell in self._rows.pop()])
        elif name in _DELETED:
            self._deleted -= 1
        elif name in _INSERTED:
            self._inserted -= 1

    def data(self, text: str) -> None:
        paragraph = self._paragraphs[-1] if self._paragraphs else None
        if paragraph is not None and (paragraph.free or self._names[-1] in _TEXTS):
            self._write(text)
        elif self._names:
            self._texts[-1].append(text)

    def aside(self, text: str) -> None:
        self._asides.append(text)

    def end_row(self, cells: list[str]) -> None:
        self.put("\t".join(cells))

    def finish(self) -> None:
        parts = (
            ("", self._lines),
            ("/deleted", self._before),
            ("/attributes", self._attributes),
            ("/comments", self._asides),
        )
        for name, lines in parts:
            self.reading.add(self.where + name, "\n".join(lines))
        self.reading.add(f"{self.where}/fields", "".join(self._fields))
        if self._curves > _CURVES_OF_A_PICTURE:
            self.reading.lack("image")

    def _write(self, text: str) -> None:
        if not self._paragraphs:
            return
        paragraph = self._paragraphs[-1]
        if not self._deleted:
            paragraph.now.append(text)
        if not self._inserted:
            paragraph.before.append(text)
        paragraph.changed |= bool(self._deleted or self._inserted)

    def _end_paragraph(self, paragraph: _Paragraph) -> None:
        self.put("".join(paragraph.now))
        if paragraph.changed:
            self._before.append("".join(paragraph.before))

    def put(self, line: str) -> None:
        """A finished paragraph: into the open table cell, or as a line."""
        if self._rows and self._rows[-1]:
            self._rows[-1][-1].append(line)
        elif line.strip():
            self._lines.append(line)

    def _take_text(self, name: str, text: str) -> None:
        """Text of an element that is no run of a paragraph."""
        if name in _BASE64:
            read_base64(text, self.reading)
        elif name in ("instrText", "delInstrText"):
            self._fields.append(text)
        elif name == "t":
            self.put(text)
        else:
            given = next((label for label in reversed(self._labels[-2:]) if label), "")
            self.reading.add(self.where, text.strip(), given or name)

    def take_attributes(self, namespace: str, name: str, attributes: list[tuple[str, str, str]]) -> None:
        external = ("", "TargetMode", "External") in attributes
        for space, attribute, value in attributes:
            if name == "path" and attribute == "d":
                self._curves += sum(map(value.count, "CcSsQqTtAa"))
            if value in self._seen or not self._with_attributes:
                continue
            if is_for_people(name, attribute) or (external and attribute == "Target"):
                self._seen.add(value)
                self.reading.add(f"{self.where}/attributes", value, attribute)
            elif not is_layout(space or namespace, name, attribute, value):
                self._seen.add(value)
                self._attributes.append(value)
