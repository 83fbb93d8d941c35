"""What kind of file some bytes are, from the bytes alone. Names and declared types are not asked: they may lie."""

from __future__ import annotations

import re

from nemora.documents.charset import decode_text

IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"BM", "BMP"),
)
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
_OTHER_ARCHIVES = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd", b"\x1f\x9d", b"MSCF\0\0\0\0")
_HEADER = re.compile(r"[!-9;-~]{1,100}:[ \t]?[^\r\n]*")
_MAIL_HEADERS = {
    *("received", "return-path", "delivered-to", "message-id", "mime-version", "from", "to", "subject", "date"),
    *("content-type", "content-transfer-encoding", "sender", "reply-to", "dkim-signature", "x-mailer"),
}
_COMMENTS = r"\s*(?:<!--(?:(?!-->).)*-->\s*)*"
_HTML = re.compile(
    _COMMENTS + r"<(!doctype\s+html|html|head|body|meta|title|script|style|div|p|table|span|br)\b",
    re.IGNORECASE | re.DOTALL,
)
_MARKUP = re.compile(
    _COMMENTS + r"<(\?xml\b|!DOCTYPE\b|[A-Za-z_][\w.-]*(:[\w.-]+)?(\s+[\w:.-]+\s*=|\s*/?>))", re.DOTALL
)


def kind_of(data: bytes) -> str:
    """ "pdf", "zip", "packed" (gzip, bzip2, xz), "tar", "ole" (Office before 2007), "image", "rtf", "email", "html",
    "xml", "text", "archive" (one that is not read) or "unknown"."""
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if data.startswith(_PACKED):
        return "packed"
    if data.startswith(_OTHER_ARCHIVES):
        return "archive"
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "ole"
    if data[257:262] == b"ustar":
        return "tar"
    if image_format(data) is not None:
        return "image"
    if data.startswith(b"{\\rtf"):
        return "rtf"
    decoded = decode_text(data)
    return "unknown" if decoded is None else _kind_of_text(decoded.text)


def image_format(data: bytes) -> str | None:
    """The one format that an image is opened as, in Pillow's words."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    for start, name in IMAGES:
        # "BM" alone also starts texts: a bitmap has four reserved zero bytes, and a header of a known size.
        if data.startswith(start) and (name != "BMP" or (data[6:10] == bytes(4) and data[15:18] == bytes(3))):
            return name
    return None


def _kind_of_text(text: str) -> str:
    if _is_mail(text):
        return "email"
    if _HTML.match(text[:4096]):
        return "html"
    return "xml" if _MARKUP.match(text[:4096]) else "text"


def _is_mail(text: str) -> bool:
    """Two headers of mail, and one of them in the first lines, before anything that is no header."""
    names: set[str] = set()
    for number, line in enumerate(text[:65536].splitlines()):
        if not line.strip():
            break
        if line[0] in " \t" and number:
            continue
        if number == 0 and line.startswith("From "):
            continue
        if not _HEADER.fullmatch(line):
            return False
        names.add(line.partition(":")[0].lower())
    return len(names & _MAIL_HEADERS) >= 2
