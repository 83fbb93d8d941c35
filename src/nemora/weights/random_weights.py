"""Weights for a model of any shape, drawn at random where they stay: for measurements and checks without a checkpoint.

Stored matrices are random bytes under scales that give every number the spread 1 / √columns, so that activations keep
their size from layer to layer. They are drawn on the device, without a copy elsewhere and with little memory beside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence

import torch
from torch import Tensor

from nemora.models.inventory import Inventory
from nemora.ops import nvfp4
from nemora.ops.blocks import BF16, F32, FP8_E4M3, MODELOPT_NVFP4, Q4_0, Q8_0, BlockFormat, StoredMatrix
from nemora.ops.fp8 import decode_fp8
from nemora.ops.weight import BlockWeight, DenseWeight, Weight

PLAIN = frozenset({"embedding", "head"})  # what published quantised checkpoints leave as it was
FP8_CHUNK = 1 << 26  # numbers that are searched for NaN at a time
BLOCK_SCALES = (0x30, 0x40)  # E4M3 from 0.5 to 1.875
LARGEST_STEP = 0.1  # of a Mamba-2 layer before training, and the smallest: Gu & Dao 2024 (arXiv:2405.21060)
SMALLEST_STEP = 0.001

Draw = Callable[[int, int, float, torch.Generator], StoredMatrix]


class RandomWeights:
    """Draws what a model asks for, in the order in which it asks; a `models.base.Weights`.

    Equal seeds give equal numbers on one kind of device. Whoever needs the same numbers on two of them draws both on
    the CPU.

    Args:
        format: of matrices: one of `RANDOM_FORMATS`. Where columns are no whole blocks of it, BF16 is.
        dtype: of activations.
        drawn_on: where the numbers are drawn, if not on `device`.
        plain: names of matrices that are BF16 whatever `format` is.
        decoded: keep matrices in `dtype`, as a loader does that has the memory, and not the stored bytes.
    """

    def __init__(
        self,
        format: str,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        seed: int = 0,
        drawn_on: torch.device | str | None = None,
        plain: Collection[str] = PLAIN,
        decoded: bool = False,
    ) -> None:
        self.format_name = format
        self.device, self.dtype, self.decoded = torch.device(device), dtype, decoded
        self.plain = frozenset(plain)
        self.generator = torch.Generator(drawn_on or device).manual_seed(seed)
        self.bytes = 0

    def matrix(self, name: str, rows: int, columns: int) -> Weight:
        return self.fused([(name, rows)], columns)

    def fused(self, parts: Sequence[tuple[str, int]], columns: int) -> Weight:
        return self._kept([self._stored(name, rows, columns) for name, rows in parts])

    def experts(self, name: str, count: int, rows: int, columns: int) -> Sequence[Weight]:
        """Drawn as one matrix, of which each expert has its rows."""
        stack = self._stored(name, count * rows, columns)
        return [self._kept([stack.slice(start, start + rows)]) for start in range(0, count * rows, rows)]

    def tensor(self, name: str, *shape: int) -> Tensor:
        tensor = random_tensor(name, shape, self.generator).to(self.device)
        self.bytes += tensor.nbytes
        return tensor

    def kv_scales(self, name: str) -> tuple[float, float] | None:
        return None

    def _stored(self, name: str, rows: int, columns: int) -> StoredMatrix:
        draw = RANDOM_FORMATS[_format_name(self.format_name, name, columns, self.plain)][1]
        return draw(rows, columns, columns**-0.5, self.generator).to(self.device)

    def _kept(self, parts: list[StoredMatrix]) -> Weight:
        weight: Weight = BlockWeight(parts, self.dtype)
        if self.decoded or all(part.format.dtype == self.dtype for part in parts):
            decoded = [part.decode(self.dtype) for part in parts]
            weight = DenseWeight(decoded[0] if len(decoded) == 1 else torch.cat(decoded))
        self.bytes += weight.bytes
        return weight


def stored_bytes(inventory: Inventory, format: str, *, plain: Collection[str] = PLAIN) -> dict[str, int]:
    """Bytes of each of a model's weights as `RandomWeights` stores them, by name; experts of a name together."""
    matrices = {name: (1, *shape) for name, shape in inventory.matrices.items()} | inventory.experts
    sizes = {name: 4 * math.prod(shape) for name, shape in inventory.tensors.items()}
    for name, (count, rows, columns) in matrices.items():
        stored = RANDOM_FORMATS[_format_name(format, name, columns, plain)][0]
        sizes[name] = count * rows * stored.blocks(columns) * (stored.bytes + stored.scale_bytes)
    return sizes


