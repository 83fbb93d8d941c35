"""What one sequence remembers between calls: the keys and values of its attention layers."""

from __future__ import annotations

import torch
from torch import Tensor


class State:
    """A key-value cache for `batch` sequences that advance together.

    Memory is taken when the state is made and by `grow`, never by a forward pass. Each layer has keys and values
    [batch, kv_heads, capacity, head_dim] in fp32, of which the first `length` positions are filled.
    """

    def __init__(
        self,
        *,
        layers: int,
        batch: int,
        kv_heads: int,
        head_dim: int,
        capacity: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self.length = 0
        shape = (batch, kv_heads, capacity, head_dim)
        # Ordinary tensors, whatever mode the caller is in: a state may be made and used in different modes.
        with torch.inference_mode(False):
            self.keys = [torch.empty(shape, device=device) for _ in range(layers)]
            self.values = [torch.empty(shape, device=device) for _ in range(layers)]

    @property
    def batch(self) -> int:
        return self.keys[0].shape[0]

    @property
    def capacity(self) -> int:
        """Positions that there is room for."""
        return self.keys[0].shape[2]

    @property
    def bytes(self) -> int:
        """Memory taken, filled or not."""
        return sum(tensor.nbytes for tensor in (*self.keys, *self.values))

    def require_room(self, batch: int, count: int) -> None:
        """Raise ValueError unless `count` (at least one) more positions of `batch` sequences fit."""
        if batch != self.batch:
            raise ValueError(f"the state is for {self.batch} sequences, the ids are for {batch}")
        if count < 1:
            raise ValueError("a forward pass needs at least one token")
        if self.length + count > self.capacity:
            raise ValueError(
                f"the state has room for {self.capacity} positions, {self.length + count} are needed: grow it"
            )

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write new positions of one layer, [batch, kv_heads, seq, head_dim]; return all of its keys and values.

        `length` moves only with `advance`, once every layer is written; so a pass that fails halfway leaves no trace.
        """
        end = self.length + keys.shape[2]
        self.keys[layer][:, :, self.length : end] = keys
        self.values[layer][:, :, self.length : end] = values
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]

    def advance(self, count: int) -> None:
        """Count `count` more positions as filled."""
        self.length += count

    def truncate(self, length: int) -> None:
        """Forget every position from `length` on."""
        if not 0 <= length <= self.length:
            raise ValueError(f"a state of {self.length} positions cannot be cut to {length}")
        self.length = length

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` positions. Never shrinks."""
        if capacity > self.capacity:
            self.keys = [self._resized(tensor, capacity) for tensor in self.keys]
            self.values = [self._resized(tensor, capacity) for tensor in self.values]

    def fork(self) -> State:
        """An independent copy."""
        batch, kv_heads, capacity, head_dim = self.keys[0].shape
        copy = State(
            layers=len(self.keys),
            batch=batch,
            kv_heads=kv_heads,
            head_dim=head_dim,
            capacity=capacity,
            device=self.keys[0].device,
        )
        for source, target in zip((*self.keys, *self.values), (*copy.keys, *copy.values), strict=True):
            target[:, :, : self.length] = source[:, :, : self.length]
        copy.length = self.length
        return copy

    def _resized(self, tensor: Tensor, capacity: int) -> Tensor:
        batch, kv_heads, _, head_dim = tensor.shape
        with torch.inference_mode(False):
            larger = tensor.new_empty((batch, kv_heads, capacity, head_dim))
        larger[:, :, : self.length] = tensor[:, :, : self.length]
        return larger
