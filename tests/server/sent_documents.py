"""Small documents, and the parts of a message in which clients send them."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from typing import Any

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
CORE = "application/vnd.openxmlformats-package.core-properties+xml"


def docx(*paragraphs: str, author: str = "", comment: str = "") -> bytes:
    """A document of Word; `author` stands in its properties, `comment` beside its text."""
    types = f'<Override PartName="/word/document.xml" ContentType="{OFFICE}.main+xml"/>'
    parts = {
        "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body>{_paragraphs(*paragraphs)}</w:body></w:document>'
    }
    if author:
        types += f'<Override PartName="/docProps/core.xml" ContentType="{CORE}"/>'
        creator = f'<dc:creator xmlns:dc="http://purl.org/dc/elements/1.1/">{author}</dc:creator>'
        parts["docProps/core.xml"] = (
            f'<p:coreProperties xmlns:p="{PACKAGE}/metadata/core-properties">{creator}</p:coreProperties>'
        )
    if comment:
        comments = OFFICE.replace(".document", ".comments", 1)
        types += f'<Override PartName="/word/comments.xml" ContentType="{comments}+xml"/>'
        said = f'<w:comment w:id="0">{_paragraphs(comment)}</w:comment>'
        parts["word/comments.xml"] = f'<w:comments xmlns:w="{WORD}">{said}</w:comments>'
    xml = '<Default Extension="xml" ContentType="application/xml"/>'
    parts["[Content_Types].xml"] = f'<Types xmlns="{PACKAGE}/content-types">{xml}{types}</Types>'
    return zipped(parts)


def _paragraphs(*texts: str) -> str:
    return "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in texts)


def zipped(parts: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def bomb() -> bytes:
    """An archive of 200 kB that unpacks to 200 MB."""
    return zipped({"a.txt": b"a" * (200 * 1024 * 1024)})


def pdf(*pages: str, title: str = "", encrypted: bool = False) -> bytes:
    """A PDF file with a line of text on each page; `title` stands in its metadata."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>"]
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
    for n, text in enumerate(pages):
        font = "/Resources << /Font << /F1 3 0 R >> >>"
        objects.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {font} /Contents {5 + 2 * n} 0 R >>")
        shown = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
        objects.append(f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream")
    trailer = f"/Size {len(objects) + 2} /Root 1 0 R"
    if title:
        objects.append(f"<< /Title ({title}) >>")
        trailer += f" /Info {len(objects)} 0 R"
    if encrypted:
        key = "00" * 32
        objects.append(f"<< /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O <{key}> /U <{key}> >>")
        trailer += f" /Encrypt {len(objects)} 0 R /ID [<{'11' * 16}> <{'11' * 16}>]"
    data, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    start = len(data)
    trailer = trailer.replace(f"/Size {len(objects) + 2}", f"/Size {len(objects) + 1}")
    data += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< {trailer} >>\n".encode()
    return data + f"startxref\n{start}\n%%EOF\n".encode()


def png(width: int = 8, height: int = 8) -> bytes:
    """A grey picture."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def file(data: bytes, media_type: str = "", name: str = "") -> dict[str, Any]:
    """A `file` part; without a media type it is bare base64."""
    url = f"data:{media_type};base64,{encoded(data)}" if media_type else encoded(data)
    return {"type": "file", "file": {"file_data": url} | ({"filename": name} if name else {})}


def picture(data: bytes, media_type: str = "image/png") -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:{media_type};base64,{encoded(data)}"}}


def asks(text: str, *parts: dict[str, Any]) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": [{"type": "text", "text": text}, *parts]}
