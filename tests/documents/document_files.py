"""Files of many kinds, written by hand, with a value planted in every place where one can hide."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib

from nemora.documents.document import Document

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
TINY_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


def text_of(document: Document) -> str:
    return "\n".join(f"{passage.label}: {passage.text}" for passage in document.passages)


def pack(members: dict[str, str | bytes], comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.comment = comment
    return buffer.getvalue()


def office(parts: dict[str, str | bytes]) -> bytes:
    return pack({"[Content_Types].xml": f'<Types xmlns="{TYPES}"/>', **parts})


def word(body: str, parts: dict[str, str | bytes] | None = None) -> bytes:
    document = f'<w:document xmlns:w="{W}" xmlns:a="{A}"><w:body>{body}</w:body></w:document>'
    return office({"word/document.xml": document, **(parts or {})})


def paragraph(*runs: str) -> str:
    return f"<w:p>{''.join(f'<w:r><w:t>{run}</w:t></w:r>' for run in runs)}</w:p>"


def workbook(rows: str, strings: tuple[str, ...] = (), parts: dict[str, str | bytes] | None = None) -> bytes:
    shared = "".join(f"<si><t>{text}</t></si>" for text in strings)
    return office(
        {
            "xl/workbook.xml": f'<workbook xmlns="{S}"><sheets><sheet name="One" sheetId="1"/></sheets></workbook>',
            "xl/sharedStrings.xml": f'<sst xmlns="{S}">{shared}</sst>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{S}"><sheetData>{rows}</sheetData></worksheet>',
            **(parts or {}),
        }
    )


def slides(text: str, parts: dict[str, str | bytes] | None = None) -> bytes:
    shape = f"<p:sp><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
    slide = f'<p:sld xmlns:p="{P}" xmlns:a="{A}"><p:cSld>{shape}</p:cSld></p:sld>'
    return office(
        {"ppt/presentation.xml": f'<p:presentation xmlns:p="{P}"/>', "ppt/slides/slide1.xml": slide, **(parts or {})}
    )


def open_document(kind: str, body: str, parts: dict[str, str | bytes] | None = None) -> bytes:
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table", "meta")
    )
    content = f"<office:document-content{names}><office:body>{body}</office:body></office:document-content>"
    mimetype = f"application/vnd.oasis.opendocument.{kind}"
    return pack({"mimetype": mimetype, "content.xml": content, **(parts or {})})


def flate(content: bytes, entries: str = "") -> bytes:
    packed = zlib.compress(content)
    return b"<< %s /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (entries.encode(), len(packed), packed)


def pdf(objects: list[bytes], trailer: str = "") -> bytes:
    """A sound file with these objects; the first is the catalogue."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\n" % (len(objects) + 1, trailer.encode())
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def page(
    content: str, catalogue: str = "", entries: str = "", more: tuple[bytes, ...] = (), trailer: str = ""
) -> bytes:
    """A file of one page, whose objects from number 6 on are `more`."""
    return pdf(
        [
            f"<< /Type /Catalog /Pages 2 0 R {catalogue} >>".encode(),
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 4 0 R "
            f"/Resources << /Font << /F 5 0 R >> >> {entries} >>".encode(),
            flate(content.encode()),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            *more,
        ],
        trailer,
    )


def written(text: str) -> str:
    """What draws a text on a page."""
    return f"BT /F 12 Tf 20 200 Td ({text}) Tj ET"
