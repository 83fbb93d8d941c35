"""What goes into the engine and what comes out: token ids only, never text."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from typing import Protocol

import torch

from nemora.core import StopReason
from nemora.errors import NemoraError, RequestError


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParams:
    """How one sequence is continued.

    `max_tokens` bounds the new tokens; `stop_ids` end the sequence and are not emitted.
    `temperature` 0 is greedy. `seed` makes the draw repeatable; `None` draws a fresh one.

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

    def __post_init__(self) -> None:
        _require(self.max_tokens >= 1, "max_tokens", "1 or more")
        _require(math.isfinite(self.temperature) and self.temperature >= 0, "temperature", "a finite number, 0 or more")
        _require(self.top_k is None or self.top_k >= 1, "top_k", "1 or more")
        _require(self.top_p is None or 0 < self.top_p <= 1, "top_p", "above 0 and at most 1")
        _require(self.min_p is None or 0 <= self.min_p <= 1, "min_p", "from 0 to 1")


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
    """New token ids of one sequence. The last delta has `finish`, or `error` if the sequence failed."""

    ids: tuple[int, ...]
    finish: StopReason | None = None
    error: NemoraError | None = None

    @property
    def is_last(self) -> bool:
        return self.finish is not None or self.error is not None
