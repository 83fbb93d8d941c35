"""Memory for sequences: it is promised before it is taken, and a promise is always kept."""

from __future__ import annotations

from dataclasses import dataclass

from nemora.models.lookahead import lookahead_bytes
from nemora.models.state import State

UNLIMITED = 1 << 62


@dataclass(frozen=True, slots=True)
class Cost:
    """What sequences of one model take, in bytes."""

    per_sequence: int
    """However long it is."""
    per_position: int
    workspace: int
    """Of the one forward pass that runs, beside its activations: see `of`."""

    @classmethod
    def of(cls, state: State, *, context: int, chunk: int, vocab_size: int, drafts: int = 0, head: int = 0) -> Cost:
        """The sum, from any state of the model for one sequence.

        The workspace is the attention mask (5 bytes for each token of a chunk and position), one layer's keys twice
        while they grow, the recurrent states that a pass hands in, and 32 bytes for each token that is drawn from;
        where `drafts` are read with the last token, for each what recurrent layers remember after it and its logits.
        `head` is what a draft head keeps of a position.
        """
        widest = max((shape.kv_heads * shape.head_dim for shape in state.kv_shapes), default=0) * state.dtype.itemsize
        mask = 5 * chunk * context if state.kv_shapes else 0
        workspace = mask + widest * context + 2 * state.bytes_per_sequence + 32 * vocab_size
        if drafts:
            workspace += lookahead_bytes(state, drafts + 1) + 4 * vocab_size * drafts
        return cls(state.bytes_per_sequence, state.bytes_per_position + head, workspace)

    def of_length(self, positions: int) -> int:
        """Of one sequence with room for that many positions."""
        return self.per_sequence + positions * self.per_position

    def longest(self, memory: int) -> int:
        """Most positions that one sequence can have in `memory`, workspace included; 0 or less if none."""
        left = memory - self.workspace - self.per_sequence
        return left // self.per_position if self.per_position else (UNLIMITED if left >= 0 else 0)

    def sum(self, positions: int) -> str:
        """The same for people."""
        return (
            f"{self.per_sequence:,} bytes + {positions:,} positions × {self.per_position:,} bytes "
            f"+ workspace {self.workspace:,} bytes = {self.of_length(positions) + self.workspace:,} bytes"
        )


@dataclass(slots=True)
class _Claim:
    held: int
    most: int


class Budget:
    """Bytes that holders have, and the most that each may come to need. Not thread-safe.

    Nothing is granted after which the holders could wait for each other for ever: there is always an order in which
    each can get all it may need, with what those before it give back. This is the banker's algorithm (Dijkstra 1965);
    with one resource the order is by what is still needed. So no sequence that runs is ever ended to make room.
    """

    def __init__(self, total: int = UNLIMITED) -> None:
        self.total = total
        self.releases = 0
        """How often memory was given back: whoever was refused may try again when this has changed."""
        self._claims: dict[object, _Claim] = {}

    @property
    def held(self) -> int:
        """Bytes granted."""
        return sum(claim.held for claim in self._claims.values())

    def __len__(self) -> int:
        """Holders."""
        return len(self._claims)

    def reserve(self, holder: object, held: int, most: int) -> bool:
        """Grant a new holder `held` bytes now, of the `most` that it may need; False if it must wait."""
        if holder in self._claims or held > most:
            raise ValueError("a holder reserves once, and no more than it says that it needs at most")
        self._claims[holder] = _Claim(held, most)
        if self._is_safe():
            return True
        del self._claims[holder]
        return False

    def grow(self, holder: object, held: int) -> bool:
        """Grant a holder `held` bytes in all; False if it must wait."""
        claim = self._claims[holder]
        if held > claim.most:
            raise ValueError("a holder wants more than it said that it needs at most")
        before, claim.held = claim.held, max(claim.held, held)
        if self._is_safe():
            return True
        claim.held = before
        return False

    def release(self, holder: object) -> None:
        """Take all back. Harmless for who holds nothing."""
        if self._claims.pop(holder, None) is not None:
            self.releases += 1

    def check_integrity(self) -> None:
        """Raise RuntimeError if more was granted than there is, or holders could wait for ever."""
        if not self._is_safe():
            raise RuntimeError("memory was granted that is not there, or that holders could wait for for ever")

    def _is_safe(self) -> bool:
        free = self.total - self.held
        if free < 0:
            return False
        for claim in sorted(self._claims.values(), key=lambda claim: claim.most - claim.held):
            if claim.most - claim.held > free:
                return False
            free += claim.held
        return True
