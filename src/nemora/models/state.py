"""What one sequence remembers between calls: keys and values of attention layers, and the states of Mamba-2 layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nemora.ops import kernels
from nemora.ops.kv_format import SCALE, KVCache, kv_format
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
    """Keys and values of a run of positions as they are stored, one tensor [batch, kv_heads, count, head_dim] for each
    attention layer; and their scales, [batch, kv_heads, count, scales], where that form has scales."""

    count: int
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    key_scales: tuple[Tensor, ...] = ()
    value_scales: tuple[Tensor, ...] = ()

    @property
    def kinds(self) -> tuple[tuple[Tensor, ...], ...]:
        """All that it holds, in the order of `State.kinds`."""
        return (self.keys, self.values, self.key_scales, self.value_scales)

    @property
    def bytes(self) -> int:
        """Memory that it holds."""
        return sum(tensor.nbytes for tensors in self.kinds for tensor in tensors)

    def joined(self, other: KVSlice) -> KVSlice:
        """A copy of both, one after the other."""
        with torch.inference_mode(False):
            kinds = [
                tuple(torch.cat(pair, dim=2) for pair in zip(first, second, strict=True))
                for first, second in zip(self.kinds, other.kinds, strict=True)
            ]
        return KVSlice(self.count + other.count, *kinds)


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
    values [batch, kv_heads, capacity, head_dim] in the form that `kv_cache` names, and scales of that form if it has
    some; the first `length` positions are filled. Mamba-2 layer i has `conv` [batch, channels, inputs] and `ssm`
    [batch, heads, head_dim, state_size], which hold all positions at once. Layers are counted separately by kind. A
    forward pass changes nothing that is remembered before `advance`, so one that fails halfway leaves no trace.

    Args:
        dtype: of activations and convolution inputs.
        kv_cache: the form of keys and values: see `kv_format`.
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
        kv_cache: KVCache = "auto",
        seed: int = 0,
    ) -> None:
        if ssm_dtype not in (torch.float32, torch.float16):
            raise ValueError(f"an SSM state is kept in float32 or float16, not in {ssm_dtype}")
        self.kv_shapes, self.mamba_shapes = tuple(kv), tuple(mamba)
        self.batch, self.capacity, self.length = batch, capacity, 0
        self.device, self.dtype, self.ssm_dtype = torch.device(device), dtype, ssm_dtype
        self.kv_cache, self.kv_format = kv_cache, kv_format(kv_cache, dtype)
        self.generator = _generator(self.device).manual_seed(seed)
        # Ordinary tensors, whatever mode the caller is in: a state may be made and used in different modes.
        with torch.inference_mode(False):
            self.keys = [self._empty_kv(shape) for shape in self.kv_shapes]
            self.values = [self._empty_kv(shape) for shape in self.kv_shapes]
            self.key_scales = [self._empty_scales(shape) for shape in self._scaled_shapes]
            self.value_scales = [self._empty_scales(shape) for shape in self._scaled_shapes]
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
        return sum(tensor.nbytes for tensors in (*self.kinds, self.conv, self.ssm) for tensor in tensors)

    @property
    def kinds(self) -> tuple[list[Tensor], ...]:
        """All that has positions, which are dimension 2: keys, values and, where their form has them, scales."""
        return (self.keys, self.values, self.key_scales, self.value_scales)

    @property
    def bytes_per_position(self) -> int:
        """What each position of one sequence adds."""
        return sum(2 * self.layer_bytes_per_position(shape) for shape in self.kv_shapes)

    def layer_bytes_per_position(self, shape: KVShape) -> int:
        """What a position's keys, or its values, take in a layer of that shape."""
        scales = self.kv_format.scales(shape.head_dim) * SCALE.itemsize
        return shape.kv_heads * (shape.head_dim * self.kv_format.dtype.itemsize + scales)

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
        end = self.write(layer, keys, values)
        return self.read(layer, 0, end)

    def write(self, layer: int, keys: Tensor, values: Tensor) -> int:
        """As `append`, but returns only the end of what is now written."""
        start, end = self.length, self.length + keys.shape[2]
        for new, stored, scales in ((keys, self.keys, self.key_scales), (values, self.values, self.value_scales)):
            stored[layer][:, :, start:end], new_scales = self.kv_format.encode(new)
            if new_scales is not None:
                scales[layer][:, :, start:end] = new_scales
        return end

    def read(self, layer: int, start: int, end: int) -> tuple[Tensor, Tensor]:
        """An attention layer's keys and values of positions `start` to `end` (exclusive), which must be written.

        [batch, kv_heads, end - start, head_dim]: not copied where they are stored as they are, else in fp32.
        """
        keys, values = self.keys[layer][:, :, start:end], self.values[layer][:, :, start:end]
        if self.kv_format.as_it_is:
            return keys, values
        key_scales, value_scales = (tensors[layer][:, :, start:end] for tensors in (self.key_scales, self.value_scales))
        return self.kv_format.decode(keys, key_scales), self.kv_format.decode(values, value_scales)

    def angles(self, frequencies: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """`kernels.rope_angles` for the next `count` positions."""
        return kernels.rope_angles(frequencies, self.length, count, self.texts)

    def attend(self, layer: int, q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """An attention layer's output for its new positions, which it remembers: `kernels.attention` over all so far.

        q is [batch, heads, seq, head_dim] like the result; keys and values are [batch, kv_heads, seq, head_dim]. All
        are seen as they are stored, the new ones too: so it does not matter in what pieces a text is read.
        """
        if self.kv_cache == "auto" or self.kv_format.dtype == q.dtype:
            return kernels.attention(q, *self.append(layer, keys, values), self.texts)
        end = self.write(layer, keys, values)

        def read(start: int, stop: int) -> tuple[Tensor, Tensor]:
            found = self.read(layer, start, min(stop, end))
            return found[0].float(), found[1].float()

        return kernels.attention_of_blocks(q, read, end, keys.shape[1])

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

    def forget_unfinished(self) -> None:
        """Forget what a pass left that failed before `advance`."""
        self._new.clear()

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
        """A copy of the keys and values of positions `start` to `end` (exclusive), which must have been read, as they
        are stored."""
        if not 0 <= start <= end <= self.length:
            raise ValueError(f"a state of {self.length} positions has none from {start} to {end}")
        kinds = (tuple(_copy(tensor[:, :, start:end]) for tensor in tensors) for tensors in self.kinds)
        return KVSlice(end - start, *kinds)

    def load(self, slices: Iterable[KVSlice], snapshot: Snapshot) -> None:
        """Become, in an empty state of the same model, what another was when `snapshot` was taken, exactly.

        Args:
            slices: all positions before the snapshot, in order.

        Raises:
            ValueError: the state is not empty or too small, the slices do not end where the snapshot was taken, or they
                keep keys and values in another form.
        """
        slices = list(slices)
        end = sum(piece.count for piece in slices)
        if self.length or end > self.capacity or end != snapshot.length:
            raise ValueError(f"{end} positions and a snapshot at {snapshot.length} do not make up an empty state")
        if any(tensor.dtype != self.kv_format.dtype for piece in slices for tensor in piece.keys):
            raise ValueError(f"keys and values are kept as {self.kv_cache} here, the slices have them in another form")
        start = 0
        for piece in slices:
            stop = start + piece.count
            for targets, sources in zip(self.kinds, piece.kinds, strict=True):
                for target, source in zip(targets, sources, strict=True):
                    target[:, :, start:stop] = source
            start = stop
        for states, saved in ((self.conv, snapshot.conv), (self.ssm, snapshot.ssm)):
            for tensor, copy in zip(states, saved, strict=True):
                tensor.copy_(copy)
        self.generator.set_state(snapshot.generator)
        self.forget_unfinished()
        self.length = end

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` positions. Never shrinks."""
        if capacity > self.capacity:
            for tensors in self.kinds:
                for layer, tensor in enumerate(tensors):
                    with torch.inference_mode(False):
                        larger = tensor.new_empty((*tensor.shape[:2], capacity, tensor.shape[3]))
                    larger[:, :, : self.length] = tensor[:, :, : self.length]
                    tensors[layer] = larger
            self.capacity = capacity  # last: there may be no memory for one of them

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
            kv_cache=self.kv_cache,
        )
        for sources, targets in zip(self.kinds, copy.kinds, strict=True):
            for source, target in zip(sources, targets, strict=True):
                target[:, :, : self.length] = source[:, :, : self.length]
        for source, target in zip((*self.conv, *self.ssm), (*copy.conv, *copy.ssm), strict=True):
            target.copy_(source)
        copy.generator.set_state(self.generator.get_state())
        copy.length, copy._cuts, copy._cut_lengths = self.length, self._cuts, list(self._cut_lengths)
        return copy

    def _cut(self, length: int) -> None:
        """Set the length back, and note it: a snapshot beyond it is lost once new positions are written."""
        self.forget_unfinished()
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
        return torch.empty(size, device=self.device, dtype=self.kv_format.dtype)

    @property
    def _scaled_shapes(self) -> tuple[KVShape, ...]:
        return self.kv_shapes if not self.kv_format.as_it_is else ()

    def _empty_scales(self, shape: KVShape) -> Tensor:
        size = (self.batch, shape.kv_heads, self.capacity, self.kv_format.scales(shape.head_dim))
        return torch.empty(size, device=self.device, dtype=SCALE)

    def _zeros(self, dtype: torch.dtype, *size: int) -> Tensor:
        return torch.zeros((self.batch, *size), device=self.device, dtype=dtype)


def _generator(device: torch.device) -> torch.Generator:
    """Random numbers drawn where they are used: a token needs one for each number of every recurrent state."""
    return torch.Generator("cpu" if device.type == "meta" else device)


def _copy(tensor: Tensor) -> Tensor:
    with torch.inference_mode(False):
        return tensor.clone()
