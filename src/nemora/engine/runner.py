"""One step: a forward pass, and a token for each sequence whose prompt is read."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence as AnySequence
from typing import NamedTuple

import torch
from torch import Tensor

from nemora.engine.cache import PrefixCache
from nemora.engine.logprobs import TokenChances, token_chances
from nemora.engine.penalties import forbidden_ids, permitted
from nemora.engine.sampler import sample
from nemora.engine.sequence import Sequence
from nemora.engine.speculation import PassCosts
from nemora.models.base import Model
from nemora.models.lookahead import Lookahead
from nemora.models.state import State
from nemora.models.state_group import StateGroup

log = logging.getLogger(__name__)


class Drawn(NamedTuple):
    """The token that comes next, and how likely it was, if that was asked for."""

    token_id: int
    chances: TokenChances | None = None


Outcome = list[Drawn] | Exception
"""The tokens that were drawn, none while the prompt goes on, or why the sequence cannot go on."""


class Runner:
    """Steps sequences on one thread. Without a cache every prompt is read from its beginning."""

    def __init__(self, model: Model, cache: PrefixCache | None) -> None:
        self._model = model
        self._cache = cache
        self.costs = PassCosts()

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
            if logits is None and (drafts := sequence.drafts()):
                return self._verified(sequence, drafts)
            logits = self._read(sequence) if logits is None else logits
            return [self._draw(sequence, logits, [])] if sequence.computed == len(sequence.ids) else []
        except Exception as error:  # noqa: BLE001 - torch raises RuntimeError for nearly everything
            return error

    def _verified(self, sequence: Sequence, drafts: AnySequence[int]) -> list[Drawn]:
        """Read the last token and `drafts` in one pass, and draw at each place until a draft turns out wrong.

        Each token is drawn from the model's own distribution, with the same random numbers as without drafts. A draft
        decides only whether what was read after it can be used.
        """
        since = time.perf_counter()
        ahead = Lookahead(self._state(sequence))
        ids = [*sequence.next_chunk(), *drafts]
        logits = self._model.forward(torch.tensor([ids]), ahead)[0]
        self.costs.measure(len(ids), time.perf_counter() - since)
        drawn: list[Drawn] = []
        for row, draft in zip(logits, (*drafts, None), strict=True):
            drawn.append(self._draw(sequence, row, [each.token_id for each in drawn]))
            token_id = drawn[-1].token_id
            if token_id != draft or token_id in sequence.params.stop_ids:
                break
        ahead.keep(len(drawn))
        sequence.count_drafts(len(drafts), len(drawn) - 1)
        return drawn

    def _draw(self, sequence: Sequence, logits: Tensor, ahead: list[int]) -> Drawn:
        """What comes after the sequence's ids and `ahead`, drawn before it in this pass."""
        params, logits = sequence.params, logits.float().cpu()
        forced = sequence.thinking.forced if sequence.thinking is not None else None
        if forced is None:
            adjusted = sequence.penalties.apply(logits)
            token_id = sample(adjusted, params, sequence.generator, _allowed(sequence, len(logits), ahead))
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
        since = time.perf_counter()
        state, ids = self._state(sequence), sequence.next_chunk()
        logits = self._model.forward(torch.tensor([ids]), state, last_only=True)
        if len(ids) == 1:
            self.costs.measure(1, time.perf_counter() - since)
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


def _allowed(sequence: Sequence, vocabulary: int, ahead: list[int]) -> Tensor | None:
    """A bool tensor [vocab] of the ids that may come next; None: all."""
    allowed = sequence.mask.allowed() if sequence.mask is not None else None
    params = sequence.params
    if not params.bad_sequences and sequence.new_tokens + len(ahead) >= params.min_tokens:
        return allowed
    return permitted(vocabulary, allowed, forbidden_ids(params, sequence.ids[sequence.prompt_tokens :] + ahead))
