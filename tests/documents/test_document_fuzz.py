"""No bytes make a reader raise, and nothing that was cut is complete."""

from __future__ import annotations

import gzip
import io
import tarfile
from email.message import EmailMessage

import pytest
from document_files import TINY_PNG, flate, open_document, pack, page, paragraph, slides, word, workbook, written
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nemora.documents import ocr
from nemora.documents.document import UNREAD, Document
from nemora.documents.limits import Limits
from nemora.documents.read import read_document
from nemora.documents.reading import PASSAGE_COST

LIMITS = Limits(unpacked_bytes=1_000_000, characters=100_000, pages=20, members=100, depth=3, pixels=1_000_000)
MAGIC = [
    *(b"%PDF-1.7\n", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\0", b"BZh9", b"\xfd7zXZ\0", b"{\\rtf1 ", b"<html>", b"<?xml "),
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"II*\0", b"RIFF\0\0\0\0WEBP", b"BM\0\0\0\0\0\0\0\0", b"<svg"),
    *(b"From: a\nTo: b\n", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", bytes(257) + b"ustar\0", b"data:a/b;base64,", b"\xff\xfe"),
]  # fmt: skip


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("a")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"text"))
    return buffer.getvalue()


def mail() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@b.c", "d@e.f", "Grüße"
    message.set_content("body")
    message.add_attachment(pack({"a": "text"}), maintype="application", subtype="zip", filename="a.zip")
    return bytes(message)


SOUND = {
    "zip": pack({"a.txt": "text", "b.txt": "more"}),
    "docx": word(paragraph("text") * 5, {"docProps/core.xml": "<a><b>c</b></a>"}),
    "xlsx": workbook('<row r="1"><c r="A1" t="s"><v>0</v></c></row>', ("text",)),
    "pptx": slides("text"),
    "ods": open_document("spreadsheet", "<table:table><table:table-row/></table:table>"),
    "pdf": page(written("text"), more=(flate(b"9 0 << /A (b) >>", "/Type /ObjStm"), b"<< /Title (text) >>")),
    "gzip": gzip.compress(b"some text that is long enough"),
    "tar": tar(),
    "rtf": rb"{\rtf1\ansi text {\info{\author me}}}",
    "xml": b"<?xml version='1.0'?><a><b c='d'>text</b></a>",
    "email": mail(),
    "png": TINY_PNG,
}
CUTTABLE = sorted(set(SOUND) - {"png"})
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def no_ocr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "read_lines", lambda image: [])


def hold(document: Document) -> None:
    assert document.complete == (not document.unread)
    assert set(document.unread) <= set(UNREAD)
    assert sum(len(p.text) + len(p.label) for p in document.passages) <= LIMITS.characters
    assert len(document.passages) <= LIMITS.characters // PASSAGE_COST + 1


@few
@given(st.sampled_from([b"", *MAGIC]), st.binary(max_size=300))
@example(b"{\\rtf1 ", b"\\u99999999 {{\\pict abc}}}")
@example(b"BZh9", b"")
def test_random_bytes_never_raise(start: bytes, rest: bytes) -> None:
    hold(read_document(start + rest, LIMITS))


@pytest.mark.parametrize("kind", SOUND)
def test_sound_files_are_sound(kind: str) -> None:
    assert read_document(SOUND[kind], LIMITS).complete or kind == "png"


@pytest.mark.parametrize("kind", CUTTABLE)
@few
@given(data=st.data())
def test_what_was_cut_is_never_complete(kind: str, data: st.DataObject) -> None:
    sound = SOUND[kind]
    most = len(sound.rstrip(b"\0\r\n")) - 1  # without its padding it is whole
    cut = sound[: data.draw(st.integers(min(len(sound) // 3, most), most))]
    document = read_document(cut, LIMITS)
    hold(document)
    assert not document.complete, len(cut)


@pytest.mark.parametrize("kind", SOUND)
@few
@given(data=st.data())
def test_bits_that_flip_never_raise(kind: str, data: st.DataObject) -> None:
    changed = bytearray(SOUND[kind])
    for position in data.draw(st.lists(st.integers(0, len(changed) - 1), min_size=1, max_size=8)):
        changed[position] ^= 1 << data.draw(st.integers(0, 7))
    hold(read_document(bytes(changed), LIMITS))


@pytest.mark.parametrize("kind", SOUND)
@few
@given(data=st.data())
def test_pieces_that_move_never_raise(kind: str, data: st.DataObject) -> None:
    sound = SOUND[kind]
    start, end, target = (data.draw(st.integers(0, len(sound))) for _ in range(3))
    piece = sound[min(start, end) : max(start, end)]
    hold(read_document(sound[:target] + piece + sound[target:], LIMITS))


@few
@given(
    st.lists(
        st.tuples(
            st.text(max_size=12).filter(lambda name: name[:1] != "\0"),
            st.binary(max_size=60) | st.sampled_from(sorted(SOUND.values())),
        ),
        max_size=4,
    )
)
def test_archives_of_anything_never_raise(members: list[tuple[str, bytes]]) -> None:
    hold(read_document(pack({name or "x": content for name, content in members}), LIMITS))
