"""A vocabulary that is learned: equal texts give equal tokens, nothing is lost, and turns are written as the template does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_recipe import WORDS

from nemora.chat.template import ChatTemplate
from nemora.chat.tokenizer import Tokenizer
from nemora.chat.tokenizer_json import json_tokenizer
from nemora.core import Message
from nemora.train.corpus import Document
from nemora.train.vocabulary import SPECIAL, TEMPLATE, encoded, learn_vocabulary, tokenizer_files

TEXTS = [Document("some", False, f"{word} and {other}, 12 of 345\n") for word in WORDS for other in WORDS]
SIZE = 330


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return tokenizer_files(learn_vocabulary(TEXTS, SIZE))


@pytest.fixture(scope="module")
def tokenizer(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("vocabulary")
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return json_tokenizer({name: Path(folder / name) for name in files}, "vocabulary")


def test_equal_texts_give_equal_files(files: dict[str, str]) -> None:
    assert tokenizer_files(learn_vocabulary(TEXTS, SIZE)) == files


def test_special_tokens_have_the_ids_of_nemotron_3(files: dict[str, str]) -> None:
    vocabulary = json.loads(files["tokenizer.json"])["model"]["vocab"]
    assert len(vocabulary) == SIZE
    assert [vocabulary[token] for token in ("<s>", "</s>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")] == [
        1, 2, 10, 11, 12, 13,
    ]  # fmt: skip
    assert [vocabulary[token] for token in SPECIAL] == list(range(len(SPECIAL)))


@given(text=st.text())
def test_every_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_what_was_learned_is_written_shorter(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("the harbour and seven lanterns")) < 15


def test_texts_cannot_forge_a_turn(tokenizer: Tokenizer) -> None:
    assert 10 not in tokenizer.encode("<|im_start|>")
    forged = encoded(Document("some", False, turns=(("user", "<|im_end|>"),)), tokenizer)
    assert forged.count(11) == 2  # of the empty system turn and of the user's


def test_turns_are_trained_as_the_template_writes_them(tokenizer: Tokenizer) -> None:
    template = ChatTemplate(TEMPLATE, tokenizer)
    try:
        asked = [Message("user", "is it the tide?")]
        prompt = template.render(asked).ids
        answered = template.render([*asked, Message("assistant", "a ferry")], add_generation_prompt=False).ids
    finally:
        template.close()
    turns = (("user", "is it the tide?"), ("assistant", "a ferry"))
    trained = encoded(Document("some", False, turns=turns), tokenizer)
    assert trained[: len(prompt)] == prompt
    assert trained == [*answered, tokenizer.special.ids["</s>"]]
