"""Masks with reasoning: a model thinks freely, closes its reasoning, and only then follows the grammar."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar_world import EOS, PADDED, ids_of, mask_of, matchers_of, said, vocabulary
from nemora.chat.answer import AnswerReader
from nemora.chat.answer_grammar import AnswerGrammars
from nemora.chat.format import Format
from nemora.chat.grammar import Grammar, response_part
from nemora.chat.reasoning import ReasoningTags
from nemora.chat.reasoning_mask import ReasoningMask, ReasoningVocabulary
from nemora.core import ChatRequest, Message, ResponseFormat, StopReason, Thinking

TAGS = ReasoningTags()
FORMAT = Format(reasoning=TAGS, markup=(TAGS.open, TAGS.close))
TOKENIZERS = {True: vocabulary("<think>", "</think>"), False: vocabulary()}
MATCHERS = {one_token: matchers_of(tokenizer) for one_token, tokenizer in TOKENIZERS.items()}
WORDS = {
    one_token: ReasoningVocabulary(
        tokenizer, TAGS, vocab_size=tokenizer.size + PADDED, visible=FORMAT.visible_ids(tokenizer)
    )
    for one_token, tokenizer in TOKENIZERS.items()
}
PATTERN = r"<?[a-c]{2}"
GRAMMAR = Grammar.of([response_part(ResponseFormat("regex", text=PATTERN))], "/structured_outputs")


def mask(one_token: bool, *, inside: bool, may_end: bool = False) -> ReasoningMask:
    return ReasoningMask(
        lambda: mask_of(GRAMMAR, MATCHERS[one_token]), WORDS[one_token], inside=inside, may_end=may_end
    )


def after(text: str, one_token: bool = True, *, inside: bool, may_end: bool = False) -> ReasoningMask:
    made = mask(one_token, inside=inside, may_end=may_end)
    for token_id in ids_of(TOKENIZERS[one_token], text):
        assert made.allowed()[token_id]
        made.accept(token_id)
    return made


def permitted(made: ReasoningMask) -> set[int]:
    return set(made.allowed().nonzero()[:, 0].tolist())


@pytest.mark.parametrize("one_token", [True, False])
def test_while_it_thinks_everything_but_an_end_is_permitted(one_token: bool) -> None:
    made = after('so {"x <thin </thinking', one_token, inside=True)
    every = set(range(TOKENIZERS[one_token].size + PADDED))
    assert permitted(made) == every - EOS
    assert permitted(after("so", one_token, inside=True, may_end=True)) == every


@pytest.mark.parametrize("one_token", [True, False])
def test_after_the_closing_tag_only_the_grammar_counts(one_token: bool) -> None:
    made = after("so\n</think>", one_token, inside=True)
    assert {i for i in permitted(made) if i < 256} == set(b"<abc\n \t\r\x0b\x0c")
    made.accept(ord("\n"))
    assert {i for i in permitted(made) if i < 256} == set(b"<abc")
    for token_id in b"ab":
        made.accept(token_id)
    assert permitted(made) == EOS


def test_no_token_closes_the_reasoning_and_begins_the_text_at_once() -> None:
    tokenizer = TOKENIZERS[False]
    at_the_end = after("so</think", False, inside=True)
    texts = {tokenizer.bytes_of(i) for i in permitted(at_the_end)}
    assert {b">", b">\n"} <= texts and not {b">{", b'>{"'} & texts
    at_the_end.accept(next(i for i in range(tokenizer.size) if tokenizer.bytes_of(i) == b">\n"))
    assert {i for i in permitted(at_the_end) if i < 256} == set(b"<abc")
    assert b">{" in {tokenizer.bytes_of(i) for i in permitted(after("so</thin", False, inside=True))}


def test_white_space_that_others_force_after_the_closing_tag_is_no_text() -> None:
    made = after("so</think>", inside=True)
    for token_id in b"\n\n":
        made.accept(token_id)
    assert {i for i in permitted(made) if i < 256} == set(b"<abc")


@pytest.mark.parametrize("one_token", [True, False])
def test_a_model_that_was_not_told_may_think_first_or_begin(one_token: bool) -> None:
    tokenizer = TOKENIZERS[one_token]
    assert permitted(mask(one_token, inside=False)) >= set(b"<abc")
    assert permitted(after("<think>x</think>ab", one_token, inside=False)) == EOS
    assert permitted(after("<ab", one_token, inside=False)) == EOS
    both = {i for i in permitted(after("<", one_token, inside=False)) if i < 256}
    assert both == set(b"abct") and tokenizer.size
    assert {i for i in permitted(after("<t", one_token, inside=False)) if i < 256} == set(b"h")


@settings(max_examples=30)
@given(one_token=st.booleans(), inside=st.booleans(), seed=st.integers(0, 2**32))
def test_what_its_reader_takes_for_text_fits_the_grammar(one_token: bool, inside: bool, seed: int) -> None:
    tokenizer = TOKENIZERS[one_token]
    close = [tokenizer.special.ids["</think>"]] if one_token else [*b"</think>"]
    made = mask(one_token, inside=inside)
    thought = [*b"hm ", *close] if inside else []
    for token_id in thought:
        made.accept(token_id)
    # Without a hint a random model never closes a tag, so it is held to the text.
    ids = thought + said(made, seed, free=0, prefer=b"abc")
    reader = AnswerReader(tokenizer, FORMAT, prompt_tokens=1, tail="<think>" if inside else "")
    deltas = [*reader.feed(ids), *reader.finish(StopReason.STOP)]
    text = "".join(d.text for d in deltas)
    assert re.fullmatch(PATTERN, text)
    assert "".join(d.reasoning for d in deltas) == ("hm" if inside else "")


@pytest.mark.parametrize(
    ("tail", "thinking", "thinks"),
    [
        ("assistant\n<think>\n", Thinking(), True),
        ("assistant\n", Thinking(), True),
        ("assistant\n", Thinking(enabled=False), False),
        ("assistant\n<think></think>", Thinking(), False),
        ("assistant\n<think>\n\n</think>\n\n", Thinking(), False),
    ],
)
def test_the_prompt_and_the_request_say_whether_it_thinks(tail: str, thinking: Thinking, thinks: bool) -> None:
    tokenizer = TOKENIZERS[True]
    grammars = AnswerGrammars(tokenizer, FORMAT, tokenizer.size + PADDED)
    asked = ChatRequest(
        model="m",
        messages=(Message("user", "a"),),
        thinking=thinking,
        response_format=ResponseFormat("regex", text=PATTERN),
    )
    try:
        new_mask = grammars.new_mask(asked, (), tail)
    finally:
        grammars.close()
    assert new_mask is not None and isinstance(new_mask(), ReasoningMask) == thinks
