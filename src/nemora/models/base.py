"""What a model is, for whoever runs it, and where it gets its weights, for whoever loads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from nemora.models.state import State
from nemora.ops.weight import Weight

Shapes = Mapping[str, tuple[int, ...]]


class ModelConfig(Protocol):
    """What every architecture's config has. `context_length` is the most positions that the model was made for."""

    @property
    def vocab_size(self) -> int: ...

    @property
    def context_length(self) -> int: ...


class Model(Protocol):
    """Token ids in, logits out. Holds weights only; all that changes is in the `State`.

    Safe to call from several threads at once with different states. Whoever only generates calls it under
    `torch.inference_mode()`.
    """

    @property
    def config(self) -> ModelConfig: ...

    @property
    def bytes(self) -> int:
        """Memory that the weights keep, memory-mapped file pages included."""
        ...

    def new_state(self, capacity: int, *, batch: int = 1) -> State:
        """An empty state with room for `capacity` positions of `batch` sequences that advance together."""
        ...

    def forward(self, ids: Tensor, state: State, *, last_only: bool = False) -> Tensor:
        """Read `ids` [batch, seq] after what `state` remembers, and add them to it.

        Returns fp32 logits [batch, seq, vocab] for the token after each position; with `last_only` [batch, 1, vocab],
        for the last position only. Reading a text in pieces gives the same as reading it at once, up to rounding.

        Raises:
            ValueError: `ids` is empty or has another batch size than `state`, or `state` has no room for it.
            IndexError: an id is not in the vocabulary.
        """
        ...


class Weights(Protocol):
    """A model's weights by the model's own names, handed out once each while the model is built."""

    def matrix(self, *names: str) -> Weight:
        """The matrix of that name; several names give one weight, stacked by rows in that order."""
        ...

    def vector(self, name: str) -> Tensor:
        """The vector of that name, fp32."""
        ...
