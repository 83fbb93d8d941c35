"""Office files of XML in a zip: docx, xlsx, pptx. Every part is read, files in them too."""

from __future__ import annotations

import re

from nemora.documents.reading import Reading, Unreadable
from nemora.documents.sheet_xml import DateStyles, SharedStrings, SheetXml
from nemora.documents.xml_events import parse_xml
from nemora.documents.xml_file import finish_part, read_part
from nemora.documents.zip_parts import ZipParts

STRINGS = "xl/sharedstrings.xml"
_MAIN_PARTS = (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx"))
_XML = re.compile(r".*\.(xml|rels|vml)", re.IGNORECASE | re.DOTALL)
_MACRO = re.compile(r".*(vbaproject|vbadata|macrosheets/)", re.IGNORECASE | re.DOTALL)
_PLACES = tuple(
    (re.compile(pattern, re.IGNORECASE), place)
    for pattern, place in (
        (r"word/document\.xml", "body"),
        (r"word/(?:header|footer)(\d{0,6})\.xml", "header"),
        (r"word/(?:footnotes|endnotes)\.xml", "footnotes"),
        (r"word/comments\w{0,20}\.xml", "comments"),
        (r"xl/(?:threadedComments/|comments/)?(?:comments|threadedComment)(\d{0,6})\.xml", "comments"),
        (r"xl/worksheets/sheet(\d{1,6})\.xml", "sheet"),
        (r"xl/workbook\.xml", "workbook"),
        (r"ppt/slides/slide(\d{1,6})\.xml", "slide"),
        (r"ppt/notesSlides/notesSlide(\d{1,6})\.xml", "notes"),
        (r"ppt/comments/\w{0,30}?(\d{0,6})\.xml", "comments"),
        (r"\w{1,10}/charts/chart(\d{1,6})\.xml", "chart"),
        (r"docProps/\w{1,20}\.xml", "metadata"),
        (r"customXml/item(\d{1,6})\.xml", "custom"),
        (r".*\.rels", "links"),
    )
)


def read_office(parts: ZipParts, reading: Reading) -> None:
    names = [name.lower() for name in parts.names]
    for folder, kind in _MAIN_PARTS:
        if any(name.startswith(folder) for name in names):
            reading.kind = kind
    reading.add("names", "\n".join(parts.names))
    contents: dict[int, bytes] = {}
    for number, info in enumerate(parts.members):
        reading.spend_member()
        data = parts.read(info)
        if data is not None:
            contents[number] = data
    seen: set[str] = set()
    by_name = {parts.members[number].filename.lower(): data for number, data in contents.items()}
    book = _Workbook(reading, by_name, seen)
    for number, data in contents.items():
        name = parts.members[number].filename
        if _MACRO.match(name):
            reading.lack("macro")
        if not _XML.fullmatch(name):
            _read_other(data, reading, name)
        elif re.match(r"xl/(work|macro|dialog)sheets/[^/]*\.xml", name, re.IGNORECASE):
            book.read_sheet(data, _place(name, number))
        elif data is not by_name.get(STRINGS):
            read_part(data, reading, _place(name, number), seen)
    book.finish()


def _read_other(data: bytes, reading: Reading, name: str) -> None:
    """A part that is no XML: a picture, a font, a file of any kind. A program is not read."""
    if not _MACRO.match(name) and data:
        reading.file(data)


def _place(name: str, number: int) -> str:
    for pattern, place in _PLACES:
        found = pattern.fullmatch(name)
        if found:
            return "/".join((place, *(digits for digits in found.groups() if digits)))
    return f"part/{number}"


class _Workbook:
    """What sheets need of other parts."""

    def __init__(self, reading: Reading, parts: dict[str, bytes], seen: set[str]) -> None:
        self._reading, self._seen = reading, seen
        self._used: set[int] = set()
        shared, styles = SharedStrings(reading, seen), DateStyles()
        if STRINGS in parts:
            finish_part(parts[STRINGS], shared, reading)
        if "xl/styles.xml" in parts:
            try:
                parse_xml(parts["xl/styles.xml"], styles)
            except Unreadable as error:
                reading.lack(error.code)
        self._strings, self._dates = shared.strings, styles.indexes

    def read_sheet(self, data: bytes, where: str) -> None:
        sheet = SheetXml(self._reading, where, self._seen, self._strings, self._used, self._dates)
        finish_part(data, sheet, self._reading)

    def finish(self) -> None:
        """Strings that no cell shows (any more)."""
        left = [text for number, text in enumerate(self._strings) if number not in self._used]
        self._reading.add("strings", "\n".join(left))
