"""Text files, and HTML: the whole source, what a reader of the page sees, and the files in `data:` URLs."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from urllib.parse import unquote_to_bytes

from nemora.documents.charset import DecodedText, decode_text, decode_with
from nemora.documents.markup_text import html_to_text
from nemora.documents.reading import Reading, Unreadable

# What follows is looked at, not consumed: another URL may start in it. Base64 goes on in the next line, and after a
# space if that is followed by more of it; shorter words are the text around.
_DATA_URL = re.compile(
    r"data:([\w.+-]+/[\w.+-]+(?:;[\w.+-]+=[\w.+\"-]+)*)?"
    r"(?:(;base64),(?=((?:[A-Za-z0-9+/=_%-]+|[\r\n]\s*|[ \t]+(?=[A-Za-z0-9+/=_%-]{16}))*))|,(?=([^\s\"'<>]*)))",
    re.IGNORECASE,
)
# Files in base64 that their first bytes tell, e.g. in the JSON of notebooks: PNG, JPEG, PDF, zip, gzip, bzip2, xz, GIF,
# OLE, RIFF, TIFF, RTF. Line breaks may be written as \\n.
_BASE64_FILE = re.compile(
    r"(?<![A-Za-z0-9+/])(?:iVBORw0KGgo|/9j/|JVBERi0|UEsDB|H4sI|QlpoO|/Td6WFo|R0lGOD|0M8R4KGx|UklGR|SUkqA|TU0AK|e1xydG)"
    r"(?:[A-Za-z0-9+/=]|\\[rn]|[\r\n]\s*){40,}"
)
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([\w.:-]{2,40})", re.IGNORECASE)


def read_text(data: bytes, reading: Reading) -> None:
    reading.kind = "text"
    read_source(_decoded(data, reading), reading)


def read_html(data: bytes, reading: Reading) -> None:
    """Twice where the page declares another encoding than its bytes show: a browser may follow either."""
    reading.kind = "html"
    texts = [_decoded(data, reading)]
    declared = _CHARSET.search(data[:2048])
    if declared and not data.startswith(codecs.BOM_UTF8):
        other = decode_with(data, declared.group(1).decode("ascii"))
        if other.sure and other.text.lstrip("\ufeff") != texts[0]:
            texts.append(other.text)
    for text in texts:
        read_source(text, reading)
        read_source(html_to_text(text), reading, "page")


def read_source(text: str, reading: Reading, where: str = "text") -> None:
    """The text as it is, and what lies in its `data:` URLs."""
    reading.add(where, text)
    for found in _DATA_URL.finditer(text):
        declared, is_base64, encoded, quoted = found.groups()
        if is_base64:
            read_base64(encoded, reading)
        elif declared:
            _read_once(unquote_to_bytes(quoted), reading)
    for found in _BASE64_FILE.finditer(text):
        read_base64(re.sub(r"\\[rn]", "", found.group()), reading)


def read_base64(text: str, reading: Reading) -> None:
    """A file that is written in base64 (also as in URLs)."""
    digits = unquote_to_bytes("".join(text.split())).replace(b"-", b"+").replace(b"_", b"/")
    try:
        body = base64.b64decode(digits + b"==")
    except (binascii.Error, ValueError):
        reading.lack("damaged")
        return
    if body:
        _read_once(body, reading)


def _read_once(body: bytes, reading: Reading) -> None:
    reading.spend_bytes(len(body))
    if reading.is_new(body):
        reading.file(body)


def _decoded(data: bytes, reading: Reading) -> str:
    decoded: DecodedText | None = decode_text(data)
    if decoded is None:
        raise Unreadable("unknown_kind")
    if not decoded.sure:
        reading.lack("charset")
    return decoded.text
