"""One step of one sequence: a forward pass, and a token where its prompt is read."""

from __future__ import annotations

import torch

from nemora.engine.cache import PrefixCache
from nemora.engine.sampler import sample
from nemora.engine.sequence import Sequence
from nemora.models.base import Model


class Runner:
    """Steps sequences, one at a time, on one thread. Without a cache every prompt is read from its beginning."""

    def __init__(self, model: Model, cache: PrefixCache | None) -> None:
        self._model = model
        self._cache = cache

    def step(self, sequence: Sequence) -> int | None:
        """Read the next chunk; return the token drawn after it, or None while the prompt goes on."""
        with torch.inference_mode():
            logits = self._read(sequence)
            if sequence.computed < len(sequence.ids):
                return None
            allowed = sequence.mask.allowed() if sequence.mask is not None else None
            token_id = sample(logits, sequence.params, sequence.generator, allowed)
            if sequence.mask is not None and token_id not in sequence.params.stop_ids:
                sequence.mask.accept(token_id)
            return token_id

    def keep_cancelled(self, sequence: Sequence) -> None:
        """A sequence's caller has gone: what was read of its prompt is not lost."""
        if self._cache is not None:
            self._cache.keep_cancelled(sequence)

    def _read(self, sequence: Sequence) -> torch.Tensor:
        """Logits [vocab] after the next chunk."""
        if sequence.state is None:
            state = self._model.new_state(sequence.room)
            if self._cache is not None:
                self._cache.load(sequence, state)
            sequence.state = state
        state, chunk = sequence.state, sequence.next_chunk()
        state.grow(sequence.room)
        logits = self._model.forward(torch.tensor([chunk]), state, last_only=True)
        if self._cache is not None:
            self._cache.keep(sequence)
        return logits[0, -1]
