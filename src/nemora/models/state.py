"""What one sequence remembers between calls: keys and values of attention layers, and the states of Mamba-2 layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nemora.ops import kernels
from nemora.ops.reference_mamba2 import round_stochastically
from nemora.ops.texts import Texts


@dataclass(frozen=True, slots=True)
class KVShape:
    """What an attention layer keeps of each position."""

    kv_heads: int
    head_dim: int


@dataclass(frozen=True, slots=True)
class MambaShape:
    """What a Mamba-2 layer keeps of all that it has read: `inputs` of its convolution, and the state space itself."""

    channels: int
    inputs: int
    heads: int
    head_dim: int
    state_size: int


@dataclass(frozen=True, slots=True)
class KVSlice:
    """Keys and values of a run of positions, one tensor [batch, kv_heads, count, head_dim] for each attention layer."""

    count: int
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]

    @property
    def bytes(self) -> int:
        """Memory that it holds."""
        return sum(tensor.nbytes for tensor in (*self.keys, *self.values))


@dataclass(frozen=True)
class Snapshot:
    """A point that a state can go back to, as long as it was not rewound to before it: see `State.restore`."""

    length: int
    conv: tuple[Tensor, ...]
    ssm: tuple[Tensor, ...]
    generator: Tensor
    cuts: int

    @property
    def bytes(self) -> int:
        """Memory that it holds beside the state."""
        return sum(tensor.nbytes for tensor in (*self.conv, *self.ssm, self.generator))


class State:
    """The cache of `batch` sequences that advance together.

    Memory is taken when the state is made and by `grow`, never by a forward pass. Attention layer i has keys and
    values [batch, kv_heads, capacity, head_dim], of which the first `length` positions are filled; Mamba-2 layer i has
    `conv` [batch, channels, inputs] and `ssm` [batch, heads, head_dim, state_size], which hold all positions at once.
    Layers are counted separately by kind. A forward pass changes nothing that is remembered before `advance`, so one
    that fails halfway leaves no trace.

    Args:
        dtype: of keys, values and convolution inputs.
        ssm_dtype: fp32, or fp16 with stochastic rounding; plain rounding drifts (see `round_stochastically`).
        seed: of that rounding. What is drawn depends on the kind of device too.
    """

    texts: Texts | None = None
    """Where a row holds several texts side by side, which only training does: see `train.packed_state`."""

    looks_ahead = False
    """Whether a forward pass must leave what recurrent layers remember after each of its tokens: see `Lookahead`."""

    def __init__(
        self,
        *,
        kv: Sequence[KVShape] = (),
        mamba: Sequence[MambaShape] = (),
        batch: int,
        capacity: int,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        ssm_dtype: torch.dtype = torch.float32,
        seed: int = 0,
    ) -> None:
        if ssm_dtype not in (torch.float32, torch.float16):
            raise ValueError(f"an SSM state is kept in float32 or float16, not in {ssm_dtype}")
        self.kv_shapes, self.mamba_shapes = tuple(kv), tuple(mamba)
        self.batch, self.capacity, self.length = batch, capacity, 0
        self.device, self.dtype, self.ssm_dtype = torch.device(device), dtype, ssm_dtype
        self.generator = _generator(self.device).manual_seed(seed)
        # Ordinary tensors, whatever mode the caller is in: a state may be made and used in different modes.
        with torch.inference_mode(False):
            self.keys = [self._empty_kv(shape) for shape in self.kv_shapes]
            self.values = [self._empty_kv(shape) for shape in self.kv_shapes]
            self.conv = [self._zeros(dtype, shape.channels, shape.inputs) for shape in self.mamba_shapes]
            self.ssm = [
                self._zeros(ssm_dtype, shape.heads, shape.head_dim, shape.state_size) for shape in self.mamba_shapes
            ]
        self._new: dict[int, tuple[Tensor, Tensor]] = {}
        self._cuts = 0
        self._cut_lengths: list[tuple[int, int]] = []  # (number of the cut, length), both rising

    @property
    def bytes(self) -> int:
        """Memory taken, filled or not."""
        return sum(tensor.nbytes for tensor in (*self.keys, *self.values, *self.conv, *self.ssm))

    @property
    def bytes_per_position(self) -> int:
        """What each position of one sequence adds."""
        return sum(2 * shape.kv_heads * shape.head_dim for shape in self.kv_shapes) * self.dtype.itemsize

    @property
    def bytes_per_sequence(self) -> int:
        """What one sequence takes, however long it is."""
        return sum(tensor.nbytes for tensor in (*self.conv, *self.ssm)) // self.batch

    @property
    def snapshot_bytes(self) -> int:
        """What a `Snapshot` takes beside the state."""
        return sum(tensor.nbytes for tensor in (*self.conv, *self.ssm, self.generator.get_state()))

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
        """Write an attention layer's new positions, [batch, kv_heads, seq, head_dim]; return all keys and values."""
        end = self.length + keys.shape[2]
        self.keys[layer][:, :, self.length : end] = keys
        self.values[layer][:, :, self.length : end] = values
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]

    def angles(self, frequencies: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """`kernels.rope_angles` for the next `count` positions."""
        return kernels.rope_angles(frequencies, self.length, count, self.texts)

    def attend(self, layer: int, q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """An attention layer's output for its new positions, which it remembers: `kernels.attention` over all so far.

        q is [batch, heads, seq, head_dim] like the result; keys and values are [batch, kv_heads, seq, head_dim].
        """
        return kernels.attention(q, *self.append(layer, keys, values), self.texts)

    def recurrent(self, layer: int) -> tuple[Tensor, Tensor]:
        """The convolution inputs and the SSM state, in fp32, of a Mamba-2 layer. Not to be written to."""
        return self.conv[layer], self.ssm[layer].float()

    def remember(self, layer: int, conv: Tensor, ssm: Tensor) -> None:
        """Hand in a Mamba-2 layer's new state; it counts from `advance` on."""
        self._new[layer] = (conv, ssm)

    def remember_each(self, layer: int, conv: Tensor, ssm: Tensor) -> None:
        """See `Lookahead`, which alone is asked for it."""
        raise TypeError("this state remembers the end of a pass only")

    def advance(self, count: int) -> None:
        """Count `count` more positions as read, by every layer."""
        for layer, (conv, ssm) in self._new.items():
            self.conv[layer].copy_(conv)
            self.ssm[layer].copy_(self._rounded(ssm))
        self._new.clear()
        self.length += count

    def truncate(self, length: int) -> None:
        """Forget every position from `length` on. Only attention can: a recurrent state needs a `Snapshot`."""
        if not 0 <= length <= self.length:
            raise ValueError(f"a state of {self.length} positions cannot be cut to {length}")
        if self.mamba_shapes and length < self.length:
            raise ValueError("a recurrent state cannot be cut back; restore a snapshot")
        self._cut(length)

    def snapshot(self) -> Snapshot:
        """Remember this point. Copies the recurrent states; keys and values stay where they are."""
        return Snapshot(
            length=self.length,
            conv=tuple(_copy(tensor) for tensor in self.conv),
            ssm=tuple(_copy(tensor) for tensor in self.ssm),
            generator=self.generator.get_state(),
            cuts=self._cuts,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of this state (or of what it was forked from), exactly.

        Raises:
            ValueError: positions before the snapshot have been rewound and overwritten since it was taken.
        """
        rewound = min((length for number, length in self._cut_lengths if number > snapshot.cuts), default=self.length)
        if snapshot.length > min(rewound, self.length):
            raise ValueError("the state was rewound to before the snapshot, which is lost")
        for tensors, saved in ((self.conv, snapshot.conv), (self.ssm, snapshot.ssm)):
            for tensor, copy in zip(tensors, saved, strict=True):
                tensor.copy_(copy)
        self.generator.set_state(snapshot.generator)
        self._cut(snapshot.length)

    def copy_kv(self, start: int, end: int) -> KVSlice:
        """A copy of the keys and values of positions `start` to `end` (exclusive), which must have been read."""
        if not 0 <= start <= end <= self.length:
            raise ValueError(f"a state of {self.length} positions has none from {start} to {end}")
        return KVSlice(
            count=end - start,
            keys=tuple(_copy(tensor[:, :, start:end]) for tensor in self.keys),
            values=tuple(_copy(tensor[:, :, start:end]) for tensor in self.values),
        )

    def load(self, slices: Iterable[KVSlice], snapshot: Snapshot) -> None:
        """Become, in an empty state of the same model, what another was when `snapshot` was taken, exactly.

        Args:
            slices: all positions before the snapshot, in order.

        Raises:
            ValueError: the state is not empty or too small, or the slices do not end where the snapshot was taken.
        """
        slices = list(slices)
        end = sum(piece.count for piece in slices)
        if self.length or end > self.capacity or end != snapshot.length:
            raise ValueError(f"{end} positions and a snapshot at {snapshot.length} do not make up an empty state")
        start = 0
        for piece in slices:
            stop = start + piece.count
            for targets, sources in ((self.keys, piece.keys), (self.values, piece.values)):
                for target, source in zip(targets, sources, strict=True):
                    target[:, :, start:stop] = source
            start = stop
        for states, saved in ((self.conv, snapshot.conv), (self.ssm, snapshot.ssm)):
            for tensor, copy in zip(states, saved, strict=True):
                tensor.copy_(copy)
        self.generator.set_state(snapshot.generator)
        self.length = end

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` positions. Never shrinks."""
        if capacity > self.capacity:
            self.capacity = capacity
            for tensors in (self.keys, self.values):
                for layer, shape in enumerate(self.kv_shapes):
                    with torch.inference_mode(False):
                        larger = self._empty_kv(shape)
                    larger[:, :, : self.length] = tensors[layer][:, :, : self.length]
                    tensors[layer] = larger

    def fork(self) -> State:
        """An independent copy. Snapshots of this state can be restored in it."""
        copy = State(
            kv=self.kv_shapes,
            mamba=self.mamba_shapes,
            batch=self.batch,
            capacity=self.capacity,
            device=self.device,
            dtype=self.dtype,
            ssm_dtype=self.ssm_dtype,
        )
        for source, target in zip((*self.keys, *self.values), (*copy.keys, *copy.values), strict=True):
            target[:, :, : self.length] = source[:, :, : self.length]
        for source, target in zip((*self.conv, *self.ssm), (*copy.conv, *copy.ssm), strict=True):
            target.copy_(source)
        copy.generator.set_state(self.generator.get_state())
        copy.length, copy._cuts, copy._cut_lengths = self.length, self._cuts, list(self._cut_lengths)
        return copy

    def _cut(self, length: int) -> None:
        """Set the length back, and note it: a snapshot beyond it is lost once new positions are written."""
        if length < self.length:
            self._cuts += 1
            self._cut_lengths = [cut for cut in self._cut_lengths if cut[1] < length] + [(self._cuts, length)]
        self.length = length

    def _rounded(self, ssm: Tensor) -> Tensor:
        if self.ssm_dtype == torch.float32:
            return ssm
        random = torch.randint(
            0, 1 << 13, ssm.shape, generator=self.generator, dtype=torch.int32, device=self.generator.device
        )
        return round_stochastically(ssm.contiguous(), random.to(ssm.device))

    def _empty_kv(self, shape: KVShape) -> Tensor:
        size = (self.batch, shape.kv_heads, self.capacity, shape.head_dim)
        return torch.empty(size, device=self.device, dtype=self.dtype)

    def _zeros(self, dtype: torch.dtype, *size: int) -> Tensor:
        return torch.zeros((self.batch, *size), device=self.device, dtype=dtype)


def _generator(device: torch.device) -> torch.Generator:
    """Random numbers drawn where they are used: a token needs one for each number of every recurrent state."""
    return torch.Generator("cpu" if device.type == "meta" else device)


def _copy(tensor: Tensor) -> Tensor:
    with torch.inference_mode(False):
        return tensor.clone()
