"""Documents as text for models that read text only."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.backends.anthropic import AnthropicBackend
from nemora.backends.document_text import CUT, with_texts
from nemora.backends.openai import OpenAIBackend
from nemora.backends.openai_body import content_of
from nemora.core import ChatRequest, Message, OpaquePart, Passage, ReadDocument, TextPart
from nemora.errors import UnsupportedField
from nemora.settings import RemoteServer

PDF = ReadDocument(
    "pdf", (Passage("page/1", "One."), Passage("page/2", "Two."), Passage("metadata", "Ada", "author")), True
)


def document(read: ReadDocument | None, data: bytes = b"x", media_type: str = "text/plain") -> OpaquePart:
    url = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    if media_type.startswith("image/"):
        return OpaquePart("image_url", {"type": "image_url", "image_url": {"url": url}}, read)
    return OpaquePart("file", {"type": "file", "file": {"file_data": url}}, read)


def told(*parts: OpaquePart, room: int = 10_000) -> str:
    return with_texts([Message("user", (TextPart("Sum up:"), *parts))], room=room, size=len)[0].text()


def test_a_document_is_told_with_a_header_its_pages_and_its_keys() -> None:
    text = told(document(PDF))
    assert text == (
        "Sum up:\n[document 1: pdf, 2 pages]\n[page 1]\nOne.\n[page 2]\nTwo.\nauthor: Ada\n[end of document 1]\n"
    )


def test_what_is_missing_is_said() -> None:
    seen = ReadDocument("image", (Passage("text", "EXIT"),), False, ("image",))
    cut = ReadDocument("docx", (Passage("body", "Dear"),), False, ("macro",))
    text = told(document(seen), document(cut))
    assert "[document 1: image; only the text in it was read]\nEXIT\n" in text
    assert "[document 2: docx; not all of it could be read]\nDear\n" in text


@pytest.mark.parametrize(
    "read",
    [
        None,
        ReadDocument("image", (), False, ("image",)),
        ReadDocument("image", (Passage("metadata", "f/2", "Aperture"),), False, ("image",)),
        ReadDocument("unknown", (), False, ("unknown_kind",)),
    ],
)
def test_what_has_no_text_is_refused_in_one_sentence(read: ReadDocument | None) -> None:
    with pytest.raises(UnsupportedField, match=r"^The local model reads text only.*\.$"):
        told(document(PDF), document(read))


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=6), st.integers(0, 4000))
def test_documents_take_no_more_than_their_room_and_all_of_it_if_they_need_it(sizes: list[int], room: int) -> None:
    parts = [document(ReadDocument("text", (Passage("text", "w" * size),), True)) for size in sizes]
    text = told(*parts, room=room)
    kept = text.count("w")
    assert kept <= room and (kept == sum(sizes) or text.count(CUT) >= 1)
    assert kept >= min(sum(sizes), room) * 0.9 - 16 * len(sizes)
    assert text.count("[document ") == len(sizes)


def backend(
    kind: type[OpenAIBackend] | type[AnthropicBackend], trust: str = "cloud"
) -> OpenAIBackend | AnthropicBackend:
    return kind(RemoteServer(name="s", base_url="http://127.0.0.1:1/v1", model="m", trust=trust))  # type: ignore[arg-type]


def asks(*parts: OpaquePart, role: str = "user") -> ChatRequest:
    messages = (Message(role, (TextPart("Sum up:"), *parts)),)  # type: ignore[arg-type]
    return ChatRequest(model="m", messages=messages)


PICTURE = document(ReadDocument("image", (Passage("text", "EXIT"),), False, ("image",)), b"p", "image/png")


def test_a_server_on_this_side_is_told_documents_and_shown_pictures() -> None:
    request = asks(document(PDF), PICTURE)
    near = backend(OpenAIBackend, "local").outbound(request)
    assert b"[document 1: pdf, 2 pages]" in near and b"file_data" not in near and b"data:image/png" in near
    far = backend(OpenAIBackend).outbound(request)
    assert b"[document" not in far and b"file_data" in far
    assert content_of(request.messages[0])[1] == request.opaque_parts()[0].raw  # type: ignore[index]


def test_anthropic_is_sent_blocks_of_the_very_bytes() -> None:
    text = "Tides are waves. ä"
    plain = document(ReadDocument("text", (Passage("text", text),), True), text.encode())
    request = asks(document(PDF, b"%PDF-x", "application/pdf"), PICTURE, plain)
    far = backend(AnthropicBackend)
    assert far.carries(request)
    sent = far.outbound(request).decode()
    assert '"media_type":"application/pdf"' in sent and base64.b64encode(b"%PDF-x").decode() in sent
    assert '"type":"image"' in sent and '"media_type":"image/png"' in sent
    assert f'"type":"text","media_type":"text/plain","data":"{text}"' in sent or f'"data":"{text}"' in sent


@pytest.mark.parametrize(
    "request_",
    [
        asks(document(ReadDocument("docx", (Passage("body", "x"),), True), b"PK")),
        asks(document(ReadDocument("text", (Passage("text", "other"),), True), b"x")),  # not what was read
        asks(document(None)),
        asks(document(PDF, b"%PDF", "application/pdf"), role="tool"),
        asks(document(PDF, b"%PDF", "application/pdf"), role="assistant"),
        asks(document(PDF, b"%PDF", "application/pdf"), role="system"),
        asks(document(ReadDocument("image", (), False, ("image",)), b"p", "image/bmp")),
    ],
)
def test_what_anthropic_has_no_block_for_is_not_carried(request_: ChatRequest) -> None:
    assert not backend(AnthropicBackend).carries(request_)
