"""E-mail as files (.eml, .mht): headers as they are and decoded, every part, attachments as files."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import Message

from nemora.documents.charset import decode_with
from nemora.documents.reading import Reading

_TEXTS = {"7bit", "8bit", "binary", "quoted-printable", "base64", ""}
_UUENCODED = {"x-uuencode", "uuencode", "uue", "x-uue"}


def read_mail(data: bytes, reading: Reading) -> None:
    reading.kind = "email"
    mails = re.split(rb"(?<=\n)\r?\n(?=From )", data) if data.startswith(b"From ") else [data]
    if len(mails) > 1:  # a mailbox
        for mail in mails:
            reading.file(mail)
        return
    message: Message = message_from_bytes(data, policy=policy.compat32)
    for number, part in enumerate(message.walk(), 1):
        reading.spend_member()
        where = "headers" if number == 1 else f"part/{number}/headers"
        _read_headers(part, reading, where)
        if part.defects:
            reading.lack("damaged")
        if part.is_multipart():
            for text in (part.preamble, part.epilogue):
                reading.add(f"part/{number}", text or "")
        else:
            _read_body(part, reading, number)


def _read_headers(part: Message, reading: Reading, where: str) -> None:
    for name, value in part.items():
        source = str(value)
        shown = _decoded(source, reading)
        reading.add(where, shown, name)
        if shown != source:
            reading.add(where, source, name)
    unix_from = part.get_unixfrom()
    reading.add(where, unix_from or "")
    file_name = part.get_filename()
    reading.add(where, str(file_name or ""), "filename")


def _decoded(source: str, reading: Reading) -> str:
    """Encoded words resolved; one that cannot be is left, and noted."""
    try:
        return str(make_header(decode_header(source)))
    except (ValueError, LookupError, TypeError):
        reading.lack("charset")
        return source


def _read_body(part: Message, reading: Reading, number: int) -> None:
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    if encoding not in _TEXTS | _UUENCODED:
        reading.lack("unknown_kind")
    payload = part.get_payload(decode=True)
    body = payload if isinstance(payload, bytes) else b""
    if part.defects:  # found while it was decoded
        reading.lack("damaged")
    reading.spend_bytes(len(body))
    if part.get_content_maintype() == "text" and (part.get_content_charset() or not body.isascii()):
        declared = decode_with(body, part.get_content_charset() or "utf-8")
        if not declared.sure:
            reading.lack("charset")
        if not declared.text.isascii():
            body = declared.text.encode("utf-8-sig", "replace")  # with the mark, which goes before what HTML declares
    if body.strip():
        reading.file(body)
