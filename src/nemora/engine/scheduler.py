"""Whose turn it is. Decoding sequences take turns; between two of their rounds one chunk of one prompt is read.

So a long prompt delays nobody by more than a chunk, and prompts do not wait for each other's whole length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from nemora.engine.sequence import Sequence, Stage


class Scheduler:
    """Sequences by stage. Not thread-safe: the engine calls it under its lock.

    A batched engine will ask for several sequences at a time; the order is the same.
    """

    def __init__(self, *, max_running: int) -> None:
        self.max_running = max_running
        self.waiting: deque[Sequence] = deque()
        self.prefilling: deque[Sequence] = deque()
        self.decoding: deque[Sequence] = deque()
        self._decoded_since_prefill = 0

    def add(self, sequence: Sequence) -> None:
        self.waiting.append(sequence)

    def next(self) -> Sequence | None:
        """The sequence whose forward pass comes next, at the same time sent to the back of its queue."""
        self._admit()
        if self.prefilling and self._decoded_since_prefill >= len(self.decoding):
            self._decoded_since_prefill = 0
            return _turn(self.prefilling)
        if self.decoding:
            self._decoded_since_prefill += 1
            return _turn(self.decoding)
        return None

    def move(self, sequence: Sequence) -> None:
        """Put a sequence where its stage belongs, after a pass changed that."""
        if sequence.stage is Stage.DECODE and sequence in self.prefilling:
            self.prefilling.remove(sequence)
            self.decoding.append(sequence)
        elif sequence.stage is Stage.DONE:
            self.remove(sequence)

    def remove(self, sequence: Sequence) -> None:
        for queue in (self.waiting, self.prefilling, self.decoding):
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
                if sequence.stage is not stage:
                    raise RuntimeError(f"a sequence in stage {sequence.stage.name} is queued as {stage.name}")
                if stage is Stage.WAITING and sequence.state is not None:
                    raise RuntimeError("a waiting sequence holds memory")
                if stage is Stage.DECODE and sequence.computed != len(sequence.ids) - 1:
                    raise RuntimeError("a decoding sequence does not remember all but its last token")

    def _admit(self) -> None:
        while self.waiting and len(self.prefilling) + len(self.decoding) < self.max_running:
            sequence = self.waiting.popleft()
            sequence.stage = Stage.PREFILL
            self.prefilling.append(sequence)


def _turn(queue: deque[Sequence]) -> Sequence:
    sequence = queue[0]
    queue.rotate(-1)
    return sequence
