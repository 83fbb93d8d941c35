"""The objects of a PDF file as they lie in its bytes, also those that no page shows (any more).

PDFium gives the text of pages; this gives every string in every object, metadata, forms in XML, embedded files, and
what kinds of objects there are. It follows no references and needs no sound file.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from nemora.documents.charset import decode_text
from nemora.documents.pdf_strings import strings_of
from nemora.documents.reading import Reading
from nemora.documents.xml_file import read_part

_OBJECT = re.compile(rb"\d{1,10}\s+\d{1,5}\s+obj\b")
_STREAM = re.compile(rb"stream(\r\n|\n|\r)")
_ESCAPED_NAME = re.compile(rb"#([0-9A-Fa-f]{2})")
_DRAWING = re.compile(rb"(?:^|[\s\]>)])(?:BT|ET|T[jJfdDm*]|re|cm|Do|q|Q|gs|BDC|EMC|BI|[fBbSsWn]\*?)(?=\s|$)")
_MACRO = re.compile(rb"/(JavaScript|JS|Launch)\b")
_OTHER_MEDIA = re.compile(rb"/(RichMedia|3D|Sound|Movie|Rendition)\b")
_DRAWN = re.compile(rb"/Subtype\s*/Type3\b|/PatternType\s+1\b")
_PICTURE = re.compile(rb"/Subtype\s*/Image\b")
_FONT = re.compile(rb"/Length1\b|/Subtype\s*/(Type1C|CIDFontType0C|OpenType)\b")
_TYPE = re.compile(rb"/Type\s*/(\w+)")
_FRAME = re.compile(r"PDF-\d\.\d|%EOF|[^ -~]{1,8}")  # the comments that every file has
_FILTER = re.compile(rb"/Filter\s*(\[[^\]]{0,200}\]|/\w+)")


@dataclass(frozen=True, slots=True)
class PdfObject:
    """`head` is everything but the stream, with names unescaped; `stream` is as stored, None if there is none."""

    head: bytes
    stream: bytes | None


def objects_of(data: bytes) -> Iterator[PdfObject]:
    starts = [found.start() for found in _OBJECT.finditer(data)]
    bounds = [0, *starts, len(data)]
    for start, end in pairwise(bounds):
        body = data[start:end]
        found = _STREAM.search(body)
        head = body[: found.start()] if found else body
        stream = body[found.end() : body.rfind(b"endstream")] if found else None
        yield PdfObject(_ESCAPED_NAME.sub(lambda code: bytes([int(code.group(1), 16)]), head), stream)


def read_objects(data: bytes, reading: Reading) -> bool:
    """Whether letters may be drawn that are no text, by patterns or by fonts made of drawings."""
    lines: dict[str, None] = {}
    drawn = False
    for found in objects_of(data):
        for piece in (found.head, *_read_stream(found, reading)):
            drawn |= bool(_DRAWN.search(piece))
            if _MACRO.search(piece):
                reading.lack("macro")
            if _OTHER_MEDIA.search(piece):
                reading.lack("embedded")
            if _PICTURE.search(piece):
                reading.lack("image")
            for key, text in strings_of(piece):
                if key != "ID" and not _FRAME.fullmatch(text):
                    lines[f"{key}: {text}" if key else text] = None
    reading.add("objects", "\n".join(lines))
    return drawn


def _read_stream(found: PdfObject, reading: Reading) -> list[bytes]:
    """Objects that are packed in the stream. Any other stream that is no drawing, picture or font is read as a file."""
    if found.stream is None or _PICTURE.search(found.head) or _FONT.search(found.head):
        return []
    kind = _TYPE.search(found.head)
    name = kind.group(1) if kind else b""
    if name in (b"XRef", b"XObject", b"Pattern", b"CMap") or b"/FunctionType" in found.head:
        return []
    content = _unpacked(found, reading)
    if content is None:
        if name in (b"ObjStm", b"Metadata", b"EmbeddedFile"):
            reading.lack("embedded")
        return []
    if name == b"ObjStm":
        return [_ESCAPED_NAME.sub(lambda code: bytes([int(code.group(1), 16)]), content)]
    if name == b"EmbeddedFile":
        if reading.is_new(content):
            reading.file(content)
    else:
        _read_text(content, reading, is_metadata=name == b"Metadata")
    return []


def _read_text(content: bytes, reading: Reading, is_metadata: bool) -> None:
    """XML, scripts, rich texts; not what draws a page."""
    start = content.lstrip()[:1]
    if start == b"<" or is_metadata:
        read_part(content, reading, "metadata" if is_metadata else "form", set())
    elif not _DRAWING.search(content) and b"begincmap" not in content:
        decoded = decode_text(content)
        if decoded is not None:
            reading.add("objects/stream", decoded.text)


def _unpacked(found: PdfObject, reading: Reading) -> bytes | None:
    """None if it is packed in a way that is not read here."""
    stream = found.stream or b""
    packing = _FILTER.search(found.head)
    names = re.findall(rb"/(\w+)", packing.group(1)) if packing else []
    if not names:
        return stream
    if names not in ([b"FlateDecode"], [b"Fl"]):
        return None
    unpack = zlib.decompressobj()
    try:
        content = unpack.decompress(stream, reading.left.unpacked_bytes + 1)
    except zlib.error:
        return None
    reading.spend_bytes(len(content))
    if not unpack.eof:
        return None
    return content
