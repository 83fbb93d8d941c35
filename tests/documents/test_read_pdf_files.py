"""PDF files: a value in any place of the file is in some passage; what is drawn, hidden in bytes or locked is noted."""

from __future__ import annotations

import pytest
from document_files import TINY_PNG, flate, pack, page, pdf, text_of, written

from nemora.documents.limits import Limits
from nemora.documents.read import read_document

pytest.importorskip("pypdfium2", reason="PDF files are not read without pypdfium2")

SECRET = "Zyx-4716-Q"
ANNOTATION = "<< /Type /Annot /Subtype {} /Rect [0 0 9 9] {} >>"
UTF16 = "<" + ("\ufeff" + SECRET).encode("utf-16-be").hex() + ">"
OBJECT_STREAM = flate(f"9 0 << /Contents ({SECRET}) >>".encode(), "/Type /ObjStm /N 1 /First 4")
FILE = flate(pack({"a.txt": SECRET}), "/Type /EmbeddedFile")
NAMES = "/Names << /EmbeddedFiles << /Names [(n) 6 0 R] >> >>"
ATTACHED = (b"<< /Type /Filespec /F (n) /EF << /F 7 0 R >> >>", FILE)
PLACES = {
    "page": page(written(SECRET)),
    "invisible text": page("3 Tr " + written(SECRET)),
    "white text": page("1 1 1 rg " + written(SECRET)),
    "text outside of the page": page("1 0 0 1 9000 9000 cm " + written(SECRET)),
    "text under a clip": page("0 0 1 1 re W n " + written(SECRET)),
    "information": page(written("x"), more=(f"<< /Keywords ({SECRET}) >>".encode(),), trailer="/Info 6 0 R"),
    "own key of the information": page(written("x"), more=(f"<< /Patient ({SECRET}) >>".encode(),), trailer="/Info 6 0 R"),
    "string in UTF-16": page(written("x"), more=(f"<< /Title {UTF16} >>".encode(),)),
    "escaped string": page(written("x"), more=(rb"<< /Title (\132yx-4\()716\)-Q) >>".replace(b"4\\()716\\)", b"4716"),)),
    "annotation": page(written("x"), entries=f"/Annots [{ANNOTATION.format('/Text', f'/Contents ({SECRET})')}]"),
    "hidden annotation": page(written("x"), entries=f"/Annots [{ANNOTATION.format('/Text', f'/F 2 /Contents ({SECRET})')}]"),
    "link": page(written("x"), entries=f"/Annots [{ANNOTATION.format('/Link', f'/A << /S /URI /URI (http://h/{SECRET}) >>')}]"),
    "form field": page(
        written("x"),
        "/AcroForm << /Fields [6 0 R] >>",
        "/Annots [6 0 R]",
        (ANNOTATION.format("/Widget", f"/FT /Tx /T (name) /V ({SECRET})").encode(),),
    ),
    "outline": page(
        written("x"), "/Outlines 6 0 R", "", (b"<< /First 7 0 R /Last 7 0 R >>", f"<< /Title ({SECRET}) /Parent 6 0 R >>".encode())
    ),
    "alternative text": page(written("x"), more=(f"<< /Type /StructElem /S /Figure /Alt ({SECRET}) >>".encode(),)),
    "metadata": page(written("x"), "/Metadata 6 0 R", "", (flate(f"<x><c>{SECRET}</c></x>".encode(), "/Type /Metadata"),)),
    "form in XML": page(written("x"), more=(flate(f"<xdp><v>{SECRET}</v></xdp>".encode()),)),
    "rich text in a stream": page(written("x"), more=(flate(f"{SECRET} in words".encode()),)),
    "object in a stream": page(written("x"), more=(OBJECT_STREAM,)),
    "attachment": page(written("x"), NAMES, "", ATTACHED),
    "attachment's name": page(written("x"), NAMES, "", (f"<< /Type /Filespec /F ({SECRET}) /EF << /F 7 0 R >> >>".encode(), flate(b"x", "/Type /EmbeddedFile"))),
    "file that nothing names": page(written("x"), more=(FILE,)),
    "object that nothing names": page(written("x"), more=(f"<< /Note ({SECRET}) >>".encode(),)),
    "comment": page(written("x")).replace(b"xref\n", f"%{SECRET}\nxref\n".encode(), 1),
    "form of a page": page(
        "/X Do", entries="/Resources << /XObject << /X 6 0 R >> /Font << /F 5 0 R >> >>",
        more=(flate(written(SECRET).encode(), "/Type /XObject /Subtype /Form /BBox [0 0 400 300] /Resources << /Font << /F 5 0 R >> >>"),),
    ),
    "hidden layer": page(
        f"/OC /L BDC {written(SECRET)} EMC", "/OCProperties << /OCGs [6 0 R] /D << /OFF [6 0 R] >> >>",
        "/Resources << /Font << /F 5 0 R >> /Properties << /L 6 0 R >> >>", (b"<< /Type /OCG /Name (Layer) >>",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_value_in_any_place_is_read(place: str) -> None:
    document = read_document(PLACES[place])
    assert document.kind == "pdf"
    assert SECRET in text_of(document)
    assert document.complete, document.unread


def test_a_form_field_is_labelled_by_its_name() -> None:
    assert ("name", SECRET) in {(p.label, p.text) for p in read_document(PLACES["form field"]).passages}


IMAGE = b"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>\nstream\n\0\nendstream"
CURVES = "0 0 m " + "1 2 3 4 5 6 c " * 99 + "S "
NOTED = {
    "a picture": ("image", page("q 99 0 0 99 0 0 cm /X Do Q " + written("x"), entries="/Resources << /XObject << /X 6 0 R >> /Font << /F 5 0 R >> >>", more=(IMAGE,))),
    "a picture that no page shows": ("image", page(written("x"), more=(IMAGE,))),
    "a picture in the page itself": ("image", page("BI /W 1 /H 1 /CS /G /BPC 8 ID \0 EI " + written("x"))),
    "a page of lines": ("image", page("0 0 m 9 9 l S")),
    "many curves": ("image", page(CURVES + written("x"))),
    "a stamp": ("image", page(written("x"), entries=f"/Annots [{ANNOTATION.format('/Stamp', '')}]")),
    "a font of drawings": ("image", page(written("x"), more=(b"<< /Type /Font /Subtype /Type3 >>",))),
    "a script": ("macro", page(written("x"), "/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>")),
    "a script by another spelling": ("macro", page(written("x"), "/OpenAction << /S /Java#53cript /J#53 (x) >>")),
    "a film": ("embedded", page(written("x"), entries=f"/Annots [{ANNOTATION.format('/RichMedia', '')}]")),
    "a file in an unread packing": ("embedded", page(written("x"), more=(b"<< /Type /EmbeddedFile /Filter [/ASCIIHexDecode /FlateDecode] /Length 2 >>\nstream\nab\nendstream",))),
    "a picture that is attached": ("image", page(written("x"), NAMES, "", (ATTACHED[0], flate(TINY_PNG, "/Type /EmbeddedFile")))),
    "something before": ("polyglot", b"GIF89a" + page(written("x"))),
    "something behind": ("polyglot", page(written("x")) + b"more"),
    "an archive behind": ("polyglot", page(written("x")) + pack({"a": "b"}, comment=b"%%EOF")),
    "no end": ("damaged", page(written("x"))[:-8]),
}  # fmt: skip


@pytest.mark.parametrize("what", NOTED)
def test_what_is_not_written_is_noted(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.documents.ocr.read_lines", lambda image: [])
    code, data = NOTED[what]
    document = read_document(data)
    assert document.kind == "pdf"
    assert code in document.unread


def test_pages_that_are_only_written_are_not_given_to_ocr(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr("nemora.documents.ocr.read_lines", lambda image: seen.append(image) or [])
    read_document(page("0 0 m 9 9 l S " + written("x")))
    assert not seen
    read_document(page("0 0 m 9 9 l S "))
    assert len(seen) == 1


def test_what_ocr_finds_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.documents.ocr.read_lines", lambda image: [SECRET])
    assert any((p.where, p.text) == ("page/1/pixels", SECRET) for p in read_document(page(CURVES)).passages)


def test_what_a_file_was_before_it_was_changed_is_read() -> None:
    before = page(written(SECRET))
    after = page(written("clean"))[len(b"%PDF-1.7\n") :]
    document = read_document(before + after)
    assert SECRET in text_of(document)


def test_an_update_replaces_a_page_and_both_are_read() -> None:
    before = page(written(SECRET))
    content = flate(written("clean").encode())
    position = len(before)
    update = b"4 0 obj\n%s\nendobj\n" % content
    table = b"xref\n4 1\n%010d 00000 n \ntrailer\n<< /Size 6 /Root 1 0 R /Prev %d >>\n" % (
        position,
        before.rindex(b"xref\n0"),
    )
    document = read_document(before + update + table + b"startxref\n%d\n%%%%EOF\n" % (position + len(update)))
    assert {"clean", SECRET} <= {passage.text for passage in document.passages}
    assert document.complete


def test_a_locked_file_is_encrypted() -> None:
    lock = "/Encrypt << /Filter /Standard /V 1 /R 2 /O <{0}> /U <{0}> /P -4 >> /ID [<00> <00>]".format("41" * 32)
    assert read_document(page(written("x"), trailer=lock)).unread == ("encrypted",)


def test_a_bomb_is_too_large() -> None:
    bomb = page(written("x"), more=(flate(bytes(3_000_000), "/Type /EmbeddedFile"),))
    assert "too_large" in read_document(bomb, Limits(unpacked_bytes=1_000_000)).unread


def test_an_attachment_that_is_missing_hides_no_page() -> None:
    document = read_document(page(written(SECRET), NAMES, "", (b"<< /Type /Filespec /F (n) >>",)))
    assert SECRET in text_of(document)
    assert document.unread == ("damaged",)


def test_a_file_without_objects_is_damaged() -> None:
    assert read_document(b"%PDF-1.7\n%%EOF").unread == ("damaged",)
    assert read_document(pdf([b"<< /Type /Catalog >>"])).unread == ("damaged",)
