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


CALL_TAGS = ("<tool_call>", "</tool_call>")
call_pieces = st.lists(
    st.sampled_from(["</think>", "</thi", "nk>", "<tool_call>", "<tool", "_call>", "</tool_call>", "\n", " ", "a", "<f>", "{"]),
    max_size=10,
)  # fmt: skip


def split_calls(parts: list[str], *, over: bool) -> tuple[str, str]:
    splitter = ReasoningSplitter(TAGS, inside=True, call_tags=CALL_TAGS)
    thoughts = [*(splitter.feed(part) for part in parts), splitter.flush(over=over)]
    return "".join(t.reasoning for t in thoughts), "".join(t.text for t in thoughts)


def twin_calls(text: str, *, over: bool) -> tuple[str, str]:
    """A call that nothing follows, in an answer that is over and never closed its reasoning."""
    called = re.fullmatch(r"(.*?)(<tool_call>\s*(?:[<{\[].*|)</tool_call>)(\s*)", text, re.DOTALL)
    if not over or "</think>" in text or called is None:
        return twin(text, inside=True)
    return called[1].strip(), called[2] + called[3]


@settings(max_examples=600)
@given(call_pieces, st.booleans())
def test_call_without_a_closing_tag_counts_only_at_the_end_of_a_whole_answer(parts, over):
    text = "".join(parts)
    assert split_calls(parts, over=over) == twin_calls(text, over=over)
    assert split_calls(list(text), over=over) == twin_calls(text, over=over)


def test_reasoning_that_mentions_a_call_tag_goes_on_streaming():
    splitter = ReasoningSplitter(TAGS, inside=True, call_tags=CALL_TAGS)
    assert splitter.feed("The <tool_call> tag").reasoning == "The <tool_call> tag"


@pytest.mark.parametrize(
    "pieces",
    [["<tool_call>", *[" "] * 500], ["<tool_call>{", *["a "] * 500], ["<tool_call>"] * 500, [" "] * 500],
    ids=["blanks after a tag", "a call", "tags", "blanks"],
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_long_wait_is_looked_at_a_few_times_and_not_with_each_piece(pieces, inside, monkeypatch):
    looked = []
    for look in ("_inside", "_before"):
        plain = getattr(ReasoningSplitter, look)
        monkeypatch.setattr(ReasoningSplitter, look, lambda self, plain=plain: (looked.append(1), plain(self))[1])
    splitter = ReasoningSplitter(TAGS, inside=inside, call_tags=CALL_TAGS)
    for piece in pieces:
        splitter.feed(piece)
    assert len(looked) <= 5


def test_tags_in_the_middle_of_an_answer_are_text():
    assert split(["The tag <think> opens, ", "</think> closes."], inside=False) == (
        "",
        "The tag <think> opens, </think> closes.",
    )
