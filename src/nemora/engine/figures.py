"""What an engine does, as plain numbers: counted since it began, and at this moment."""

from __future__ import annotations

from collections.abc import Sequence as AnySequence
from dataclasses import dataclass

from nemora.engine.sequence import Sequence, Stage


@dataclass(slots=True)
class Totals:
    """Only ever grows. The engine's thread writes; whoever reads sees each number as it was lately."""

    read_tokens: int = 0
    """Of prompts, in forward passes."""
    cached_tokens: int = 0
    """Of prompts, which the prefix cache knew."""
    written_tokens: int = 0
    """Drawn, also those that end an answer."""
    read_seconds: float = 0.0
    """Of passes over prompts, with what was drawn after them."""
    written_seconds: float = 0.0
    """Of passes that sequences decode in; one of several at once counts once."""

    def count(
        self, sequences: AnySequence[Sequence], began: AnySequence[int | None], drawn: int, seconds: float
    ) -> None:
        """One pass. `began` are the tokens that each remembered before; None: it had no state yet."""
        reading = sequences[0].stage is Stage.PREFILL
        if not reading:
            self.written_seconds += seconds
        else:
            self.read_seconds += seconds
            for sequence, before in zip(sequences, began, strict=True):
                known = sequence.cached_tokens if before is None else before
                self.read_tokens += max(0, sequence.computed - known)
                self.cached_tokens += known if before is None else 0
        self.written_tokens += drawn


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """At one moment."""

    running: int
    """Sequences that hold memory and take turns."""
    waiting: int
    waiting_tokens: int
    """Of the prompts that wait, without those that others read for them."""
    state_bytes: int
    """Reserved for what running sequences remember."""
    cache_bytes: int
    """Taken by the prefix cache."""
    memory_bytes: int
    """That both may have together."""
