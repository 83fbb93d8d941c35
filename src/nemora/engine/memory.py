"""The engine's memory: what sequences may take, and what they leave to the prefix cache."""

from __future__ import annotations

from functools import partial

from nemora.engine.budget import UNLIMITED, Budget, Cost
from nemora.engine.cache import PrefixCache, snapshot_interval
from nemora.engine.draft_head import has_draft_head
from nemora.errors import ModelError
from nemora.models.base import Model
from nemora.models.native_step import reads_exactly
from nemora.ops.kv_format import KVCache

SHORTEST = 2
"""Tokens of the shortest sequence: one of a prompt, and a new one."""


class Memory:
    """A number of bytes, shared out. Not thread-safe, but for the cache in it.

    Args:
        kv_cache: the form in which sequences keep keys and values.
        total: bytes for sequences, the workspace of one forward pass and the cache; None: without limit.
        drafts: most tokens that a pass reads beyond the last one of a sequence.
        cache_bytes: most that the cache takes of it; 0: there is none. What sequences need it gives back at once.

    Raises:
        ModelError: it does not hold even the shortest sequence.
    """

    def __init__(
        self,
        model: Model,
        *,
        context: int,
        chunk: int,
        total: int | None,
        cache_bytes: int,
        drafts: int = 0,
        kv_cache: KVCache = "auto",
    ) -> None:
        probe = model.new_state(1, kv_cache=kv_cache)
        self.total = UNLIMITED if total is None else total
        head = model.new_draft_state(1).bytes_per_position if drafts and has_draft_head(model) else 0
        self._cost = partial(Cost.of, model.config, probe, chunk=chunk, drafts=drafts, head=head)
        self.context = min(context, self._cost(context).longest(self.total))
        """Most positions that one sequence can have."""
        self._bounds = self.context < context
        self.cost = self._cost(max(SHORTEST, self.context))
        if self.context < SHORTEST:
            raise ModelError(
                f"A sequence of {SHORTEST} tokens takes {self.cost.sum(SHORTEST)}, and {self.total:,} bytes are "
                "there; give more memory or take a smaller model."
            )
        self.budget = Budget(self.total - self.cost.workspace)
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

    def refusal(self, positions: int, *, snapshots: int = 0) -> str:
        """Why a sequence of so many tokens, the last of them new, is not read, in one sentence.

        `snapshots` are those that it needs beside its own state.
        """
        # By the words "this model's maximum context length is" clients know that they must shorten it.
        length = f"and this model's maximum context length is {self.context} tokens"
        if self._bounds or positions <= self.context:
            taken = self._cost(max(positions, self.context)).sum(positions, snapshots=snapshots)
            return (
                f"The prompt has {positions - 1} tokens, {length}, all that memory holds: with one more it takes "
                f"{taken}, and {self.total:,} bytes are there; shorten it, give more memory or keep keys and values in "
                "fewer bits."
            )
        return (
            f"The prompt has {positions - 1} tokens, {length}, at least one of them for the answer; shorten the prompt."
        )

    def check_integrity(self) -> None:
        """Raise RuntimeError if the counts are wrong, or more is taken than there is."""
        self.budget.check_integrity()
        if self.cache is not None:
            self.cache.check_integrity()
            if self.cache.bytes + self.budget.held > self.budget.total:
                raise RuntimeError("sequences and cache have more memory than there is")
