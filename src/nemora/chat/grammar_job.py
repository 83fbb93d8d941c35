"""Compiles a grammar in a worker process, to see whether it can be compiled at all: a client wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nemora.chat.grammar_vocabulary import GrammarVocabulary


def options_of(pieces: Sequence[bytes], special_ids: Iterable[int], eos_ids: Iterable[int]) -> dict[str, Any]:
    """What the job needs to know of a vocabulary, as JSON."""
    return {
        "bytes": b"".join(pieces).decode("latin-1"),
        "lengths": [len(piece) for piece in pieces],
        "special_ids": sorted(special_ids),
        "eos_ids": sorted(eos_ids),
    }


def start(options: dict[str, Any]) -> Callable[[str], None]:
    """The worker's factory. What it returns raises `RequestError` for a grammar that cannot be compiled."""
    joined, pieces, position = options["bytes"].encode("latin-1"), [], 0
    for length in options["lengths"]:
        pieces.append(joined[position : position + length])
        position += length
    vocabulary = GrammarVocabulary(pieces, options["special_ids"], options["eos_ids"])

    def compiled(source: str) -> None:
        vocabulary.matcher(source).compute_bitmask()

    return compiled
