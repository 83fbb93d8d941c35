"""Matrices in GGUF's K-quants, which the gguf package only reads: plain roundings in the published layout.

Layouts are those of ggml (`ggml-common.h`); which tensor has which type is nearly as llama-quantize mixes them.
"""

from __future__ import annotations

from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType

Array = npt.NDArray[Any]

MIXTURES = {"Q4_K_M": ("Q4_K", "Q6_K"), "Q5_K_M": ("Q5_K", "Q6_K")}
"""What most matrices of a mixture have, and what the embedding, the output, values and down-projections have."""
FALLBACKS = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
"""Of rows that are no whole superblocks."""
WIDE: dict[str, Any] = {
    "hidden_size": 256,
    "intermediate_size": 256,
    "mamba_head_dim": 32,
    "moe_intermediate_size": 256,
    "moe_latent_size": 512,
    "moe_shared_expert_intermediate_size": 512,
}
"""What makes the rows of a tiny hybrid whole superblocks, but for those of attention's output matrix."""


def type_of(type: str, name: str, columns: int) -> GGMLQuantizationType:
    """The type of a matrix, by its name in GGUF, in a file that is of one type or a mixture of K-quants."""
    if type in MIXTURES:
        finer = ("token_embd", "output.weight", "attn_v", "ffn_down")
        type = MIXTURES[type][name.startswith(finer[:2]) or any(part in name for part in finer[2:])]
    return GGMLQuantizationType[type if columns % 256 == 0 else FALLBACKS.get(type, type)]


def quantize(numbers: Array, type: GGMLQuantizationType) -> Array:
    """fp32 [..., columns] to uint8 [..., bytes of a row], or as the gguf package has it."""
    blocks = numbers.reshape(-1, 256).astype(np.float32) if type.name in FALLBACKS else numbers
    match type.name:
        case "Q4_K" | "Q5_K":
            packed = _with_minimums(blocks.reshape(-1, 8, 32), 4 if type.name == "Q4_K" else 5)
        case "Q6_K":
            packed = _six_bits(blocks.reshape(-1, 16, 16))
        case _:
            return gguf.quants.quantize(numbers, type)
    return packed.reshape(*numbers.shape[:-1], -1)


def _with_minimums(x: Array, bits: int) -> Array:
    least = np.maximum(-x.min(-1), 0)
    steps = (x.max(-1) + least) / (2**bits - 1)
    d, scales, scale = _small(steps, 63)
    dmin, minimums, minimum = _small(least, 63)
    codes = _over(x + minimum[..., None], scale[..., None]).clip(0, 2**bits - 1).astype(np.uint8)
    early, late = slice(0, 4), slice(4, 8)
    six = (
        scales[:, early] | scales[:, late] >> 4 << 6,
        minimums[:, early] | minimums[:, late] >> 4 << 6,
        scales[:, late] & 15 | (minimums[:, late] & 15) << 4,
    )
    fifth = np.zeros((len(x), 32), np.uint8)
    for block in range(8):
        fifth |= (codes[:, block] >> 4) << block
    low = codes[:, 0::2] & 15 | (codes[:, 1::2] & 15) << 4
    return np.concatenate([d, dmin, *six, *([fifth] if bits == 5 else []), low.reshape(len(x), 128)], axis=1)


def _six_bits(x: Array) -> Array:
    d, scales, scale = _small(np.abs(x).max(-1) / 31, 127)
    codes = (_over(x, scale[..., None]).clip(-32, 31) + 32).astype(np.uint8).reshape(-1, 2, 4, 32)
    low = codes[:, :, :2] & 15 | (codes[:, :, 2:] & 15) << 4
    high = np.zeros((len(x), 2, 32), np.uint8)
    for block in range(4):
        high |= (codes[:, :, block] >> 4) << 2 * block
    return np.concatenate([low.reshape(len(x), 128), high.reshape(len(x), 64), scales, d], axis=1)


def _small(wanted: Array, most: int) -> tuple[Array, Array, Array]:
    """An fp16 number for each superblock as bytes, the whole numbers up to `most` beside it, and their products."""
    d = (wanted.max(-1, keepdims=True) / most).astype(np.float16)
    whole = _over(wanted, d.astype(np.float32)).clip(0, most).astype(np.uint8)
    return d.view(np.uint8), whole, d.astype(np.float32) * whole


def _over(numbers: Array, by: Array) -> Array:
    return np.rint(
        np.divide(numbers, by, out=np.zeros(np.broadcast_shapes(numbers.shape, by.shape), np.float32), where=by != 0)
    )
