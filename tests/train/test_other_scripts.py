"""A vocabulary grown by the signs of other scripts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_encoder import write_encoder
from tokenizers import Tokenizer

from nemora.tagger.tokens import load_tokenizer, shapes, tokenise
from nemora.train.encoder import Encoder, ReaderModel, read_config
from nemora.train.other_scripts import LONGEST_PIECE, Grown, grown
from nemora.train.span_labels import LABELS

TEXTS = [
    "请联系张伟，电话",
    "請聯絡張偉",
    "김민수는 오늘 갔다",
    "ผมชื่อสมชาย ใจดีครับ",
    "さくらさんが来た",
    "ரவி হাসান አበበ",
    "इस राम से मिलो",
    "my cake.",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def more(folder: Path) -> Grown:
    return grown((folder / "tokenizer.json").read_text(), TEXTS, least=1)


@pytest.fixture(scope="module")
def tokenizer(more: Grown, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    file = tmp_path_factory.mktemp("grown") / "tokenizer.json"
    file.write_text(more.tokenizer, encoding="utf-8")
    return load_tokenizer(file)


def test_no_sign_of_the_texts_is_unknown_any_more(folder: Path, tokenizer: Tokenizer) -> None:
    before, unknown = load_tokenizer(folder / "tokenizer.json"), tokenizer.token_to_id("[UNK]")
    for text in TEXTS[:-1]:
        assert unknown in tokenise(before, text)[0]
        assert unknown not in tokenise(tokenizer, text)[0]


def test_a_sign_that_is_too_rare_stays_unknown(folder: Path) -> None:
    contents = (folder / "tokenizer.json").read_text()
    assert not grown(contents, TEXTS, least=9).parts
    assert len(grown(contents, ["张伟", "张"], least=2).parts) == 1


def test_a_piece_that_is_frequent_is_read_as_one_word(folder: Path) -> None:
    contents = (folder / "tokenizer.json").read_text()
    texts = ["محمد كتب", "محمد قال", "هذا محمد"]
    tokenizer = Tokenizer.from_str(grown(contents, texts, least=1, least_pieces=3).tokenizer)
    assert tokenizer.encode("محمد", add_special_tokens=False).tokens == ["محمد"]
    assert len(tokenizer.encode("كتب", add_special_tokens=False).tokens) == 3


def test_no_piece_is_longer_than_a_word_is(folder: Path) -> None:
    contents = (folder / "tokenizer.json").read_text()
    more = Tokenizer.from_str(grown(contents, ["ขอบคุณมากครับพรุ่งนี้"] * 50, least=1).tokenizer)
    thai = [word.removeprefix("##") for word in more.get_vocab() if "\u0e01" <= word.removeprefix("##")[:1] <= "\u0e5b"]
    assert 1 < max(map(len, thai)) <= LONGEST_PIECE


def test_vowels_that_are_marks_are_read_and_accents_are_not(tokenizer: Tokenizer) -> None:
    for one, other in (("राम", "रीम"), ("นี้", "นา"), ("กา", "กำ"), ("กิ", "กี")):
        assert (tokenise(tokenizer, one)[0].tolist() != tokenise(tokenizer, other)[0].tolist()) is True
    for plain, marked in (("cake", "càkê"), ("محمد", "مُحَمَّد")):
        assert tokenise(tokenizer, plain)[0].tolist() == tokenise(tokenizer, marked)[0].tolist()


@given(st.text(st.sampled_from(sorted({sign for text in TEXTS for sign in text})), max_size=80))
@settings(max_examples=60)
def test_every_sign_lies_in_a_token(tokenizer: Tokenizer, text: str) -> None:
    covered = {at for start, end in tokenise(tokenizer, text)[2].tolist() for at in range(start, end)}
    assert {at for at, sign in enumerate(text) if sign.isalnum()} <= covered


@given(st.text(st.characters(max_codepoint=0x24F)))
@settings(max_examples=60)
def test_texts_in_latin_letters_are_read_as_before(folder: Path, tokenizer: Tokenizer, text: str) -> None:
    before, after = tokenise(load_tokenizer(folder / "tokenizer.json"), text), tokenise(tokenizer, text)
    assert all((one == other).all() for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize(("text", "name"), [("김민수는", "김민수"), ("คุณสมชายครับ", "สมชาย"), ("さくらさん", "さくら")])
def test_a_name_can_end_where_its_particle_begins(tokenizer: Tokenizer, text: str, name: str) -> None:
    _, words, offsets = tokenise(tokenizer, text)
    end = text.index(name) + len(name)
    inside = {int(word) for word, (start, _) in zip(words, offsets, strict=True) if start < end}
    assert inside.isdisjoint(int(word) for word, (start, _) in zip(words, offsets, strict=True) if start >= end)


def test_it_grows_only_once_and_alike(folder: Path, more: Grown) -> None:
    assert not grown(more.tokenizer, TEXTS, least=1).parts
    assert grown((folder / "tokenizer.json").read_text(), TEXTS[::-1], least=1) == more


def test_what_was_not_yet_learned_changes_no_answer(folder: Path, more: Grown, tokenizer: Tokenizer) -> None:
    """A new word begins with the vector of what it was read as, so a Chinese text keeps its answer."""
    encoder = Encoder(read_config(folder))
    encoder.load_published(folder)
    model = ReaderModel(encoder, 3, len(LABELS)).eval()
    before = load_tokenizer(folder / "tokenizer.json")
    for text in ("my cake is 请联系张伟", "東 my"):
        answers = []
        for words in (before, tokenizer):
            ids, _, offsets = tokenise(words, text)
            given_ids = torch.tensor(ids)[None]
            if words is tokenizer and len(model.encoder.words.weight) <= int(given_ids.max()):
                model.encoder.grow(more.parts)
            forms = torch.tensor(shapes(text, offsets))[None]
            with torch.no_grad():
                answers.append(model(given_ids, torch.ones_like(given_ids), forms)[0])
        torch.testing.assert_close(*answers, rtol=0, atol=0)
