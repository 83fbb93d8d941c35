"""Files of XML, SVG among them: the source, and the text of its elements."""

from __future__ import annotations

from nemora.documents.office_xml import OfficeXml
from nemora.documents.plain import read_text
from nemora.documents.reading import Reading, Unreadable
from nemora.documents.xml_events import parse_xml

_SVG = b"http://www.w3.org/2000/svg"


def read_xml(data: bytes, reading: Reading) -> None:
    read_text(data, reading)
    reading.kind = "svg" if _SVG in data or b"<svg" in data[:1024] else "xml"
    finish_part(data, OfficeXml(reading, "xml", set()), reading)


def read_part(data: bytes, reading: Reading, where: str, seen: set[str]) -> None:
    """One XML part of an office file."""
    finish_part(data, OfficeXml(reading, where, seen), reading)


def finish_part(data: bytes, part: OfficeXml, reading: Reading) -> None:
    """Read it to its end, or to where it is damaged."""
    try:
        parse_xml(data, part)
    except Unreadable as error:
        reading.lack(error.code)
    part.finish()
