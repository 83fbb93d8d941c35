"""Files of XML, SVG among them: the source, and the text of its elements."""

from __future__ import annotations

import re

from nemora.documents.charset import decode_text
from nemora.documents.markup_text import html_to_text
from nemora.documents.office_xml import OfficeXml
from nemora.documents.plain import read_text
from nemora.documents.reading import Reading, Unreadable
from nemora.documents.xml_events import parse_xml

_DECLARED = re.compile(rb"<\0?\?\0?x\0?m\0?l|<!DOCTYPE|xmlns")
_SVG = b"http://www.w3.org/2000/svg"


def read_xml(data: bytes, reading: Reading) -> None:
    """What only looks like XML, as a dialogue with names in brackets does, is read as loose HTML."""
    read_text(data, reading)
    reading.kind = "svg" if _SVG in data or b"<svg" in data[:1024] else "xml"
    part = OfficeXml(reading, "xml", set(), with_attributes=b"&" in data)
    try:
        parse_xml(data, part)
    except Unreadable as error:
        if _DECLARED.search(data[:4096]):
            reading.lack(error.code)
        else:
            reading.kind = "html"
            decoded = decode_text(data)
            reading.add("page", html_to_text(decoded.text) if decoded is not None else "")
    part.finish()


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