def _format_name(format: str, name: str, columns: int, plain: Collection[str]) -> str:
    return "BF16" if name in plain or columns % RANDOM_FORMATS[format][0].size else format


def random_tensor(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """A small tensor of a size that suits its name: norms near 1, Mamba-2's as that layer is drawn before training."""
    numbers = torch.empty(shape, device=generator.device)
    last = name.rpartition(".")[2]
    if last == "a":
        return numbers.uniform_(-16.0, -1.0, generator=generator)
    if last == "dt_bias":
        steps = numbers.uniform_(math.log(SMALLEST_STEP), math.log(LARGEST_STEP), generator=generator).exp_()
        return steps.expm1().log()  # the inverse of softplus
    numbers.normal_(generator=generator)
    if len(shape) > 1:
        return numbers.mul_(shape[-1] ** -0.5)
    return numbers.mul_(0.1) if last.endswith("bias") else numbers.mul_(0.1).add_(1.0)


def _plain(format: BlockFormat) -> tuple[BlockFormat, Draw]:
    def draw(rows: int, columns: int, spread: float, generator: torch.Generator) -> StoredMatrix:
        numbers = torch.empty(rows, columns, dtype=format.dtype, device=generator.device)
        return StoredMatrix(format, numbers.normal_(0.0, spread, generator=generator).view(torch.uint8))

    return format, draw


def _half_scaled(format: BlockFormat, codes: Sequence[int]) -> tuple[BlockFormat, Draw]:
    """A GGUF format whose blocks begin with an fp16 scale, for numbers that are scale · one of `codes`.

    Scales are drawn around zero: codes are not, and a sum over many columns would show it.
    """
    rms = _root_mean_square(codes) / math.sqrt(3.0)  # the latter of numbers from -1 to 1

    def draw(rows: int, columns: int, spread: float, generator: torch.Generator) -> StoredMatrix:
        data = _random_bytes((rows, format.row_bytes(columns)), generator)
        scales = torch.empty(rows, format.blocks(columns), 1, device=generator.device)
        scales.uniform_(-spread / rms, spread / rms, generator=generator)
        data.view(rows, -1, format.bytes)[:, :, :2] = scales.half().view(torch.uint8)
        return StoredMatrix(format, data)

    return format, draw


def _draw_fp8(rows: int, columns: int, spread: float, generator: torch.Generator) -> StoredMatrix:
    data = _random_bytes((rows, columns), generator)
    step = max(1, FP8_CHUNK // columns)
    for start in range(0, rows, step):
        chunk = data[start : start + step]
        chunk.masked_fill_((chunk & 0x7F) == 0x7F, 0)  # NaN
    numbers = decode_fp8(torch.arange(256, dtype=torch.uint8)).nan_to_num_(0.0)
    return StoredMatrix(FP8_E4M3, data, scale=spread / _root_mean_square(numbers.tolist()))


def _draw_nvfp4(rows: int, columns: int, spread: float, generator: torch.Generator) -> StoredMatrix:
    data = _random_bytes((rows, MODELOPT_NVFP4.row_bytes(columns)), generator)
    scales = _random_bytes((rows, MODELOPT_NVFP4.blocks(columns)), generator, *BLOCK_SCALES)
    drawn = decode_fp8(torch.arange(*BLOCK_SCALES, dtype=torch.uint8)).tolist()
    scale = spread / (_root_mean_square(nvfp4.VALUES) * _root_mean_square(drawn))
    return StoredMatrix(MODELOPT_NVFP4, data, scales, scale)


def _random_bytes(shape: tuple[int, int], generator: torch.Generator, low: int = 0, high: int = 256) -> Tensor:
    return torch.empty(shape, dtype=torch.uint8, device=generator.device).random_(low, high, generator=generator)


def _root_mean_square(numbers: Sequence[float]) -> float:
    return math.sqrt(sum(number * number for number in numbers) / len(numbers))


RANDOM_FORMATS: Mapping[str, tuple[BlockFormat, Draw]] = {
    "F32": _plain(F32),
    "BF16": _plain(BF16),
    "FP8": (FP8_E4M3, _draw_fp8),
    "NVFP4": (MODELOPT_NVFP4, _draw_nvfp4),
    "Q4_0": _half_scaled(Q4_0, range(-8, 8)),
    "Q8_0": _half_scaled(Q8_0, range(-128, 128)),
}
"""By the names that checkpoints are published under; NVFP4 is ModelOpt's."""
