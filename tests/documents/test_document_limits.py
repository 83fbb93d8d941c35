"""Limits hold for a document with everything in it, wherever they are reached, and what was read until then is kept."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from document_files import TINY_PNG, flate, pack, page, paragraph, pdf, text_of, word, workbook, written

from nemora.documents.document import UNREAD
from nemora.documents.limits import Limits
from nemora.documents.read import read_document
from nemora.documents.reading import PASSAGE_COST, Reading, Unreadable

ALL = Limits()


def two_pages() -> bytes:
    one = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>"
    )
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    pages = b"<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>"
    return pdf([b"<< /Type /Catalog /Pages 2 0 R >>", pages, one, flate(written("x").encode()), font])


def nested(depth: int) -> bytes:
    data = pack({"a": "deep inside"})
    for _ in range(depth):
        data = pack({"a": data})
    return data


@pytest.mark.parametrize(
    ("data", "limits"),
    [
        (b"x" * 100, replace(ALL, input_bytes=99)),
        (pack({"a": "x" * 100}), replace(ALL, unpacked_bytes=99)),
        (pack({"a": "x" * 50, "b": "y" * 50}), replace(ALL, unpacked_bytes=99)),
        (word(paragraph("x" * 900)), replace(ALL, unpacked_bytes=900)),
        (b"x" * 100, replace(ALL, characters=99)),
        (pack({"a": "x" * 50, "b": "y" * 50}), replace(ALL, characters=99)),
        (pack({str(number): "x" for number in range(9)}), replace(ALL, members=8)),
        (word("", {f"word/{number}.xml": "<a/>" for number in range(9)}), replace(ALL, members=8)),
        (nested(2), replace(ALL, depth=2)),
        (two_pages(), replace(ALL, pages=1)),
        (TINY_PNG, replace(ALL, pixels=0)),
        (page("0 0 m 9 9 l S"), replace(ALL, pixels=100)),
    ],
)  # fmt: skip
def test_a_limit_that_is_passed_is_said(data: bytes, limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.documents.ocr.read_lines", lambda image: [])
    assert "too_large" not in read_document(data).unread
    document = read_document(data, limits)
    assert not document.complete
    assert "too_large" in document.unread


def test_depth_counts_files_in_files() -> None:
    assert read_document(nested(3), replace(ALL, depth=4)).complete
    assert "deep inside" in text_of(read_document(nested(3), replace(ALL, depth=4)))


@pytest.mark.parametrize("characters", [1, 17, 100, 1000])
def test_there_are_never_more_characters_than_allowed(characters: int) -> None:
    rows = "".join(f'<row r="{row}"><c r="A{row}"><v>{row}</v></c></row>' for row in range(1, 300))
    for data in (b"x" * 5000, workbook(rows), pack({"a" * 50: "x" * 200, "b": "y" * 900})):
        document = read_document(data, replace(ALL, characters=characters))
        assert sum(len(p.text) + len(p.label) for p in document.passages) <= characters
        assert len(document.passages) <= characters // PASSAGE_COST + 1
        assert "too_large" in document.unread


def test_what_was_read_until_a_limit_is_kept() -> None:
    document = read_document(b"abcdef" * 100, replace(ALL, characters=16 + 60))
    assert document.passages[0].text == "abcdef" * 10


def test_many_names_of_one_member_do_not_make_it_many() -> None:
    """A directory of a million entries is refused before it is read."""
    data = pack({"a": "x"})
    at = data.index(b"PK\x01\x02")
    assert read_document(data[:at] + data[at:-22] * 5000 + data[-22:]).unread == ("too_large",)


def test_places_are_words_and_numbers() -> None:
    files = {"Jane Roe.txt": "x", "4716 2093.docx": word(paragraph("x"), {"word/Jane.xml": "<Roe>x</Roe>"})}
    places = {passage.where for passage in read_document(pack(files)).passages}
    assert all(re.fullmatch(r"[a-z]+(/([a-z]+|\d{1,7}))*", place) for place in places), places


def test_a_long_label_is_kept_as_text() -> None:
    reading = Reading.new(ALL, lambda data, inner: None)
    reading.add("here", "value", "long " * 100)
    assert "long long" in reading.passages[0].text
    assert not reading.passages[0].label


def test_text_and_office_files_need_no_library() -> None:
    program = """
import sys
from nemora.documents.read import read_document
read_document(bytes.fromhex(sys.argv[1]))
sys.exit(", ".join({"PIL", "pypdfium2", "rapidocr", "zxingcpp", "numpy", "onnxruntime"} & set(sys.modules)))
"""
    command = [sys.executable, "-c", program, word(paragraph("x")).hex()]
    assert subprocess.run(command, check=False, capture_output=True, text=True, timeout=60).stderr.strip() == ""


def test_every_code_is_explained() -> None:
    assert all(re.fullmatch("[a-z_]+", code) and text for code, text in UNREAD.items())
    with pytest.raises(AssertionError):
        Unreadable("made_up")
