"""One sequence on its way through the engine: its tokens, what is remembered of them, and where it stands."""

from __future__ import annotations

import enum
import itertools
import time
from bisect import bisect_right
from collections.abc import Callable
from collections.abc import Sequence as AnySequence

from nemora.core import StopReason
from nemora.engine.cuts import stable_cuts
from nemora.engine.drafting import Drafting
from nemora.engine.logprobs import TokenChances
from nemora.engine.penalties import Penalties
from nemora.engine.request import GenerationParams, Priority, TokenDelta, TokenMask
from nemora.engine.sampler import new_generator
from nemora.engine.thinking import ThinkingWatch
from nemora.errors import NemoraError
from nemora.models.state import State

GROWTH = 256
"""Positions that a state gets room for at a time, beyond its prompt."""


_numbers = itertools.count()


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
        context: int,
        chunk: int,
        deliver: Callable[[TokenDelta], None],
        mask: TokenMask | None = None,
        namespace: str = "",
        boundaries: AnySequence[int] = (),
        priority: Priority = Priority.NORMAL,
        leader: Sequence | None = None,
        speculation: Drafting | None = None,
        keep: Callable[[Sequence], None] = lambda sequence: None,
    ) -> None:
        self.ids = list(ids)
        self.prompt_tokens = len(self.ids)
        self.params = params
        self.mask = mask
        self.limit = min(context, len(self.ids) + params.max_tokens)
        """Most tokens that it may have, prompt included."""
        self.namespace = namespace
        self.cuts = stable_cuts(len(self.ids), boundaries, chunk)
        """Where the prompt is cut whatever follows it; what remains after the last cut is read in one pass."""
        self.cached_tokens = 0
        """Tokens of the prompt that were not read, since the cache knew them."""
        self.snapshot_at: frozenset[int] = frozenset()
        """Cuts at which the cache keeps what is remembered."""
        self.awaited_at: set[int] = set()
        """More such cuts: others wait there to go on from it."""
        self.room = self.room_for(len(self.ids))
        """Positions that memory is reserved for."""
        self.priority = priority
        self.number = next(_numbers)
        """Its place in the order of arrival."""
        self.overtaken = 0
        """How many came later and began earlier."""
        self.known = 0
        """Tokens of its prompt that the cache is thought to know, before that was asked for them."""
        self.served = 0.0
        """Tokens of its prompt that were read, in the scheduler's account; see `Scheduler`."""
        self.stage = Stage.WAITING
        self.state: State | None = None
        self.cancelled = False
        self.generator = new_generator(params.seed)
        self.penalties = Penalties(params, self.ids)
        self.thinking = ThinkingWatch(params.thinking) if params.thinking is not None else None
        self._leader = leader
        self._until = self.prompt_tokens  # of the leader's prompt
        self.speculation = speculation
        self.prefill_seconds = 0.0
        self.decode_seconds = 0.0
        self._deliver = deliver
        self._keep = keep  # asked before it ends and its state is gone

    @property
    def new_tokens(self) -> int:
        return len(self.ids) - self.prompt_tokens

    @property
    def may_begin(self) -> bool:
        """Whether its leader has read what they share, so that the cache can know it; or there is none."""
        leader = self._leader
        if leader is not None and (
            leader.stage not in (Stage.WAITING, Stage.PREFILL) or leader.computed >= self._until
        ):
            self._leader = None
        return self._leader is None

    @property
    def leader(self) -> Sequence | None:
        """Whom it is to wait for, until it is found ready."""
        return self._leader

    @property
    def left(self) -> int:
        """Tokens of its prompt that are still to be read."""
        return self.prompt_tokens - max(self.computed, self.known)

    @property
    def to_read(self) -> int:
        """Tokens of its prompt without those that its leader reads for it."""
        return self.prompt_tokens - (min(self._until, self.prompt_tokens) if self._leader is not None else 0)

    def follow(self, leader: Sequence, until: int) -> None:
        """Wait until the leader has read `until` tokens, a cut that both prompts share, and has kept them."""
        self._leader, self._until = leader, until
        leader.awaited_at.add(until)

    def go_ahead(self) -> None:
        """Begin before its leader, and keep what they share for it."""
        if self._until in self.cuts:
            self.awaited_at.add(self._until)
        self._leader = None

    def shared_cut(self, other: Sequence) -> int:
        """The last cut up to which two prompts are alike with a token left in each; 0: there is none."""
        shared, most = 0, min(self.prompt_tokens, other.prompt_tokens)
        for cut, their_cut in zip(self.cuts, other.cuts, strict=False):
            if cut != their_cut or cut >= most or self.ids[shared:cut] != other.ids[shared:cut]:
                break
            shared = cut
        return shared

    @property
    def computed(self) -> int:
        """Tokens that the state remembers."""
        return self.state.length if self.state is not None else 0

    def room_for(self, length: int) -> int:
        """Room for `length` positions and some more: memory grows in steps, so that it is rarely copied."""
        return min(self.limit, max(length, self.prompt_tokens + GROWTH, length + length // 2))

    def next_chunk(self) -> list[int]:
        """The tokens of the next forward pass.

        A prompt is cut at the same places whatever else runs, so its numbers never depend on company.
        """
        start = self.computed
        if start >= self.prompt_tokens:
            return self.ids[start:]
        index = bisect_right(self.cuts, start)
        return self.ids[start : self.cuts[index] if index < len(self.cuts) else self.prompt_tokens]

    def add(self, token_id: int, chances: TokenChances | None = None) -> None:
        """Take the token that was drawn: emit it, or end."""
        known = (chances,) if chances is not None else ()
        if token_id in self.params.stop_ids:
            self.finish(StopReason.STOP)
            return
        self.ids.append(token_id)
        if self.new_tokens >= self.params.max_tokens or len(self.ids) >= self.limit:
            self._end(TokenDelta((token_id,), StopReason.LENGTH, chances=known))
        else:
            self._deliver(TokenDelta((token_id,), chances=known))

    def accept(self, token_id: int) -> None:
        """A token was drawn that does not end the sequence: tell everything that looks at what was written."""
        self.penalties.accept(token_id)
        if self.thinking is not None:
            self.thinking.accept(token_id)
        if self.mask is not None:
            self.mask.accept(token_id)

    def finish(self, reason: StopReason) -> None:
        self._end(TokenDelta((), reason))

    def fail(self, error: NemoraError) -> None:
        self._end(TokenDelta((), error=error))

    def abandon(self) -> None:
        """End without a word: nobody listens any more."""
        self.stage = Stage.DONE
        self.state = None
        if self.speculation is not None:
            self.speculation.forget()

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
        if delta.error is None:
            self._keep(self)
        self.abandon()  # memory goes back before anybody hears of the end
        self._deliver(delta)
