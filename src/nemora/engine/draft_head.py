"""Drafts by the model's own multi-token prediction head, where it has one: see `models.mtp`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, TypeGuard

import torch
from torch import Tensor

from nemora.models.base import Model
from nemora.models.state import State

MOST_PENDING = 64
"""Outputs of the model that are kept before the head takes them in: drafts may not be wanted for a while."""

ROOM = 256
"""Positions that its memory grows by."""


class DraftingModel(Model, Protocol):
    """A model with such a head."""

    def new_draft_state(self, capacity: int, *, batch: int = 1) -> State: ...

    def draft(self, ids: Tensor, hidden: Tensor, state: State) -> Tensor:
        """See `models.nemotron_h.NemotronH.draft`."""
        ...


def has_draft_head(model: Model) -> TypeGuard[DraftingModel]:
    """Whether a draft head was loaded with the model."""
    return getattr(model, "mtp", None) is not None


class DraftHead:
    """The head's memory of one sequence. It takes the model's output at each token with the token that follows.

    What the prefix cache knew the model did not read, so the head has not seen it either. It then drafts a little
    worse, which costs speed and nothing else: every draft is checked.
    """

    def __init__(self, model: DraftingModel) -> None:
        self._model = model
        self._state = model.new_draft_state(1)
        self._pending: list[Tensor] = []
        self._end = 0

    def observe(self, hidden: Tensor, ids: Sequence[int], end: int) -> None:
        """The model's outputs [1, seq, hidden] at the tokens before `end` of `ids`, the sequence so far."""
        self._pending.append(hidden)
        self._end = end
        if hidden.shape[1] > MOST_PENDING or len(self._pending) > MOST_PENDING:
            self._catch_up(ids)

    def skip(self) -> None:
        """The model read on, and its outputs are not known."""
        self._pending = []

    def draft(self, ids: Sequence[int], most: int) -> list[int]:
        """At most `most` ids that may follow `ids`, of which the model has read all but the last."""
        last = self._catch_up(ids) if most > 0 else None
        if last is None:
            return []
        length, found = self._state.length, list[int]()
        self._make_room(most)
        while True:
            found.append(int(self._model.logits(last)[0, -1].argmax()))
            if len(found) == most:
                break
            last = self._model.draft(torch.tensor([found[-1:]]), last, self._state)
        self._state.truncate(length)
        return found

    def _catch_up(self, ids: Sequence[int]) -> Tensor | None:
        """Take in the outputs whose next token is known; the head's own output at the last of them, if there is any."""
        if not self._pending:
            return None
        hidden = torch.cat(self._pending, dim=1)
        first = self._end - hidden.shape[1]
        known = max(0, min(hidden.shape[1], len(ids) - 1 - first))
        self._pending = [hidden[:, known:]] if known < hidden.shape[1] else []
        if known < 1:
            return None
        self._make_room(known)
        following = torch.tensor([list(ids[first + 1 : first + 1 + known])])
        return self._model.draft(following, hidden[:, :known], self._state)[:, -1:]

    def _make_room(self, count: int) -> None:
        needed = self._state.length + count
        if needed > self._state.capacity:
            self._state.grow(math.ceil(needed / ROOM) * ROOM)
