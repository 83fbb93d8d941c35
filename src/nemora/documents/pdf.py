"""PDF files: pages with PDFium, everything else from the objects. What may be drawn instead of written goes to OCR."""

from __future__ import annotations

import ctypes
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

from nemora.documents.image import read_pixels
from nemora.documents.pdf_objects import read_objects
from nemora.documents.reading import Reading, Unreadable

if TYPE_CHECKING:
    from pypdfium2 import PdfAttachment, PdfDocument, PdfPage

_SPACE = b"\0\t\n\f\r "
_END = re.compile(rb"%%EOF")
_DPI = 150
_LONGEST_SIDE = 4000  # pixels
_CURVES_OF_A_PICTURE = 64
_ANNOTATION_TEXTS = ("Contents", "Subj", "V", "DV", "TU", "T", "RC")


def read_pdf(data: bytes, reading: Reading) -> None:
    reading.kind = "pdf"
    import pypdfium2

    _check_frame(data, reading)
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise Unreadable("encrypted") from error
        read_objects(data, reading)
        raise Unreadable("damaged") from error
    with document:
        if pypdfium2.raw.FPDF_GetSecurityHandlerRevision(document) == -1:
            may_be_drawn = read_objects(data, reading)
        else:
            may_be_drawn = False
            reading.lack("encrypted")  # pages can be read without a password, the objects cannot
        _read_document(document, reading)
        for number in range(len(document)):
            reading.spend_page()
            try:
                _read_page(document, number, reading, may_be_drawn)
            except pypdfium2.PdfiumError:
                reading.lack("damaged")
    _read_revision(data, reading)


def _check_frame(data: bytes, reading: Reading) -> None:
    if not data.startswith(b"%PDF-") or b"PK\x05\x06" in data[-65_600:]:
        reading.lack("polyglot")
    if not data.rstrip(_SPACE).endswith(b"%%EOF"):
        reading.lack("polyglot" if b"%%EOF" in data else "damaged")


def _read_revision(data: bytes, reading: Reading) -> None:
    """A file that was changed by appending still holds what it was before."""
    ends = [found.end() for found in _END.finditer(data)][:-1]
    if b"/Linearized" in data[:1024]:
        ends = ends[1:]  # the first belongs to the table of the first page
    if ends:
        reading.read_file(data[: ends[-1]], reading.inside("revision/1"))


def _read_document(document: PdfDocument, reading: Reading) -> None:
    for key, value in document.get_metadata_dict(skip_empty=True).items():
        reading.add("metadata", value, key)
    reading.add("outline", "\n".join(mark.get_title() for mark in document.get_toc()))
    for number in range(document.count_attachments()):
        attachment = document.get_attachment(number)
        reading.add("names", attachment.get_name())
        _read_attachment(attachment, reading)


def _read_attachment(attachment: PdfAttachment, reading: Reading) -> None:
    from pypdfium2 import PdfiumError

    try:
        content = bytes(attachment.get_data())
    except PdfiumError:
        reading.lack("damaged")
        return
    if reading.is_new(content):
        reading.spend_bytes(len(content))
        reading.file(content)


def _read_page(document: PdfDocument, number: int, reading: Reading, may_be_drawn: bool) -> None:
    where = f"page/{number + 1}"
    with closing(document[number]) as page:
        text, unmapped = _text_of(page)
        if reading.is_new(text.encode("utf-8", "replace")):
            reading.add(where, text)
        has_drawing = _read_annotations(page, reading, where)
        pictures, objects = _count_pictures(page)
        if unmapped:
            reading.lack("charset")
        if pictures or has_drawing or may_be_drawn or (objects and not text.strip()):
            reading.lack("image")
        elif text.strip() and not unmapped:
            return
        _read_rendered(page, reading, where)


def _text_of(page: PdfPage) -> tuple[str, bool]:
    """All text, also invisible and outside of the page; whether a font does not say what its letters are."""
    from pypdfium2 import raw

    with closing(page.get_textpage()) as text_page:
        count = raw.FPDFText_CountChars(text_page)
        codes = [raw.FPDFText_GetUnicode(text_page, index) for index in range(count)]
        unmapped = any(raw.FPDFText_HasUnicodeMapError(text_page, index) == 1 for index in range(count))
    return "".join(_character(code) for code in codes), unmapped


def _character(code: int) -> str:
    if code in (2, 0xFFFE):  # PDFium's hyphen at the end of a line
        return "-"
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else " "


def _count_pictures(page: PdfPage) -> tuple[int, int]:
    """(images, and drawings with many curves; all objects)."""
    from pypdfium2 import raw

    pictures = objects = curves = 0
    for found in page.get_objects():
        objects += 1
        if found.type in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_SHADING):
            pictures += 1
        elif found.type == raw.FPDF_PAGEOBJ_PATH:
            segments = (raw.FPDFPath_GetPathSegment(found, index) for index in range(raw.FPDFPath_CountSegments(found)))
            curves += sum(raw.FPDFPathSegment_GetType(segment) == raw.FPDF_SEGMENT_BEZIERTO for segment in segments)
    return pictures + (curves > 3 * _CURVES_OF_A_PICTURE), objects


def _read_annotations(page: PdfPage, reading: Reading, where: str) -> bool:
    """Whether one of them is drawn: a stamp, ink."""
    from pypdfium2 import PdfAttachment, raw

    drawn = (raw.FPDF_ANNOT_STAMP, raw.FPDF_ANNOT_INK)
    has_drawing = False
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            reading.lack("damaged")
            continue
        try:
            has_drawing |= raw.FPDFAnnot_GetSubtype(annotation) in drawn
            texts = {key: _string_of(annotation, key) for key in _ANNOTATION_TEXTS}
            for key, text in texts.items():
                reading.add(f"{where}/annotation/{index + 1}", text, texts["T"] if key in ("V", "DV") else key)
            attached = raw.FPDFAnnot_GetFileAttachment(annotation)
            if attached:
                _read_attachment(PdfAttachment(attached, page.pdf), reading)
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    return has_drawing


def _string_of(annotation: Any, key: str) -> str:
    from pypdfium2 import raw

    size = raw.FPDFAnnot_GetStringValue(annotation, key.encode(), None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    raw.FPDFAnnot_GetStringValue(annotation, key.encode(), ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", "replace")


def _read_rendered(page: PdfPage, reading: Reading, where: str) -> None:
    width, height = page.get_size()
    scale = min(_DPI / 72, _LONGEST_SIDE / max(width, height, 1))
    reading.spend_pixels(int(width * scale) * int(height * scale))
    image = page.render(scale=scale).to_pil().convert("RGB")
    read_pixels(image, reading, f"{where}/pixels")
