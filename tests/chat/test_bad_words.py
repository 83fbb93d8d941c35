from __future__ import annotations

from small_vocabulary import small_tokenizer

from nemora.chat.bad_words import bad_sequences

TOKENIZER = small_tokenizer()


def test_a_word_is_kept_out_at_the_beginning_and_after_a_space() -> None:
    found = bad_sequences(["hello", " wo", "hello"], TOKENIZER)
    assert set(found) == {tuple(TOKENIZER.encode(text)) for text in ("hello", " hello", "wo", " wo")}
    assert len(found) == 4


def test_markup_in_a_word_is_letters_and_a_word_without_tokens_is_none() -> None:
    assert all(i not in TOKENIZER.special.ids.values() for ids in bad_sequences(["<think>"], TOKENIZER) for i in ids)
    assert bad_sequences([""], TOKENIZER) == ((TOKENIZER.encode(" ")[0],),)
