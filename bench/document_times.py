"""How long it takes to read a file of each kind, and how much memory: a table.

    python bench/document_times.py [--repeat 3] [--without-images]

The files are made here, of repeated sentences. Pixels need the extra "documents"; what is missing is left out. Times of
text readers are best with nothing else running; each row is the median. The first image also loads the models.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import platform
import resource
import statistics
import time
import zipfile
import zlib
from collections.abc import Callable
from email.message import EmailMessage

from nemora.documents.read import read_document

SENTENCE = "The committee met on Tuesday and agreed that the river path will be repaired before the summer. "
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
P = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
)
A4_AT_150_DPI = (1240, 1754)


def office(parts: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {"[Content_Types].xml": "<Types/>", **parts}.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def word() -> bytes:
    body = f"<w:p><w:r><w:t>{SENTENCE * 5}</w:t></w:r></w:p>" * 700
    return office({"word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>"})


def workbook() -> bytes:
    rows = "".join(
        f'<row r="{row}">' + "".join(f'<c r="{column}{row}"><v>{row * 7}</v></c>' for column in "ABCDEFGHIJ") + "</row>"
        for row in range(1, 10_001)
    )
    return office({"xl/worksheets/sheet1.xml": f"<worksheet {S}><sheetData>{rows}</sheetData></worksheet>"})


def slides() -> bytes:
    slide = f"<p:sld {P}><a:p><a:r><a:t>{SENTENCE * 3}</a:t></a:r></a:p></p:sld>"
    return office({f"ppt/slides/slide{number}.xml": slide for number in range(1, 51)})


def pdf(pages: int) -> bytes:
    fonts = "/Resources << /Font << /F 3 0 R >> >>"
    kids = " ".join(f"{4 + 2 * page} 0 R" for page in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for page in range(pages):
        lines = " ".join(f"({page}.{line} {SENTENCE}) Tj T*" for line in range(40))
        content = zlib.compress(f"BT /F 9 Tf 12 TL 40 800 Td {lines} ET".encode())
        contents = f"/Contents {5 + 2 * page} 0 R"
        objects.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] {contents} {fonts} >>".encode())
        objects.append(b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    out, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(out))
    return bytes(out) + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + end


def picture(size: tuple[int, int], lines: int, name: str) -> bytes:
    """Lines of text in Pillow's own font, 24 pixels high."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for number in range(lines):
        draw.text((60, 60 + 40 * number), f"{number}: {SENTENCE[:70]}", fill="black", font=ImageFont.load_default(24))
    buffer = io.BytesIO()
    image.save(buffer, name)
    return buffer.getvalue()


def photograph() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.effect_noise((400, 300), 60).convert("RGB").resize((4000, 3000)).save(buffer, "JPEG")
    return buffer.getvalue()


def mail() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "Minutes"
    message.set_content(SENTENCE * 20)
    message.add_attachment(word(), maintype="application", subtype="octet-stream", filename="minutes.docx")
    return bytes(message)


FILES: list[tuple[str, Callable[[], bytes]]] = [
    ("text, 1 MB", lambda: (SENTENCE * 10_400).encode()),
    ("HTML, 1 MB", lambda: b"<!doctype html><body>" + f"<p>{SENTENCE}</p>".encode() * 9_700),
    ("docx, 700 paragraphs", word),
    ("xlsx, 10,000 rows of 10", workbook),
    ("pptx, 50 slides", slides),
    ("PDF, 50 pages of text", lambda: pdf(50)),
    ("e-mail with that docx", mail),
    ("gzip of 1 MB of text", lambda: gzip.compress((SENTENCE * 10_400).encode())),
    ("image, first of all", lambda: picture((640, 200), 2, "PNG")),
    ("image, 640 x 200, 2 lines", lambda: picture((640, 200), 2, "PNG")),
    ("image, A4 at 150 dpi, 40 lines", lambda: picture(A4_AT_150_DPI, 40, "PNG")),
    ("image, A4 at 150 dpi, scanned PDF", lambda: picture(A4_AT_150_DPI, 40, "PDF")),
    ("image, photograph of 12 megapixels", photograph),
]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time to read a file of each kind.")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--without-images", action="store_true")
    args = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}\n")
    print("| file | bytes | passages | characters | not read | seconds | CPU seconds |")
    print("|---|---|---|---|---|---|---|")
    for name, make in FILES:
        if args.without_images and name.startswith("image"):
            continue
        try:
            data = make()
        except ImportError as error:
            print(f"| {name} | needs {error.name} | | | | | |")
            continue
        walls, cpus = [], []
        for _ in range(1 if "first" in name else args.repeat):
            wall, cpu = time.perf_counter(), time.process_time()
            document = read_document(data)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        characters = sum(len(passage.text) for passage in document.passages)
        shape = f"{len(data):,} | {len(document.passages):,} | {characters:,} | {', '.join(document.unread)}"
        print(f"| {name} | {shape} | {statistics.median(walls):.2f} | {statistics.median(cpus):.2f} |", flush=True)
    print(f"\nPeak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
