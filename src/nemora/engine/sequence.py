"""One sequence on its way through the engine: its tokens, what is remembered of them, and where it stands."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from collections.abc import Sequence as AnySequence

from nemora.core import StopReason
from nemora.engine.request import GenerationParams, TokenDelta, TokenMask
from nemora.engine.sampler import new_generator
from nemora.errors import NemoraError
from nemora.models.state import State

GROWTH = 256
"""Positions that a state gets room for at a time, beyond its prompt."""


class Stage(enum.Enum):
    """Where a sequence stands. It only ever moves down this list."""

    WAITING = enum.auto()
    PREFILL = enum.auto()
    DECODE = enum.auto()
    DONE = enum.auto()


class Sequence:
    """A prompt and its continuation. Only the engine thread changes it, but for `cancelled`."""

    def __init__(
        self,
        ids: AnySequence[int],
        params: GenerationParams,
        *,
        limit: int,
        mask: TokenMask | None,
        deliver: Callable[[TokenDelta], None],
    ) -> None:
        self.ids = list(ids)
        self.prompt_tokens = len(self.ids)
        self.params = params
        self.mask = mask
        self.limit = limit
        """Most tokens that it may have, prompt included."""
        self.stage = Stage.WAITING
        self.state: State | None = None
        self.cancelled = False
        self.generator = new_generator(params.seed)
        self.prefill_seconds = 0.0
        self.decode_seconds = 0.0
        self._deliver = deliver

    @property
    def new_tokens(self) -> int:
        return len(self.ids) - self.prompt_tokens

    @property
    def computed(self) -> int:
        """Tokens that the state remembers."""
        return self.state.length if self.state is not None else 0

    def room_for(self, length: int) -> int:
        """Capacity that a state needs for `length` positions: in steps, so that it is rarely copied."""
        return min(self.limit, max(length, self.prompt_tokens + GROWTH, length + length // 2))

    def next_chunk(self, chunk: int) -> list[int]:
        """The tokens of the next forward pass.

        A prompt is cut at multiples of `chunk`, whatever else runs, so that its numbers never depend on company.
        """
        start = self.computed
        return self.ids[start : min(start + chunk, len(self.ids))]

    def add(self, token_id: int) -> None:
        """Take the token that was drawn: emit it, or end."""
        if token_id in self.params.stop_ids:
            self.finish(StopReason.STOP)
            return
        self.ids.append(token_id)
        if self.new_tokens >= self.params.max_tokens or len(self.ids) >= self.limit:
            self._end(TokenDelta((token_id,), StopReason.LENGTH))
        else:
            self._deliver(TokenDelta((token_id,)))

    def finish(self, reason: StopReason) -> None:
        self._end(TokenDelta((), reason))

    def fail(self, error: NemoraError) -> None:
        self._end(TokenDelta((), error=error))

    def abandon(self) -> None:
        """End without a word: nobody listens any more."""
        self.stage = Stage.DONE
        self.state = None

    def count_time(self, stage: Stage, since: float) -> None:
        """Add the time since `since` (`time.perf_counter`) to what `stage` has taken."""
        seconds = time.perf_counter() - since
        if stage is Stage.PREFILL:
            self.prefill_seconds += seconds
        else:
            self.decode_seconds += seconds

    def _end(self, delta: TokenDelta) -> None:
        if self.stage is Stage.DONE:
            return
        self.abandon()  # memory goes back before anybody hears of the end
        self._deliver(delta)
