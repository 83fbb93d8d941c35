"""A small pool of documents for the boundary campaign, made once: clean, with a needle, or unreadable."""

from __future__ import annotations

import base64
import gzip
import html
import io
import random
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from campaign_needles import Needle, access_key, card, iban, letters, mail

TIDES = "Tides are long waves that follow the moon around the earth, twice in each day."
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


@dataclass(frozen=True)
class Document:
    """A part of a message, and the needles in it: for what must stay as a whole, one of the kind "unreadable"."""

    part: dict[str, Any]
    needles: tuple[Needle, ...]


def zipped(parts: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def docx(text: str) -> bytes:
    main = f'<Override PartName="/word/document.xml" ContentType="{WORD}.main+xml"/>'
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    body = f"<w:document {W}><w:body><w:p><w:r><w:t>{html.escape(text)}</w:t></w:r></w:p></w:body></w:document>"
    default = '<Default Extension="xml" ContentType="application/xml"/>'
    return zipped({"[Content_Types].xml": f'<Types xmlns="{types}">{default}{main}</Types>', "word/document.xml": body})


def xlsx(text: str) -> bytes:
    cell = f'<row r="1"><c r="A1" t="inlineStr"><is><t>{html.escape(text)}</t></is></c></row>'
    sheet = f"<worksheet {S}><sheetData>{cell}</sheetData></worksheet>"
    return zipped({"[Content_Types].xml": "<Types/>", "xl/worksheets/sheet1.xml": sheet})


def pdf(text: str) -> bytes:
    shown = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R "
        "/Resources << /Font << /F1 3 0 R >> >> >>",
        f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream",
    ]
    data, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = (
        f"xref\n0 6\n0000000000 65535 f \n{table}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    )
    return data + trailer.encode()


def eml(text: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Tides"
    message.set_content(text)
    return message.as_bytes()


def png(shade: int) -> bytes:
    """A grey picture of 16 pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")

    header = (4).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    rows = zlib.compress((b"\0" + bytes([shade]) * 4) * 4)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def written_picture(text: str) -> bytes | None:
    """A picture of a line of text, where the library that draws it is installed."""
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        return None
    picture = Image.new("RGB", (1200, 120), "white")
    ImageDraw.Draw(picture).text((20, 30), text, fill="black", font=ImageFont.load_default(size=40))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


FORMATS: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "docx": (WORD, docx),
    "xlsx": (SHEET, xlsx),
    "pdf": ("application/pdf", pdf),
    "txt": ("text/plain", lambda text: text.encode()),
    "csv": ("text/csv", lambda text: f"number,note\n1,{text}\n".encode()),
    "html": ("text/html", lambda text: f"<html><body><p>{html.escape(text)}</p></body></html>".encode()),
    "eml": ("message/rfc822", eml),
    "zip": ("application/zip", lambda text: zipped({"note.txt": text})),
    "nested.zip": ("application/zip", lambda text: zipped({"note.docx": docx(text)})),
}


def _file(data: bytes, media_type: str, name: str) -> tuple[dict[str, Any], str]:
    coded = base64.b64encode(data).decode()
    part = {"type": "file", "file": {"file_data": f"data:{media_type};base64,{coded}", "filename": name}}
    return part, coded


def _picture(data: bytes) -> tuple[dict[str, Any], str]:
    coded = base64.b64encode(data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{coded}"}}, coded


def pool(seed: int) -> list[Document]:
    """The documents; each has its own needles, the same for a seed."""
    rng = random.Random(f"documents {seed}")  # noqa: S311 - repeatable, not secret
    made = []
    for name, (media_type, maker) in FORMATS.items():
        made.append(Document(_file(maker(f"{TIDES} Number {rng.randint(2, 99)}."), media_type, f"tides.{name}")[0], ()))
        for needle in (card(rng), access_key(rng), mail(rng), iban(rng)):
            part, coded = _file(maker(f"{TIDES} {needle.sentence}"), media_type, f"note.{name}")
            made.append(Document(part, (_carried(needle, coded),)))
    noise = bytes(rng.randrange(256) for _ in range(3000))
    unreadable = [
        (zipped({"a.bin": noise}), "application/zip", "a.zip"),
        (gzip.compress(noise), "application/gzip", "a.gz"),
        (pdf(TIDES)[:200], "application/pdf", "cut.pdf"),
        (docx(TIDES), "application/pdf", "called.pdf"),
        (noise, "application/octet-stream", "a.bin"),
    ]
    for data, media_type, name in unreadable:
        part, coded = _file(data, media_type, name)
        made.append(Document(part, (Needle(letters(rng, 40), "unreadable", carrier=coded),)))
    for shade in (10, 128, 250):
        part, coded = _picture(png(shade))
        made.append(Document(part, (Needle(letters(rng, 40), "picture", carrier=coded),)))
    needle = card(rng)
    drawn = written_picture(needle.sentence)
    if drawn is not None:
        part, coded = _picture(drawn)
        made.append(Document(part, (_carried(needle, coded),)))
    return made


def _carried(needle: Needle, coded: str) -> Needle:
    return Needle(needle.value, needle.kind, needle.sentence, carrier=coded)
