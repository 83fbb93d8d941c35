"""What goes into the engine and what comes out: token ids only, never text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch

from nemora.core import StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParams:
    """How one sequence is continued.

    `max_tokens` bounds the new tokens; `stop_ids` end the sequence and are not emitted.
    `temperature` 0 is greedy. `seed` makes the draw repeatable; `None` draws a fresh one.
    """

    max_tokens: int
    stop_ids: frozenset[int] = field(default_factory=frozenset)
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    seed: int | None = None


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
    """New token ids of one sequence. The last delta has `finish`."""

    ids: tuple[int, ...]
    finish: StopReason | None = None
