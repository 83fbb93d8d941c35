"""Several sequences of different lengths that read one token each in one forward pass."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nemora.models.state import State


class StateGroup(State):
    """What a model is given where each row of a batch is a sequence with a `State` of its own.

    Matrices are multiplied once for all rows. Attention is computed row by row, since each looks back at positions of
    its own; convolutions and state spaces take all rows at once. Nothing is kept here: what a pass remembers goes to
    the states, so groups can be made anew for each pass. A row gets what it would get alone, up to rounding.

    Args:
        states: at least one, all of the same model and of one sequence each.
    """

    def __init__(self, states: Sequence[State]) -> None:
        if not states or any(state.batch != 1 for state in states):
            raise ValueError("a group is made of states of one sequence each, at least one")
        super().__init__(batch=len(states), capacity=0, device=states[0].device, dtype=states[0].dtype)
        self.states = tuple(states)

    def require_room(self, batch: int, count: int) -> None:
        if batch != self.batch or count != 1:
            raise ValueError(f"the group is of {self.batch} sequences that read one token each")
        for state in self.states:
            state.require_room(1, 1)

    def angles(self, frequencies: Tensor, count: int) -> tuple[Tensor, Tensor]:
        each = [state.angles(frequencies, count) for state in self.states]
        return torch.stack([cos for cos, _ in each]), torch.stack([sin for _, sin in each])

    def attend(self, layer: int, q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        rows = zip(q.split(1), keys.split(1), values.split(1), strict=True)
        return torch.cat([state.attend(layer, *row) for state, row in zip(self.states, rows, strict=True)])

    def recurrent(self, layer: int) -> tuple[Tensor, Tensor]:
        each = [state.recurrent(layer) for state in self.states]
        return torch.cat([conv for conv, _ in each]), torch.cat([ssm for _, ssm in each])

    def remember(self, layer: int, conv: Tensor, ssm: Tensor) -> None:
        for state, *row in zip(self.states, conv.split(1), ssm.split(1), strict=True):
            state.remember(layer, *row)

    def advance(self, count: int) -> None:
        for state in self.states:
            state.advance(count)
