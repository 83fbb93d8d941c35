"""The caller's end of a sequence: read its deltas, cancel it, see how long it took."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nemora.engine.request import TokenDelta
from nemora.engine.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds of forward passes and sampling that one sequence took, and the tokens they were for."""

    prompt_tokens: int
    new_tokens: int
    prefill_seconds: float
    decode_seconds: float
    cached_tokens: int = 0
    """Of the prompt; the cache knew them."""
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    """Of those drafted."""

    @property
    def prefill_tokens_per_second(self) -> float:
        return (self.prompt_tokens - self.cached_tokens) / self.prefill_seconds if self.prefill_seconds else 0.0

    @property
    def decode_tokens_per_second(self) -> float:
        """The first new token comes out of the prefill, so it is not counted."""
        return max(self.new_tokens - 1, 0) / self.decode_seconds if self.decode_seconds else 0.0


class Generation:
    """What `Engine.submit` returns. Iterate over it once, unless a callback takes the deltas."""

    def __init__(self, cancel: Callable[[Sequence], None], on_delta: Callable[[TokenDelta], None] | None) -> None:
        self._deltas: queue.SimpleQueue[TokenDelta] = queue.SimpleQueue()
        self._cancel = cancel
        self._sequence: Sequence | None = None
        self.has_callback = on_delta is not None
        self.deliver: Callable[[TokenDelta], None] = on_delta or self._deltas.put

    def attach(self, sequence: Sequence) -> None:
        """Called by the engine, once."""
        self._sequence = sequence

    @property
    def sequence(self) -> Sequence | None:
        """What the engine works on; for the engine."""
        return self._sequence

    def cancel(self) -> None:
        """Ask for the end. No forward pass of this sequence begins after the one that runs now; then comes the
        last delta. Harmless when it has ended. Callable from any thread."""
        if self._sequence is not None:
            self._cancel(self._sequence)

    def __iter__(self) -> Iterator[TokenDelta]:
        """Deltas as they come, the last with `finish`. Leaving the loop early cancels.

        Raises:
            NemoraError: the sequence failed (ModelError), or the engine is gone (LocalModelDown).
        """
        if self.has_callback:
            raise TypeError("the deltas of this generation go to its callback")
        try:
            while True:
                delta = self._deltas.get()
                if delta.error is not None:
                    raise delta.error
                yield delta
                if delta.is_last:
                    return
        finally:
            self.cancel()

    def timings(self) -> Timings:
        """How long it took so far."""
        sequence = self._sequence
        assert sequence is not None
        drafts = sequence.speculation
        return Timings(
            sequence.prompt_tokens,
            sequence.new_tokens,
            sequence.prefill_seconds,
            sequence.decode_seconds,
            sequence.cached_tokens,
            drafts.drafted if drafts is not None else 0,
            drafts.accepted if drafts is not None else 0,
        )

    @property
    def cached_tokens(self) -> int:
        """Tokens of the prompt that were not read, since the cache knew them; right from the first delta on."""
        return self._sequence.cached_tokens if self._sequence is not None else 0
