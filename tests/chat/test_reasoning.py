from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.chat.reasoning import ReasoningSplitter, ReasoningTags

TAGS = ReasoningTags()
pieces = st.lists(
    st.sampled_from(["<think>", "</think>", "<thi", "nk>", "</", "think>", " ", "\n", "a", "b c", "<", ">"]),
    max_size=10,
)


def split(parts: list[str], *, inside: bool) -> tuple[str, str]:
    splitter = ReasoningSplitter(TAGS, inside=inside)
    thoughts = [splitter.feed(part) for part in parts] + [splitter.flush()]
    return "".join(t.reasoning for t in thoughts), "".join(t.text for t in thoughts)


def twin(text: str, *, inside: bool) -> tuple[str, str]:
    """The whole text at once, with a regular expression."""
    if not inside:
        if orphan := re.match(r"\s*</think>\s*", text):
            return "", text[orphan.end() :]
        opened = re.match(r"\s*<think>", text)
        if opened is None:
            return "", text
        text = text[opened.end() :]
    reasoning, closed, rest = text.partition("</think>")
    return reasoning.strip(), rest.lstrip() if closed else ""


@settings(max_examples=400)
@given(pieces, st.booleans())
def test_any_split_gives_what_the_whole_gives(parts, inside):
    text = "".join(parts)
    expected = twin(text, inside=inside)
    assert split(parts, inside=inside) == expected
    assert split(list(text), inside=inside) == expected


@pytest.mark.parametrize(
    ("tail", "inside"),
    [
        ("assistant\n<think>\n", True),
        ("assistant\n<think>", True),
        ("assistant\n<think>\n\n</think>\n\n", False),
        ("assistant\n", False),
    ],
)
def test_prompt_says_whether_the_answer_begins_inside(tail, inside):
    assert TAGS.opened_by(tail) is inside


def test_tags_in_the_middle_of_an_answer_are_text():
    assert split(["The tag <think> opens, ", "</think> closes."], inside=False) == (
        "",
        "The tag <think> opens, </think> closes.",
    )
