"""Text, HTML, XML, SVG and RTF: whatever stands in them is read, in its encoding, or they are not complete."""

from __future__ import annotations

import base64

import pytest
from document_files import TINY_PNG, pack, text_of

from nemora.documents.read import read_document

SECRET = "4716 2093 8854 1728"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_text_is_read_in_every_unicode_encoding(encoding: str) -> None:
    document = read_document(f"Grüße, {SECRET}\n".encode(encoding))
    assert (document.kind, document.complete) == ("text", True)
    assert document.passages[0].text == f"Grüße, {SECRET}\n"


def test_single_western_letters_are_windows_1252() -> None:
    document = read_document("Straße, Café, “quoted”".encode("cp1252"))
    assert document.complete
    assert document.passages[0].text == "Straße, Café, “quoted”"


@pytest.mark.parametrize(
    ("text", "encoding"), [("привет мир", "cp1251"), ("日本語の文書", "shift_jis"), ("Łódź", "cp1250")]
)
def test_other_8_bit_encodings_are_not_complete(text: str, encoding: str) -> None:
    document = read_document(text.encode(encoding))
    assert document.unread == ("charset",)


@pytest.mark.parametrize(
    "data",
    [b"\0\1\2\3", b"\x7fELF\2\1\1\0", b"\x07\x30\0\x31\x08\x32\x09\x33" * 4, bytes(range(256)), b"ID3\3\0\0\0\0\0"],
)
def test_what_is_no_text_is_unknown(data: bytes) -> None:
    document = read_document(data)
    assert (document.kind, document.complete, document.unread) == ("unknown", False, ("unknown_kind",))


def test_an_empty_file_holds_nothing() -> None:
    assert read_document(b"").complete


def test_html_is_read_as_source_and_as_it_is_seen() -> None:
    page = "<!doctype html><body><!-- Secret1 --><p hidden>4716&nbsp;2093<b>8854</b></p><a title='A&amp;Secret2'>x</a>"
    document = read_document(page.encode())
    assert document.kind == "html"
    assert "Secret1" in text_of(document)
    assert "4716\xa020938854" in text_of(document)
    assert "A&Secret2" in text_of(document)


def test_html_that_declares_another_encoding_is_read_in_both() -> None:
    page = b"<html><meta charset=iso-2022-jp><p>" + "田中太郎".encode("iso-2022-jp") + b"</p></html>"
    assert "田中太郎" in text_of(read_document(page))


@pytest.mark.parametrize(
    "page", ["<html><img src='{}'></html>", "plain text with {} in it", "<svg xmlns='x'><image href='{}'/></svg>"]
)
@pytest.mark.parametrize("encoded", [True, False])
def test_files_in_data_urls_are_read(page: str, encoded: bool) -> None:
    archive = pack({"a.txt": SECRET})
    url = "data:application/zip;base64," + base64.b64encode(archive).decode()
    if not encoded:
        url = "data:application/zip," + "".join(f"%{byte:02x}" for byte in archive)
    document = read_document(page.format(url).encode())
    assert SECRET in text_of(document)
    assert document.complete


def test_two_data_urls_are_both_read() -> None:
    urls = " ".join("data:a/b;base64," + base64.b64encode(pack({"a": text})).decode() for text in ("one 1", "two 2"))
    assert {"one 1", "two 2"} <= {passage.text for passage in read_document(urls.encode()).passages}


@pytest.mark.parametrize("line_break", ["", "\n", "\\n"])
def test_files_in_base64_are_read_by_their_first_bytes(line_break: str) -> None:
    encoded = base64.b64encode(pack({"a.txt": SECRET, "b": bytes(300)})).decode()
    lines = line_break.join(encoded[start : start + 76] for start in range(0, len(encoded), 76))
    notebook = f'{{"outputs": [{{"data": {{"application/zip": "{lines}{line_break}"}}}}]}}'
    assert f"{SECRET}" in {passage.text for passage in read_document(notebook.encode()).passages}


def test_a_picture_in_a_notebook_is_noted() -> None:
    notebook = f'{{"image/png": "{base64.b64encode(TINY_PNG).decode()}"}}'
    assert read_document(notebook.encode()).unread == ("image",)


def test_a_picture_in_a_page_is_not_complete() -> None:
    page = f"<html><img src='data:image/png;base64,{base64.b64encode(TINY_PNG).decode()}'></html>"
    assert "image" in read_document(page.encode()).unread


def test_xml_is_read_under_its_names() -> None:
    document = read_document(b"<people><person role='x'><ssn>078-05-1120</ssn></person><!-- aside --></people>")
    assert (document.kind, document.complete) == ("xml", True)
    assert any((passage.label, passage.text) == ("ssn", "078-05-1120") for passage in document.passages)


@pytest.mark.parametrize(
    "xml",
    [
        "<!DOCTYPE a [<!ENTITY b 'boom'>]><a>&b;</a>",
        "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/hostname'>]><a>&b;</a>",
        "<!DOCTYPE a SYSTEM 'http://localhost/a.dtd'><a>&b;</a>",
        "<a><b>cut",
        "<a>" * 5000 + "</a>" * 5000,
    ],
)
def test_xml_with_entities_or_faults_is_not_complete(xml: str) -> None:
    document = read_document(f"<?xml version='1.0'?>{xml}".encode())
    assert not document.complete
    assert "localhost" in xml or "root:" not in text_of(document)


@pytest.mark.parametrize(
    "text", ["<jane> 4716&nbsp;2093\n<otto> hi", "<br>4716&nbsp;2093<b>", "<a>x</a> 4716&nbsp;2093 <a>y</a>"]
)
def test_what_only_looks_like_xml_is_complete(text: str) -> None:
    document = read_document(text.encode())
    assert document.complete
    assert "4716\xa02093" in text_of(document)


def test_words_of_svg_are_joined() -> None:
    document = read_document(b"<svg xmlns='http://www.w3.org/2000/svg'><text>Ja<tspan>ne Roe</tspan></text></svg>")
    assert (document.kind, document.complete) == ("svg", True)
    assert "Jane Roe" in text_of(document)


def test_svg_with_many_curves_counts_as_a_picture() -> None:
    curves = "c1 2 3 4 5 6" * 100
    document = read_document(f"<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0{curves}'/></svg>".encode())
    assert document.unread == ("image",)


RTF = rb"{\rtf1\ansi\ansicpg1252 {\info{\author Secret1}}{\header Secret2} caf\'e9 \u1055?\u-10179?\u-8704? {\*\comment Secret3}%s}"


def test_rtf_is_read_whole() -> None:
    document = read_document(RTF % b"{\\v Secret4}")
    text = text_of(document)
    assert document.complete
    assert all(f"Secret{number}" in text for number in range(1, 5))
    assert "café П😀" in text


def test_files_in_rtf_are_read_and_objects_noted() -> None:
    picture = RTF % (b"{\\pict\\pngblip " + TINY_PNG.hex().encode() + b"}")
    assert read_document(picture).unread == ("image",)
    assert "embedded" in read_document(RTF % b"{\\object{\\objdata 0105}}").unread


@pytest.mark.parametrize("end", [1, 20, 60])
def test_rtf_that_is_cut_is_not_complete(end: int) -> None:
    assert read_document((RTF % b"")[:-end]).unread == ("damaged",)


def test_what_follows_rtf_is_noticed() -> None:
    assert read_document(RTF % b"" + b"more").unread == ("polyglot",)
