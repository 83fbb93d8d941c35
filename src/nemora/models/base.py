"""What a model is, for whoever runs it, and where it gets its weights, for whoever loads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from nemora.models.state import State
from nemora.ops.kv_format import KVCache
from nemora.ops.weight import Weight


class ModelConfig(Protocol):
    """What every architecture's config has.

    `context_length` is the most positions that the model was made for, `widest` how many numbers of a token a layer
    computes at once at most.
    """

    @property
    def vocab_size(self) -> int: ...

    @property
    def context_length(self) -> int: ...

    @property
    def widest(self) -> int: ...


class Model(Protocol):
    """Token ids in, logits out. Holds weights only; all that changes is in the `State`.

    Safe to call from several threads at once with different states. Whoever only generates calls it under
    `torch.inference_mode()`.
    """

    @property
    def config(self) -> ModelConfig: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def bytes(self) -> int:
        """Memory that the weights keep, memory-mapped file pages included."""
        ...

    def new_state(
        self,
        capacity: int,
        *,
        batch: int = 1,
        ssm_dtype: torch.dtype = torch.float32,
        kv_cache: KVCache = "auto",
    ) -> State:
        """An empty state with room for `capacity` positions of `batch` sequences that advance together.

        `ssm_dtype` is that of recurrent states, where the model has any, `kv_cache` the form of keys and values: see
        `State`.
        """
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

    def read(self, ids: Tensor, state: State) -> Tensor:
        """As `forward`, but gives what the output matrix is to read: [batch, seq, hidden], after the last norm."""
        ...

    def logits(self, hidden: Tensor) -> Tensor:
        """[batch, seq, hidden], from `read`, to fp32 [batch, seq, vocab]."""
        ...


class Weights(Protocol):
    """A model's weights by the model's own names, asked for once each, with their shapes, while the model is built.

    So a model's constructor is the one list of its tensors; `inventory.py` reads it without any weights.
    """

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype:
        """That of activations: what the model computes in between norms."""
        ...

    @property
    def bytes(self) -> int:
        """Memory that all weights handed out so far keep."""
        ...

    def matrix(self, name: str, rows: int, columns: int) -> Weight:
        """The matrix of that name."""
        ...

    def fused(self, parts: Sequence[tuple[str, int]], columns: int) -> Weight:
        """Several matrices (name, rows) of equal `columns` as one, stacked by rows in that order."""
        ...

    def experts(self, name: str, count: int, rows: int, columns: int) -> Sequence[Weight]:
        """`count` matrices of one shape, one for each expert."""
        ...

    def tensor(self, name: str, *shape: int) -> Tensor:
        """A small tensor in fp32: a norm's weight, a bias, a router."""
        ...

    def kv_scales(self, name: str) -> tuple[float, float] | None:
        """The scales by which the keys and values of that attention layer are to be rounded to FP8; mostly None.

        They are given only where the published quantised computation is simulated.
        """
        ...
