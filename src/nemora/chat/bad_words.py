"""Texts that must not be written, as token ids. The engine keeps the last id of each from following the others."""

from __future__ import annotations

from collections.abc import Iterable

from nemora.chat.tokenizer import Tokenizer


def bad_sequences(words: Iterable[str], tokenizer: Tokenizer) -> tuple[tuple[int, ...], ...]:
    """The ids of each word as it stands at a text's beginning and after a space, as vLLM does.

    Another way to spell a word in tokens is not found, and neither is one in other letters: this shapes an answer, it
    protects nothing.
    """
    found: dict[tuple[int, ...], None] = {}
    for word in words:
        for spelled in (word.lstrip(), f" {word.lstrip()}"):
            if ids := tuple(tokenizer.encode(spelled)):
                found[ids] = None
    return tuple(found)
