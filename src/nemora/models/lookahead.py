"""A state that reads tokens which may turn out wrong: afterwards it keeps as many as were right."""

from __future__ import annotations

import torch
from torch import Tensor

from nemora.models.state import State


class Lookahead(State):
    """What a model is given to read the last token and drafts of those that may follow, in one forward pass.

    Keys and values go to the state behind it, where positions beyond its length count for nothing. Of a recurrent
    layer the pass leaves what it remembers after each token, so that `keep` has whichever is needed and nothing is
    computed again. A token gets what it would get if the tokens were read one by one, up to rounding in matrices.

    Args:
        state: of one sequence; nothing in it changes before `keep`.
    """

    looks_ahead = True

    def __init__(self, state: State) -> None:
        if state.batch != 1:
            raise ValueError("a lookahead is of one sequence")
        super().__init__(batch=1, capacity=0, device=state.device, dtype=state.dtype)
        self.state = state
        self._each: dict[int, tuple[Tensor, Tensor]] = {}
        self._read = 0

    def require_room(self, batch: int, count: int) -> None:
        self.state.require_room(batch, count)

    def angles(self, frequencies: Tensor, count: int) -> tuple[Tensor, Tensor]:
        return self.state.angles(frequencies, count)

    def attend(self, layer: int, q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        return self.state.attend(layer, q, keys, values)

    def recurrent(self, layer: int) -> tuple[Tensor, Tensor]:
        return self.state.recurrent(layer)

    def remember_each(self, layer: int, conv: Tensor, ssm: Tensor) -> None:
        """Hand in what a Mamba-2 layer remembers after each token.

        conv is [batch, channels, inputs + seq], all inputs with those from before the pass in front; ssm is
        [seq, batch, heads, head_dim, state_size].
        """
        self._each[layer] = (conv, ssm)

    def advance(self, count: int) -> None:
        self._read = count

    def keep(self, count: int) -> None:
        """Remember the first `count` tokens of the pass, at least one, and forget the others."""
        if not 1 <= count <= self._read:
            raise ValueError(f"{self._read} tokens were read, {count} cannot be kept")
        for layer, (conv, ssm) in self._each.items():
            inputs = self.state.mamba_shapes[layer].inputs
            self.state.remember(layer, conv[:, :, count : count + inputs], ssm[count - 1])
        self._each.clear()
        self.state.advance(count)


def lookahead_bytes(state: State, count: int) -> int:
    """Memory that a pass over `count` tokens takes for what recurrent layers remember after each, in fp32."""
    return count * sum(tensor.numel() for tensor in state.ssm) * torch.float32.itemsize
