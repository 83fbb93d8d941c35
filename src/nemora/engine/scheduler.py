"""Whose turn it is. In a round every decoding sequence gets one token.

What is left of the round's tokens is read of prompts, at least one chunk. So a long prompt delays nobody by more than
that. Prompts that are read at the same time share by priority, by stride scheduling (Waldspurger and Weihl 1995), but
nobody is interrupted for a few tokens: next is the one with the least left to read, as long as it has not been served
much more for its weight than another, and the one served least has not been passed over for long. So of several short
ones each is answered in its turn, not all at the end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from nemora.engine.budget import Budget, Cost
from nemora.engine.request import Priority
from nemora.engine.sequence import Sequence, Stage

LEAST_SHARED = 64
"""Tokens that one is still to read for both, from which on it is worth waiting for it."""
MOST_AHEAD = 512
"""Tokens, for one of normal priority, by which it may have been served more than another and still go on; and of others
that are read at most before it is the turn of the one that has been served least."""
MAX_OVERTAKEN = 16
"""So many may begin before one that came earlier; then it is next, whoever else waits."""


class Scheduler:
    """Sequences by stage. Not thread-safe: the engine calls it under its lock.

    Args:
        max_running: sequences that hold memory and take turns.
        step_tokens: of a round; the last chunk of a prompt in it may go beyond.
        together: sequences that may decode in one pass.
        known: how many tokens of a sequence's prompt need not be read. With it, what one reads of a prompt is kept for
            others that begin alike, so they wait until it has been read.
        most_ahead: see `MOST_AHEAD`.
    """

    def __init__(
        self,
        *,
        max_running: int,
        step_tokens: int,
        budget: Budget,
        cost: Cost,
        together: int = 1,
        known: Callable[[Sequence], int] | None = None,
        most_ahead: int = MOST_AHEAD,
    ) -> None:
        self.max_running = max_running
        self.budget = budget
        self.waiting: list[Sequence] = []
        self.prefilling: list[Sequence] = []
        self.decoding: deque[Sequence] = deque()
        self._cost = cost
        self._step_tokens = step_tokens
        self.together = together
        self._turns: deque[Sequence] = deque()  # who decodes in this round and has not yet
        self._left = 0  # tokens of prompts that this round may still read
        self._most_ahead = most_ahead
        self._known = known
        self._least: Sequence | None = None  # who has been served least
        self._passed = 0  # tokens of others that were read since that one had a turn
        self._refused_at = -1  # how often memory had been given back when nobody who waits could begin

    @property
    def waiting_tokens(self) -> int:
        """Tokens of the prompts that wait, without those that others read for them."""
        return sum(sequence.to_read for sequence in self.waiting)

    def add(self, sequence: Sequence) -> None:
        if self._known is not None:
            self._follow(sequence)
        self.waiting.append(sequence)
        self._refused_at = -1

    def _follow(self, sequence: Sequence) -> None:
        """Let it wait for the one that is to read most of the same prompt, if that is not less urgent."""
        shared: list[tuple[int, Sequence]] = []
        for other in (*self.prefilling, *self.waiting):
            if other.namespace == sequence.namespace and other.priority >= sequence.priority:
                cut = sequence.shared_cut(other)
                if cut - other.computed >= LEAST_SHARED:
                    shared.append((cut, other))
        if shared and sequence.may_begin:
            cut, leader = max(shared, key=lambda each: each[0])
            sequence.follow(leader, cut)

    def next(self) -> list[Sequence]:
        """Whose forward pass comes next: one, or several that decode. Memory for it is reserved. Nobody: empty."""
        first = self._next()
        group = [first] if first is not None else []
        while self._turns and len(group) < self.together and group[0].stage is Stage.DECODE:
            sequence = self._turns.popleft()
            if sequence.stage is Stage.DECODE and self._has_room(sequence):
                group.append(sequence)
        return group

    def move(self, sequence: Sequence) -> None:
        """Put a sequence where its stage belongs, after a pass changed that."""
        if sequence.stage is Stage.DECODE and sequence in self.prefilling:
            self.prefilling.remove(sequence)
            self.decoding.append(sequence)
            self._refused_at = -1  # whoever follows it may begin
        elif sequence.stage is Stage.DONE:
            self.remove(sequence)
            self.budget.release(sequence)
            self._refused_at = -1

    def remove(self, sequence: Sequence) -> None:
        """Take it out of its queue. Its memory stays reserved until `move` finds it done."""
        for queue in (self.waiting, self.prefilling, self.decoding, self._turns):
            if sequence in queue:
                queue.remove(sequence)

    def cancelled(self) -> list[Sequence]:
        """Sequences whose caller has gone."""
        return [sequence for sequence in self if sequence.cancelled]

    def __iter__(self) -> Iterator[Sequence]:
        yield from self.waiting
        yield from self.prefilling
        yield from self.decoding

    def __len__(self) -> int:
        return len(self.waiting) + len(self.prefilling) + len(self.decoding)

    def check_integrity(self) -> None:
        """Raise RuntimeError if a sequence is in the wrong queue, in two, or remembers what it should not."""
        everyone = list(self)
        if len({id(sequence) for sequence in everyone}) != len(everyone):
            raise RuntimeError("a sequence is queued twice")
        if len(self.prefilling) + len(self.decoding) > self.max_running:
            raise RuntimeError("more sequences run than may")
        for queue, stage in (
            (self.waiting, Stage.WAITING),
            (self.prefilling, Stage.PREFILL),
            (self.decoding, Stage.DECODE),
        ):
            for sequence in queue:
                _check(sequence, stage)

    def _next(self) -> Sequence | None:
        self._admit()
        for _ in range(2):  # the rest of this round, and the next one
            while self._turns:
                sequence = self._turns.popleft()
                if sequence.stage is Stage.DECODE and self._has_room(sequence):
                    return sequence
            if self.prefilling and self._left > 0:
                return self._serve(self._whose_turn())
            self._turns.extend(self.decoding)
            self._left = max(1, self._step_tokens - len(self.decoding))
        return None

    def _admit(self) -> None:
        while self.waiting and len(self.prefilling) + len(self.decoding) < self.max_running:
            if self._refused_at == self.budget.releases and not self._one_more_may:
                return
            sequence = self._reserved()
            if sequence is None:
                self._refused_at = self.budget.releases
                return
            self.waiting.remove(sequence)
            for earlier in self.waiting:
                earlier.overtaken += earlier.number < sequence.number
            sequence.stage = Stage.PREFILL
            # A newcomer begins where the others are: it neither waits for them nor makes them wait.
            sequence.served = min((other.served for other in self.prefilling), default=0.0)
            sequence.known = self._known(sequence) if self._known is not None else 0
            self.prefilling.append(sequence)

    @property
    def _one_more_may(self) -> bool:
        """Whether one that waits for another may begin since the last pass."""
        return any(sequence.leader is not None and sequence.may_begin for sequence in self.waiting)

    def _reserved(self) -> Sequence | None:
        """The first of those who wait whose memory could be reserved, which it now is.

        Who waits for one that finds no room waits no longer: it may be much smaller, and they may share little.
        """
        order = sorted(self.waiting, key=lambda each: (-each.priority, each.number))
        overdue = [sequence for sequence in order if sequence.overtaken >= MAX_OVERTAKEN and sequence.may_begin]
        refused: set[Sequence] = set()
        for sequence in overdue[:1] or order:
            if not sequence.may_begin and sequence.leader not in refused:
                continue
            held, most = self._cost.of_length(sequence.room), self._cost.of_length(sequence.limit)
            if self.budget.reserve(sequence, held, most):
                if sequence.leader is not None:
                    self._lead(sequence)
                return sequence
            refused.add(sequence)
        return None

    def _lead(self, sequence: Sequence) -> None:
        """Let it begin before its leader, and others follow it in the leader's place."""
        leader = sequence.leader
        sequence.go_ahead()
        for other in self.waiting:
            if other.leader is leader and other.priority <= sequence.priority:
                cut = other.shared_cut(sequence)
                if cut >= LEAST_SHARED:
                    other.follow(sequence, cut)

    def _whose_turn(self) -> Sequence:
        least = min(self.prefilling, key=lambda each: (each.served, each.number))
        if least is not self._least:
            self._least, self._passed = least, 0
        if self._passed >= self._most_ahead:
            return least
        most = least.served + self._most_ahead / Priority.NORMAL.weight
        may = (each for each in self.prefilling if each.served <= most)
        return min(may, key=lambda each: (each.left / each.priority.weight, each.number))

    def _serve(self, sequence: Sequence) -> Sequence:
        size = len(sequence.next_chunk())
        self._left -= size
        sequence.served += size / sequence.priority.weight
        self._passed = 0 if sequence is self._least else self._passed + size
        return sequence

    def _has_room(self, sequence: Sequence) -> bool:
        """Whether the next token's position is reserved, from now on if not before."""
        length = len(sequence.ids)
        if length > sequence.room:
            room = sequence.room_for(length)
            if not self.budget.grow(sequence, self._cost.of_length(room)):
                return False
            sequence.room = room
        return True


def _check(sequence: Sequence, stage: Stage) -> None:
    if sequence.stage is not stage:
        raise RuntimeError(f"a sequence in stage {sequence.stage.name} is queued as {stage.name}")
    if stage is Stage.WAITING and sequence.state is not None:
        raise RuntimeError("a waiting sequence holds memory")
    if sequence.state is not None and sequence.state.capacity > sequence.room:
        raise RuntimeError("a sequence holds more memory than was reserved")
    if stage is Stage.DECODE and sequence.computed != len(sequence.ids) - 1:
        raise RuntimeError("a decoding sequence does not remember all but its last token")
