"""What the model reads instead of a text: names joined or marked are words, and every character keeps its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.core import ChatRequest, Message
from nemora.privacy.as_words import as_words
from nemora.privacy.finding import Kind
from nemora.privacy.inspect import Inspector
from nemora.privacy.protocols import Examples, Reading, TaggedSpan
from nemora.privacy.segment import segments


@pytest.mark.parametrize(
    "text",
    [
        "ask Tilda_Braunfels today",
        "ask Tilda **Braunfels** today",
        "ask Tilda <b>Braunfels</b> today",
        'ask Tilda <span class="x">Braunfels</span> today',
        "ask Siobhan_ORourke today",
    ],
)
def test_a_name_that_is_joined_or_marked_is_words(text: str) -> None:
    read = as_words(text)
    assert len(read) == len(text) and read.split()[:1] == ["ask"] and len(read.split()) == 4
    assert not set(read) & set("_*<>")


@pytest.mark.parametrize("text", ["MAX_RETRIES", "user_id", "a Max_Retry_Count", "**Name:** Bob", "x < y", "2 ** Pi"])
def test_what_programs_join_is_left(text: str) -> None:
    assert as_words(text) == text


@pytest.mark.parametrize(
    ("name", "read"),
    [("tilda_braunfels", "Tilda Braunfels"), ("john.smith", "John Smith"), ("a_b", "a_b"), ("agent7", "agent7")],
)
def test_what_somebody_is_called_by_a_program_is_read_as_a_name(name: str, read: str) -> None:
    assert as_words(name, is_name=True) == read


@given(st.text("Ab_c*<>/ .-ßéИ", max_size=60), st.booleans())
def test_every_character_keeps_its_place(text: str, is_name: bool) -> None:
    read = as_words(text, is_name=is_name)
    assert len(read) == len(text)
    assert is_name or all(a == b or b == " " for a, b in zip(text, read, strict=True))


class Knows:
    """Knows Tilda Braunfels, written as two words."""

    def read(self, texts: list[str], examples: tuple[Examples, ...] = ()) -> list[Reading]:
        return [
            Reading(
                tuple(
                    TaggedSpan(label, text.index(word), text.index(word) + len(word), 0.99)
                    for label, word in (("GIVEN_NAME", "Tilda"), ("SURNAME", "Braunfels"))
                    if "Tilda " in text and "Braunfels" in text.split()
                ),
                (),
                (),
            )
            for text in texts
        ]


@pytest.mark.parametrize(
    ("message", "where"),
    [
        (Message("user", "hello", name="Tilda_Braunfels"), "/messages/0/name"),
        (Message("user", "hello", name="tilda_braunfels"), "/messages/0/name"),
        (Message("user", "Tilda **Braunfels** comes on Friday"), "/messages/0/content"),
        (Message("user", "Tilda <b>Braunfels</b> comes on Friday"), "/messages/0/content"),
    ],
)
def test_it_is_found_where_it_stands(message: Message, where: str) -> None:
    request = ChatRequest(model="auto", messages=(message,))
    found = Inspector(Knows()).inspect(list(segments(request))).findings
    (name,) = (finding for finding in found if finding.kind is Kind.PERSON_NAME)
    text = message.name or message.text()
    assert name.where == where and text[name.start : name.end].lower().startswith("tilda")
    assert "raunfels" in text[name.start : name.end]
