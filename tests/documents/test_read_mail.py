"""E-mail: every header and every part is read; a mail that is cut or written wrongly is not complete."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from document_files import TINY_PNG, pack, text_of, workbook

from nemora.documents.read import read_document

SECRET = "Zyx-4716-Q"


def mail(body: str = "Hello\n", **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "a@example.com"
    message["To"] = "b@example.com"
    for name, value in headers.items():
        message[name] = value
    message.set_content(body)
    return message


def with_html(text: str) -> EmailMessage:
    message = mail()
    message.add_alternative(f"<html><p>{text}</p></html>", subtype="html")
    return message


def with_attachment(data: bytes, name: str = "a.bin") -> EmailMessage:
    message = mail()
    message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message


def with_mail(inner: EmailMessage) -> EmailMessage:
    message = mail()
    message.add_attachment(inner)
    return message


ROW = f'<row r="1"><c r="A1" t="str"><v>{SECRET}</v></c></row>'
RAW = "From: a@b.c\r\nTo: d@e.f\r\nMIME-Version: 1.0\r\n"
PLACES = {
    "body": bytes(mail(SECRET)),
    "subject": bytes(mail(Subject=SECRET)),
    "subject in encoded words": bytes(mail(Subject=f"Grüße an {SECRET}")),
    "own header": bytes(mail(**{"X-Patient": SECRET})),
    "HTML": bytes(with_html(SECRET)),
    "attachment": bytes(with_attachment(SECRET.encode())),
    "name of an attachment": bytes(with_attachment(b"x", f"{SECRET}.txt")),
    "workbook": bytes(with_attachment(workbook(ROW))),
    "archive": bytes(with_attachment(pack({"a/b.txt": SECRET}))),
    "mail in a mail": bytes(with_mail(mail(SECRET))),
    "attachment of a mail in a mail": bytes(with_mail(with_attachment(SECRET.encode()))),
    "quoted-printable": f"{RAW}Content-Transfer-Encoding: quoted-printable\r\n\r\nZyx=2D47=\r\n16-Q\r\n".encode(),
    "before the parts": f'{RAW}Content-Type: multipart/mixed; boundary="b"\r\n\r\n{SECRET}\r\n--b\r\n\r\nx\r\n--b--\r\n'.encode(),
    "behind the parts": f'{RAW}Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n{SECRET}\r\n'.encode(),
    "header of a part": f'{RAW}Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Description: {SECRET}\r\n\r\nx\r\n--b--\r\n'.encode(),
    "second mail of a mailbox": b"From a Mon\n" + bytes(mail()) + b"\n\nFrom b Tue\n" + bytes(with_attachment(SECRET.encode())),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_value_in_any_place_is_read(place: str) -> None:
    document = read_document(PLACES[place])
    assert document.kind == "email"
    assert SECRET in text_of(document)
    assert document.complete, document.unread


def test_other_charsets_are_decoded_as_they_are_declared() -> None:
    source = RAW.encode() + b"Content-Type: text/plain; charset=koi8-r\r\n\r\n" + "привет".encode("koi8-r")
    document = read_document(source)
    assert "привет" in text_of(document)
    assert document.complete


def test_html_in_mails_is_read_in_the_charset_of_its_part() -> None:
    page = "<html><meta charset=koi8-r><p>Grüße</p></html>".encode("latin-1")
    document = read_document(RAW.encode() + b"Content-Type: text/html; charset=latin-1\r\n\r\n" + page)
    assert document.complete
    assert [passage.where for passage in document.passages if "Grüße" in passage.text] == ["file/1/text", "file/1/page"]
    assert not any("ц" in passage.text for passage in document.passages)


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("image", bytes(with_attachment(TINY_PNG))),
        ("damaged", bytes(with_attachment(b"x" * 99))[:-40]),
        ("damaged", RAW.encode() + b"Content-Transfer-Encoding: base64\r\n\r\nA\r\n"),
        ("unknown_kind", RAW.encode() + b"Content-Transfer-Encoding: x-own\r\n\r\nabc\r\n"),
        ("charset", RAW.encode() + b"Content-Type: text/plain; charset=x-own\r\n\r\nabc\r\n"),
        ("charset", RAW.encode() + b"Content-Type: text/plain; charset=us-ascii\r\n\r\n\xe4\xf6\xfc\r\n"),
        ("unknown_kind", bytes(with_attachment(bytes(range(256))))),
    ],
)
def test_what_cannot_be_read_is_noted(code: str, data: bytes) -> None:
    document = read_document(data)
    assert document.kind == "email"
    assert code in document.unread


def test_text_that_only_looks_like_headers_is_text() -> None:
    assert read_document(b"To: do\nSubject matters are open\n").kind == "text"
    assert read_document(b"name: x\nfrom: y\n\nz").kind == "text"
