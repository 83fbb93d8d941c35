"""Log-probabilities by token id, as they come from an engine, with the text of the tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from nemora.chat.tokenizer import Tokenizer
from nemora.core import LOWEST_LOGPROB, TokenLogprob

Chances: TypeAlias = tuple[float, Sequence[tuple[int, float]]]
"""The log-probability of the token that came, and ids and log-probabilities of the likeliest."""


def token_logprob(tokenizer: Tokenizer, token_id: int, chances: Chances) -> TokenLogprob:
    """What a client sees of one token."""
    logprob, top = chances
    return _described(tokenizer, token_id, logprob, tuple(_described(tokenizer, i, each) for i, each in top))


def _described(tokenizer: Tokenizer, token_id: int, logprob: float, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
    piece = tokenizer.bytes_of(token_id)
    return TokenLogprob(piece.decode("utf-8", "replace"), max(logprob, LOWEST_LOGPROB), piece, top)
