"""Memory for sequences: it is promised before it is taken, and a promise is always kept."""

from __future__ import annotations

from dataclasses import dataclass

from nemora.models.base import ModelConfig
from nemora.models.lookahead import lookahead_bytes
from nemora.models.state import State
from nemora.models.workspace import Summand, growth_per_position, pass_workspace

UNLIMITED = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What sequences of one model take, in bytes."""

    per_sequence: int
    """However long it is: recurrent states."""
    per_position: int
    """Keys and values, in the form in which they are kept."""
    passing: tuple[Summand, ...]
    """Of the one forward pass that runs, where the longest sequence has `context` positions."""
    growing: int
    """How much of that each position of the longest sequence adds."""
    context: int

    @classmethod
    def of(cls, config: ModelConfig, state: State, context: int, *, chunk: int, drafts: int = 0, head: int = 0) -> Cost:
        """The sum, from any state of the model for one sequence.

        Snapshots are not in it: the prefix cache takes them and all else that it keeps of what sequences leave. Where
        `drafts` are read with the last token, the pass takes for each what recurrent layers remember after it and its
        logits. `head` is what a draft head keeps of a position.
        """
        passing = pass_workspace(config, state, chunk=chunk, context=context)
        if drafts:
            each = lookahead_bytes(state, drafts + 1) + 4 * config.vocab_size * drafts
            passing += (Summand(label="drafts", how=f"{drafts} at most", bytes=each),)
        return cls(
            per_sequence=state.bytes_per_sequence,
            per_position=state.bytes_per_position + head,
            passing=passing,
            growing=growth_per_position(state),
            context=context,
        )

    @property
    def workspace(self) -> int:
        """Of the one forward pass that runs."""
        return sum(part.bytes for part in self.passing)

    def of_length(self, positions: int) -> int:
        """Of one sequence with room for that many positions."""
        return self.per_sequence + positions * self.per_position

    def longest(self, memory: int) -> int:
        """Most positions that a sequence can have in `memory`, workspace for that many included; 0 or less if none."""
        left = memory - (self.workspace - self.growing * self.context) - self.per_sequence
        each = self.per_position + self.growing
        return left // each if each else (UNLIMITED if left >= 0 else 0)

    def sum(self, positions: int, *, snapshots: int = 0) -> str:
        """What one sequence takes with the pass that reads it, for people. `snapshots` are kept beside its state."""
        parts = [f"keys and values {positions:,} positions × {self.per_position:,} bytes"]
        if self.per_sequence:
            parts.append(f"recurrent states {self.per_sequence:,} bytes")
        if snapshots:
            parts.append(f"{snapshots} snapshots × {self.per_sequence:,} bytes")
        passing = ", ".join(f"{part.label} {part.bytes:,}" for part in self.passing)
        parts.append(f"workspace {self.workspace:,} bytes ({passing})")
        total = self.of_length(positions) + snapshots * self.per_sequence + self.workspace
        return f"{' + '.join(parts)} = {total:,} bytes ({total / 1e9:.1f} GB)"


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
