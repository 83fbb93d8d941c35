"""The engine's memory: what sequences may take, and what they leave to the prefix cache."""

from __future__ import annotations

from nemora.engine.budget import UNLIMITED, Budget, Cost
from nemora.engine.cache import PrefixCache, snapshot_interval
from nemora.engine.draft_head import has_draft_head
from nemora.errors import ModelError
from nemora.models.base import Model
from nemora.models.native_step import reads_exactly

SHORTEST = 2
"""Tokens of the shortest sequence: one of a prompt, and a new one."""


class Memory:
    """A number of bytes, shared out. Not thread-safe, but for the cache in it.

    Args:
        total: bytes for sequences, the workspace of one forward pass and the cache; None: without limit.
        drafts: most tokens that a pass reads beyond the last one of a sequence.
        cache_bytes: most that the cache takes of it; 0: there is none. What sequences need it gives back at once.

    Raises:
        ModelError: it does not hold even the shortest sequence.
    """

    def __init__(
        self, model: Model, *, context: int, chunk: int, total: int | None, cache_bytes: int, drafts: int = 0
    ) -> None:
        probe, vocabulary = model.new_state(1), model.config.vocab_size
        total = UNLIMITED if total is None else total
        head = model.new_draft_state(1).bytes_per_position if drafts and has_draft_head(model) else 0
        self.cost = Cost.of(probe, context=context, chunk=chunk, vocab_size=vocabulary, drafts=drafts, head=head)
        self.context = min(context, self.cost.longest(total))
        """Most positions that one sequence can have."""
        self._bounds = self.context < context
        if self.context < SHORTEST:
            raise ModelError(
                f"A sequence of {SHORTEST} tokens takes {self.cost.sum(SHORTEST)}, and {total:,} bytes are there; "
                "give more memory or take a smaller model."
            )
        self.budget = Budget(total - self.cost.workspace)
        self.exact = reads_exactly(model, probe)
        """Whether what a sequence gets does not depend, by a bit, on how and with whom it is read."""
        self.cache: PrefixCache | None = None
        self._cache_bytes = min(cache_bytes, self.budget.total)
        if cache_bytes:
            interval = snapshot_interval(self._cache_bytes, self.context, chunk, probe.snapshot_bytes)
            self.cache = PrefixCache(limit=self._cache_bytes, interval=interval, exact=self.exact)

    def limit_cache(self) -> None:
        """Leave the cache what is not reserved. To be called after reserving and before taking."""
        if self.cache is not None:
            self.cache.shrink(min(self._cache_bytes, self.budget.total - self.budget.held))

    def why(self) -> str:
        """What bounds the context, if it is memory; else nothing."""
        return f" (all that memory holds: {self.cost.sum(self.context)})" if self._bounds else ""

    def check_integrity(self) -> None:
        """Raise RuntimeError if the counts are wrong, or more is taken than there is."""
        self.budget.check_integrity()
        if self.cache is not None:
            self.cache.check_integrity()
            if self.cache.bytes + self.budget.held > self.budget.total:
                raise RuntimeError("sequences and cache have more memory than there is")
