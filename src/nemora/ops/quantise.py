"""Quantisers: floating-point matrices to stored formats, and the same rounding of activations without storing it.

Sources of the formulas: Q8_0 and Q4_0 are ggml's reference quantisation (`ggml-quants.c`), to the byte. FP8 and NVFP4
are what ModelOpt publishes. "Four over six" is Cook et al., "Four Over Six: More Accurate NVFP4 Quantization with
Adaptive Block Scaling" (arXiv 2512.02010), as ModelOpt has it.

Matrices may be of any floating-point type and on any device; they are read some rows at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from nemora.ops import fp8, nvfp4
from nemora.ops.blocks import FP8_E4M3, MODELOPT_NVFP4, Q4_0, Q8_0, BlockFormat, StoredMatrix
from nemora.ops.fp8 import decode_fp8, encode_fp8

CPU_CHUNK = 1 << 17
ACCELERATOR_CHUNK = 1 << 24
NVFP4_LEVELS = nvfp4.MAX * fp8.MAX  # the largest product of a number and its block's scale: 2688
FOUR_OVER_SIX_LEVELS = nvfp4.MAX * 256.0  # room above it: 256 · 6/4 = 384 is a scale, and E4M3 knows it exactly
SMALLEST_BLOCK_SCALE = 2.0**-9  # of E4M3, but for zero
SMALLEST_NORMAL = 2.0**-126  # of fp32; what is smaller may have no reciprocal


def quantise_q8_0(x: Tensor) -> StoredMatrix:
    """x [rows, columns] in blocks of 32: d = max|x| / 127 as fp16, q = x / d rounded to nearest, ties away from zero.

    Raises:
        ValueError: a number is not finite or too large for a scale in fp16, or columns are no whole blocks.
    """
    return _encode(x, Q8_0, _q8_0)


def quantise_q4_0(x: Tensor) -> StoredMatrix:
    """x [rows, columns] in blocks of 32: d = the number of largest magnitude / −8 as fp16, q = ⌊x / d + 8½⌋ up to 15.

    Raises:
        ValueError: a number is not finite or too large for a scale in fp16, or columns are no whole blocks.
    """
    return _encode(x, Q4_0, _q4_0)


def quantise_fp8(x: Tensor) -> StoredMatrix:
    """x [rows, columns] as E4M3 with one scale for the matrix, max|x| / 448. A zero matrix has scale 1.

    Raises:
        ValueError: a number is not finite.
    """
    scale = _matrix_scale(x, fp8.MAX)
    divisor = _divisor(scale, x)
    return _encode(x, FP8_E4M3, lambda numbers: (encode_fp8(numbers / divisor),), scale)


def quantise_nvfp4(x: Tensor) -> StoredMatrix:
    """x [rows, columns] in ModelOpt's NVFP4: scale = max|x| / 2688; block scale = block's max|x| / 6 / scale in E4M3.

    Numbers are rounded to the nearest E2M1 · block scale · scale, ties to even. The largest of a block becomes ±6. A
    block of zeros has block scale 1, a zero matrix scale 1.

    Raises:
        ValueError: a number is not finite, or columns are no whole blocks of 16.
    """
    scale = _matrix_scale(x, NVFP4_LEVELS)
    return _encode(x, MODELOPT_NVFP4, lambda blocks: _nvfp4(blocks, scale), scale)


def quantise_nvfp4_four_over_six(x: Tensor) -> StoredMatrix:
    """As `quantise_nvfp4`, but the largest number of a block becomes ±4 where that has the smaller squared error.

    Between 4 and 6 nothing can be said, so a block with many numbers a little under its largest is better off with the
    denser numbers up to 4. The scale is max|x| / 1536, which leaves room for block scales 6/4 times as large.

    Raises:
        ValueError: a number is not finite, or columns are no whole blocks of 16.
    """
    scale = _matrix_scale(x, FOUR_OVER_SIX_LEVELS)
    return _encode(x, MODELOPT_NVFP4, lambda blocks: _nvfp4_four_over_six(blocks, scale), scale)


QUANTISERS: Mapping[str, Callable[[Tensor], StoredMatrix]] = {
    "q8_0": quantise_q8_0,
    "q4_0": quantise_q4_0,
    "fp8": quantise_fp8,
    "nvfp4": quantise_nvfp4,
    "nvfp4_four_over_six": quantise_nvfp4_four_over_six,
}


def fake_quantise_fp8(x: Tensor, scale: float) -> Tensor:
    """x [...] rounded to E4M3 · scale, in x's type: what an FP8 layer multiplies when `scale` is its `input_scale`.

    Numbers beyond ±448 · scale are cut off, as the hardware does; NaN stays NaN.

    Raises:
        ValueError: the scale is not a positive number.
    """
    divisor = _divisor(_positive(scale), x)
    return (decode_fp8(encode_fp8(x.float() / divisor)) * divisor).to(x.dtype)


def fake_quantise_nvfp4(x: Tensor, global_scale: float) -> Tensor:
    """x [..., columns] rounded to NVFP4 in x's type: what an NVFP4 layer multiplies when it has this `input_scale`.

    Each 16 numbers get their block scale from themselves: max|x| / 6 / global_scale in E4M3, at most 448. A block so
    small that its scale rounds to 0 becomes 0, as on the hardware; a block with a NaN becomes NaN.

    Raises:
        ValueError: the scale is not a positive number, or columns are no whole blocks of 16.
    """
    MODELOPT_NVFP4.blocks(x.shape[-1])
    blocks = x.float().reshape(-1, nvfp4.BLOCK)
    scale = _divisor(_positive(global_scale), x)
    scales = decode_fp8(encode_fp8(_largest_of(blocks) / (nvfp4.MAX * scale))).mul_(scale)
    values = nvfp4.round_e2m1(blocks / scales.masked_fill(scales == 0.0, math.inf))
    return values.mul_(scales).view(x.shape).to(x.dtype)


def _positive(scale: float) -> float:
    if not 0.0 < scale < math.inf:
        raise ValueError(f"a scale of activations is a positive number, not {scale}")
    return scale


def _encode(
    x: Tensor, format: BlockFormat, encode: Callable[[Tensor], tuple[Tensor, ...]], scale: float = 1.0
) -> StoredMatrix:
    """`encode` takes fp32 [blocks, size], which it leaves alone, and gives uint8 [blocks, bytes] and perhaps scales."""
    rows, columns = x.shape
    widths = [format.row_bytes(columns)]
    if format.scale_bytes:
        widths.append(format.blocks(columns) * format.scale_bytes)
    stored = [torch.empty(rows, width, dtype=torch.uint8, device=x.device) for width in widths]
    for start, chunk in _chunks(x):
        encoded = encode(chunk.float().reshape(-1, format.size))
        for whole, part in zip(stored, encoded, strict=True):
            whole[start : start + len(chunk)] = part.view(len(chunk), -1)
    return StoredMatrix(format, stored[0], stored[1] if format.scale_bytes else None, scale)


def _chunks(x: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Runs of rows and where they begin."""
    chunk = CPU_CHUNK if x.device.type == "cpu" else ACCELERATOR_CHUNK
    step = max(1, chunk // max(1, x.shape[1]))
    for start in range(0, x.shape[0] if x.shape[1] else 0, step):
        yield start, x[start : start + step]


def _matrix_scale(x: Tensor, levels: float) -> float:
    """max|x| / levels, rounded to fp32 as it will be stored; 1 where that is zero."""
    largest = torch.zeros((), device=x.device)  # not a list: small results kept between freed chunks fragment the heap
    for _, chunk in _chunks(x):
        torch.maximum(largest, chunk.float().abs().amax(), out=largest)
    scale = torch.tensor(float(largest) / levels).item()
    if not math.isfinite(scale):
        raise ValueError("a matrix with numbers that are not finite cannot be quantised")
    return scale or 1.0


def _largest_of(blocks: Tensor) -> Tensor:
    """max|x| of each block: [blocks, 1]."""
    return blocks.abs().amax(dim=1, keepdim=True)


def _q8_0(blocks: Tensor) -> tuple[Tensor]:
    d = _largest_of(blocks) / _divisor(127.0, blocks)
    scaled = blocks * _reciprocal(d)
    magnitude = scaled.abs()
    down = magnitude.floor()
    rounded = down.add_(magnitude.sub_(down) >= 0.5).copysign_(scaled)  # ties go away from zero
    return (torch.cat((_half_bytes(d), rounded.to(torch.int8).view(torch.uint8)), dim=1),)


def _q4_0(blocks: Tensor) -> tuple[Tensor]:
    d = blocks.gather(1, blocks.abs().argmax(dim=1, keepdim=True)) / -8
    codes = (blocks * _reciprocal(d)).add_(8.5).clamp_(0, 15).to(torch.uint8)
    return (torch.cat((_half_bytes(d), codes[:, :16] | (codes[:, 16:] << 4)), dim=1),)


def _reciprocal(d: Tensor) -> Tensor:
    """1 / d, or 0 where d is zero or as good as zero."""
    return (1.0 / d).masked_fill_(d.abs() < SMALLEST_NORMAL, 0.0)


def _half_bytes(d: Tensor) -> Tensor:
    """fp32 [blocks, 1] to the bytes of fp16, uint8 [blocks, 2]."""
    half = d.half()
    if not half.isfinite().all():
        raise ValueError("a matrix with numbers that are not finite, or too large for fp16 scales, cannot be quantised")
    return half.view(torch.uint8)


def _nvfp4(blocks: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    scales = encode_fp8(_block_scales(blocks, scale))
    values = nvfp4.round_e2m1(blocks / _steps(scales, scale))
    return nvfp4.pack_modelopt(values, blocks < 0), scales


def _nvfp4_four_over_six(blocks: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    exact = _block_scales(blocks, scale)
    six, four = encode_fp8(exact), encode_fp8(exact * (6.0 / 4.0))
    values_six, error_six = _rounded(blocks, six, scale)
    values_four, error_four = _rounded(blocks, four, scale)
    better = error_four < error_six
    values = torch.where(better, values_four, values_six)
    return nvfp4.pack_modelopt(values, blocks < 0), torch.where(better, four, six)


def _block_scales(blocks: Tensor, scale: float) -> Tensor:
    """The scale with which each block's largest number becomes 6: fp32 [blocks, 1], not yet rounded to E4M3."""
    largest = _largest_of(blocks)
    exact = largest / _divisor(nvfp4.MAX * scale, blocks)
    return exact.masked_fill_(largest == 0.0, 1.0).clamp_(min=SMALLEST_BLOCK_SCALE)


def _steps(scales: Tensor, scale: float) -> Tensor:
    """What 1 stands for in each block: fp32 [blocks, 1]."""
    return decode_fp8(scales).mul_(scale)


def _rounded(blocks: Tensor, scales: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """E2M1 values [blocks, 16] under E4M3 `scales`, and each block's squared error [blocks, 1] in units of scale²."""
    steps = _steps(scales, scale)
    values = nvfp4.round_e2m1(blocks / steps)
    error = (values * steps).sub_(blocks).div_(scale).square_().sum(dim=1, keepdim=True)
    return values, error


def _divisor(number: float, like: Tensor) -> Tensor:
    """A number as a tensor: accelerators divide by a plain one through its reciprocal, which rounds twice."""
    return torch.tensor(number, dtype=torch.float32, device=like.device)
