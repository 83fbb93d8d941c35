"""One step: a forward pass, and a token for each sequence whose prompt is read."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Sequence as AnySequence
from typing import NamedTuple

import torch
from torch import Tensor

from nemora.engine.cache import PrefixCache
from nemora.engine.logprobs import TokenChances, token_chances
from nemora.engine.penalties import forbidden_ids, permitted
from nemora.engine.sampler import sample
from nemora.engine.sequence import Sequence, Stage
from nemora.engine.speculation import Speculation
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

    def __init__(
        self, model: Model, cache: PrefixCache | None, new_state: Callable[[int], State] | None = None
    ) -> None:
        self._model = model
        self._cache = cache
        self._new_state = new_state or model.new_state

    def step(self, sequences: AnySequence[Sequence]) -> list[Outcome]:
        """Read the next chunk of a sequence, or the last token of several, and draw what comes after it."""
        with torch.inference_mode():
            rows = self._read_together(sequences) if len(sequences) > 1 else None
            return [self._outcome(each, None if rows is None else rows[n]) for n, each in enumerate(sequences)]

    def keep_cancelled(self, sequence: Sequence) -> None:
        """A sequence's caller has gone: what was read of its prompt is not lost."""
        if self._cache is not None:
            self._keep(self._cache.keep_cancelled, sequence)

    def keep_answer(self, sequence: Sequence) -> None:
        """A sequence ends: what it wrote comes back as history."""
        if self._cache is not None:
            self._keep(self._cache.keep_answer, sequence)

    def _keep(self, keep: Callable[[Sequence], None], sequence: Sequence) -> None:
        try:
            keep(sequence)
        except Exception as error:  # noqa: BLE001 - there may be no memory for a copy, which is no fault of the sequence
            log.warning("what a sequence remembers could not be kept: %s", type(error).__name__)

    def _outcome(self, sequence: Sequence, logits: Tensor | None) -> Outcome:
        try:
            if logits is None and (found := self._drafts(sequence)) is not None:
                return self._verified(sequence, *found)
            logits = self._read(sequence) if logits is None else logits
            return [self._draw(sequence, logits, [])] if sequence.computed == len(sequence.ids) else []
        except Exception as error:  # noqa: BLE001 - torch raises RuntimeError for nearly everything
            return error

    def _drafts(self, sequence: Sequence) -> tuple[list[int], Speculation] | None:
        """Tokens that may follow, and in whose account they are; None: none, or they would not pay.

        Looking up costs nothing, so it comes first.
        """
        if sequence.stage is not Stage.DECODE or sequence.speculation is None:
            return None
        # The last token that may be written need not be read, and no room is reserved beyond `room`.
        most = min(sequence.limit - len(sequence.ids) - 1, sequence.room - len(sequence.ids))
        looked_up = sequence.speculation.looking_up
        if found := sequence.speculation.lookup.draft(sequence.ids, min(most, looked_up.wanted())):
            return found, looked_up
        head, headed = sequence.speculation.head, sequence.speculation.heading
        if head is not None and (wanted := min(most, headed.wanted())) > 0:
            since = time.perf_counter()
            if found := head.draft(sequence.ids, wanted):
                headed.drafting_seconds = time.perf_counter() - since
                return found, headed
        return None

    def _verified(self, sequence: Sequence, drafts: AnySequence[int], speculation: Speculation) -> list[Drawn]:
        """Read the last token and `drafts` in one pass, and draw at each place until a draft turns out wrong.

        Each token is drawn from the model's own distribution, with the same random numbers as without drafts. A draft
        decides only whether what was read after it can be used.
        """
        since = time.perf_counter()
        ahead = Lookahead(self._state(sequence))
        ids = [*sequence.next_chunk(), *drafts]
        logits, hidden = self._forward(sequence, ids, ahead, last_only=False)
        speculation.measure(len(ids), time.perf_counter() - since)
        drawn: list[Drawn] = []
        for row, draft in zip(logits[0], (*drafts, None), strict=True):
            drawn.append(self._draw(sequence, row, [each.token_id for each in drawn]))
            token_id = drawn[-1].token_id
            if token_id != draft or token_id in sequence.params.stop_ids:
                break
        ahead.keep(len(drawn))
        self._observed(sequence, None if hidden is None else hidden[:, : len(drawn)])
        speculation.count(len(drafts), len(drawn) - 1)
        return drawn

    def _forward(
        self, sequence: Sequence, ids: AnySequence[int], state: State, *, last_only: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Logits, and what a draft head wants to see, if there is one."""
        tokens = torch.tensor([list(ids)])
        if sequence.speculation is None or sequence.speculation.head is None:
            return self._model.forward(tokens, state, last_only=last_only), None
        hidden = self._model.read(tokens, state)
        return self._model.logits(hidden[:, -1:] if last_only else hidden), hidden

    def _observed(self, sequence: Sequence, hidden: Tensor | None) -> None:
        if hidden is not None and sequence.speculation is not None and sequence.speculation.head is not None:
            sequence.speculation.head.observe(hidden, sequence.ids, sequence.computed)

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
        try:
            states = [self._state(sequence) for sequence in sequences]
            ids = torch.tensor([sequence.next_chunk() for sequence in sequences])
            for sequence in sequences:
                if sequence.speculation is not None and sequence.speculation.head is not None:
                    sequence.speculation.head.skip()
            return self._model.forward(ids, StateGroup(states), last_only=True)[:, -1]
        except Exception as error:  # noqa: BLE001 - whose fault it is shows when each is stepped alone
            log.warning("a forward pass of %d sequences failed with %s", len(sequences), type(error).__name__)
            return None

    def _read(self, sequence: Sequence) -> Tensor:
        """Logits [vocab] after the next chunk."""
        since = time.perf_counter()
        state, ids = self._state(sequence), sequence.next_chunk()
        logits, hidden = self._forward(sequence, ids, state, last_only=True)
        if len(ids) == 1 and sequence.speculation is not None:
            sequence.speculation.measure_plain(time.perf_counter() - since)
        self._observed(sequence, hidden)
        if self._cache is not None:
            self._keep(self._cache.keep, sequence)
        return logits[0, -1]

    def _state(self, sequence: Sequence) -> State:
        """The sequence's state, with all the room that is reserved for it."""
        if sequence.state is None:
            state = self._new_state(sequence.room)
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
