"""One step: a forward pass, and a token for each sequence whose prompt is read."""

from __future__ import annotations

import logging
from collections.abc import Sequence as AnySequence
from typing import NamedTuple

import torch
from torch import Tensor

from nemora.engine.cache import PrefixCache
from nemora.engine.logprobs import TokenChances, token_chances
from nemora.engine.penalties import forbidden_ids, permitted
from nemora.engine.sampler import sample
from nemora.engine.sequence import Sequence
from nemora.models.base import Model
from nemora.models.state import State
from nemora.models.state_group import StateGroup

log = logging.getLogger(__name__)


class Drawn(NamedTuple):
    """The token that comes next, and how likely it was, if that was asked for."""

    token_id: int
    chances: TokenChances | None = None


Outcome = Drawn | None | Exception
"""The token that was drawn, None while the prompt goes on, or why the sequence cannot go on."""


class Runner:
    """Steps sequences on one thread. Without a cache every prompt is read from its beginning."""

    def __init__(self, model: Model, cache: PrefixCache | None) -> None:
        self._model = model
        self._cache = cache

    def step(self, sequences: AnySequence[Sequence]) -> list[Outcome]:
        """Read the next chunk of a sequence, or the last token of several, and draw what comes after it."""
        with torch.inference_mode():
            rows = self._read_together(sequences) if len(sequences) > 1 else None
            return [self._outcome(each, None if rows is None else rows[n]) for n, each in enumerate(sequences)]

    def keep_cancelled(self, sequence: Sequence) -> None:
        """A sequence's caller has gone: what was read of its prompt is not lost."""
        if self._cache is not None:
            self._cache.keep_cancelled(sequence)

    def _outcome(self, sequence: Sequence, logits: Tensor | None) -> Outcome:
        try:
            logits = self._read(sequence) if logits is None else logits
            return self._draw(sequence, logits) if sequence.computed == len(sequence.ids) else None
        except Exception as error:  # noqa: BLE001 - torch raises RuntimeError for nearly everything
            return error

    def _draw(self, sequence: Sequence, logits: Tensor) -> Drawn:
        params, logits = sequence.params, logits.float().cpu()
        forced = sequence.thinking.forced if sequence.thinking is not None else None
        if forced is None:
            adjusted = sequence.penalties.apply(logits)
            token_id = sample(adjusted, params, sequence.generator, _allowed(sequence, len(logits)))
        else:
            token_id = forced
        if token_id not in params.stop_ids:
            sequence.accept(token_id)
        chances = token_chances(logits, token_id, params.logprobs) if params.logprobs is not None else None
        return Drawn(token_id, chances)

    def _read_together(self, sequences: AnySequence[Sequence]) -> Tensor | None:
        """Logits [sequences, vocab] after the last token of each; None if that failed, and then nothing has changed."""
        states = [self._state(sequence) for sequence in sequences]
        try:
            ids = torch.tensor([sequence.next_chunk() for sequence in sequences])
            return self._model.forward(ids, StateGroup(states), last_only=True)[:, -1]
        except Exception as error:  # noqa: BLE001 - whose fault it is shows when each is stepped alone
            log.warning("a forward pass of %d sequences failed with %s", len(sequences), type(error).__name__)
            return None

    def _read(self, sequence: Sequence) -> Tensor:
        """Logits [vocab] after the next chunk."""
        state = self._state(sequence)
        logits = self._model.forward(torch.tensor([sequence.next_chunk()]), state, last_only=True)
        if self._cache is not None:
            self._cache.keep(sequence)
        return logits[0, -1]

    def _state(self, sequence: Sequence) -> State:
        """The sequence's state, with all the room that is reserved for it."""
        if sequence.state is None:
            state = self._model.new_state(sequence.room)
            if self._cache is not None:
                self._cache.load(sequence, state)
            sequence.state = state
        sequence.state.grow(sequence.room)
        return sequence.state


def _allowed(sequence: Sequence, vocabulary: int) -> Tensor | None:
    """A bool tensor [vocab] of the ids that may come next; None: all."""
    allowed = sequence.mask.allowed() if sequence.mask is not None else None
    params = sequence.params
    if not params.bad_sequences and sequence.new_tokens >= params.min_tokens:
        return allowed
    return permitted(vocabulary, allowed, forbidden_ids(params, sequence.ids[sequence.prompt_tokens :]))
