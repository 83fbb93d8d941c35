"""The state of a training forward pass: it remembers nothing, and knows which text each token belongs to."""

from __future__ import annotations

from torch import Tensor

from nemora.models.state import State
from nemora.ops.texts import Texts


class PackedState(State):
    """What a model is given where rows are read once, whole and from their beginning.

    Nothing is written, so autograd sees every step; keys and values are those of the row itself, recurrent states begin
    at zero. With `texts` each text of a row is read as if it stood alone: attention does not look across a boundary,
    positions begin again, and so do the convolution and the state space.

    Args:
        like: an empty state of the model, which says what layers there are: `model.new_state(0, batch=...)`.
    """

    def __init__(self, like: State, texts: Texts | None = None) -> None:
        super().__init__(
            kv=like.kv_shapes,
            mamba=like.mamba_shapes,
            batch=like.batch,
            capacity=0,
            device=like.device,
            dtype=like.dtype,
        )
        self.texts = texts

    def require_room(self, batch: int, count: int) -> None:
        if batch != self.batch or count < 1:
            raise ValueError(f"the state is for {self.batch} rows of at least one token, the ids for {batch} rows")

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        return keys, values

    def remember(self, layer: int, conv: Tensor, ssm: Tensor) -> None:
        """Nothing comes after the row."""

    def advance(self, count: int) -> None:
        """Nothing comes after the row."""
