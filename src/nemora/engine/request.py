"""What goes into the engine and what comes out: token ids only, never text."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch

from nemora.core import StopReason
from nemora.engine.logprobs import MAX_TOP, TokenChances
from nemora.engine.thinking import ThinkingLimit
from nemora.errors import NemoraError, RequestError


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParams:
    """How one sequence is continued.

    `max_tokens` bounds the new tokens; `stop_ids` end the sequence and are not emitted.
    `temperature` 0 is greedy. `seed` makes the draw repeatable; `None` draws a fresh one.
    `repetition_penalty` (1: none) looks at prompt and answer, the other two (0: none) at the answer; see `Penalties`.
    None of `bad_sequences` is written. Before `min_tokens` were, no stop id is.
    `logprobs`: with each token its log-probability, and of so many of the likeliest.

    Raises:
        RequestError: a value is out of its range; `param` names it.
    """

    max_tokens: int
    stop_ids: frozenset[int] = field(default_factory=frozenset)
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    seed: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    bad_sequences: tuple[tuple[int, ...], ...] = ()
    min_tokens: int = 0
    logprobs: int | None = None
    thinking: ThinkingLimit | None = None

    def __post_init__(self) -> None:
        _require(self.max_tokens >= 1, "max_tokens", "1 or more")
        _require(math.isfinite(self.temperature) and self.temperature >= 0, "temperature", "a finite number, 0 or more")
        _require(self.top_k is None or self.top_k >= 1, "top_k", "1 or more")
        _require(self.top_p is None or 0 < self.top_p <= 1, "top_p", "above 0 and at most 1")
        _require(self.min_p is None or 0 <= self.min_p <= 1, "min_p", "from 0 to 1")
        for name in ("frequency_penalty", "presence_penalty"):
            _require(-2 <= getattr(self, name) <= 2, name, "from -2 to 2")
        _require(0 < self.repetition_penalty < math.inf, "repetition_penalty", "a finite number above 0")
        biases = self.logit_bias.values()
        _require(all(-100 <= bias <= 100 for bias in biases), "logit_bias", "numbers from -100 to 100")
        _require(all(self.bad_sequences), "bad_words", "texts that have tokens")
        _require(0 <= self.min_tokens <= self.max_tokens, "min_tokens", "from 0 to max_tokens")
        _require(self.logprobs is None or 0 <= self.logprobs <= MAX_TOP, "top_logprobs", f"from 0 to {MAX_TOP}")

    def check_vocabulary(self, size: int) -> None:
        """Refuse a bias for a token that there is not.

        Raises:
            RequestError: see above.
        """
        _require(all(0 <= i < size for i in self.logit_bias), "logit_bias", f"for ids from 0 to {size - 1}")


def _require(holds: bool, param: str, expected: str) -> None:
    if not holds:
        raise RequestError(f"{param} must be {expected}.", param=param)


class Priority(enum.IntEnum):
    """Who comes first. Where prompts are read at the same time, each step up has four times the tokens."""

    LOW = 0
    NORMAL = 1
    HIGH = 2

    @property
    def weight(self) -> int:
        """Its part of the tokens read, beside others'."""
        return int(4**self)


class TokenMask(Protocol):
    """Restricts the next token, for grammars. Called on the engine thread, so it must be quick."""

    def allowed(self) -> torch.Tensor | None:
        """A bool tensor [vocab] of permitted ids, or None when everything is permitted."""
        ...

    def accept(self, token_id: int) -> None:
        """Advance by the token that was drawn."""
        ...


@dataclass(frozen=True, slots=True)
class TokenDelta:
    """New token ids of one sequence. The last delta has `finish`, or `error` if the sequence failed.

    `chances`, where asked for, has one entry for each id.
    """

    ids: tuple[int, ...]
    finish: StopReason | None = None
    error: NemoraError | None = None
    chances: tuple[TokenChances, ...] = ()

    @property
    def is_last(self) -> bool:
        return self.finish is not None or self.error is not None
