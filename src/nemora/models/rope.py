"""Rotary positions (RoPE): how a config asks for them, and the frequencies that follow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.config import MAX_CONTEXT
from nemora.models.config_reader import ConfigReader, shown
from nemora.ops import reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Llama3Scaling:
    """Llama 3.1's stretching of RoPE; `ops.reference.llama3_frequencies` says what the numbers mean."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_context: int


RopeScaling = Llama3Scaling | tuple[float, ...] | None
"""A tuple holds divisors of the frequencies, one per rotated pair: so GGUF files carry the scaling, worked out."""

MAX_ROTATED = 1 << 13  # no real head comes near; frequencies are computed for as many

LLAMA3_KEYS = frozenset({"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"})


def rope_from_hugging_face(reader: ConfigReader) -> tuple[float, Llama3Scaling | None]:
    """Both spellings: `rope_theta` beside `rope_scaling` (transformers 4), or all in `rope_parameters` (5)."""
    spelling = "rope_parameters" if reader.has("rope_parameters") else "rope_scaling"
    if not reader.has(spelling):
        return reader.number("rope_theta"), None
    rope = reader.inner(spelling)
    theta = (rope if rope.has("rope_theta") else reader).number("rope_theta")
    reader.refuse_unless("rope_theta", [theta, None])
    kind = rope.text("rope_type" if rope.has("rope_type") else "type")
    rope.refuse_unless("type", [kind])
    rope.refuse_unless("partial_rotary_factor", [1.0, None])
    plain = {"rope_type", "type", "rope_theta", "partial_rotary_factor"}
    if kind == "default":
        rope.refuse_unknown(plain)
        return theta, None
    if kind != "llama3":
        raise UnsupportedCheckpoint(
            f"{rope.where} asks for the RoPE scaling {shown(kind)}; only llama3 is implemented."
        )
    rope.refuse_unknown(plain | LLAMA3_KEYS)
    scaling = Llama3Scaling(
        factor=rope.number("factor"),
        low_freq_factor=rope.number("low_freq_factor"),
        high_freq_factor=rope.number("high_freq_factor"),
        original_context=rope.integer("original_max_position_embeddings", most=MAX_CONTEXT),
    )
    if scaling.high_freq_factor <= scaling.low_freq_factor:
        raise CorruptCheckpoint(f"{rope.where} has a high_freq_factor that is not above its low_freq_factor.")
    return theta, scaling


def check_rope(rotated: int, scaling: RopeScaling) -> None:
    """Refuse what cannot be rotated: an odd size, or factors that do not fit it."""
    if rotated % 2 or rotated > MAX_ROTATED:
        raise CorruptCheckpoint(f"RoPE needs an even head size of at most {MAX_ROTATED}, not {rotated}.")
    if not isinstance(scaling, tuple):
        return
    if len(scaling) != rotated // 2:
        raise CorruptCheckpoint(f"{len(scaling)} RoPE frequency factors do not fit a head size of {rotated}.")
    if not all(0 < factor < math.inf for factor in scaling):
        raise CorruptCheckpoint("A RoPE frequency factor is not a number above zero.")


def rope_frequencies(rotated: int, theta: float, scaling: RopeScaling) -> Tensor:
    """Radians per position of each rotated pair, [rotated / 2], scaled as the config says."""
    frequencies = reference.rope_frequencies(rotated, theta)
    match scaling:
        case None:
            return frequencies
        case Llama3Scaling():
            return reference.llama3_frequencies(
                frequencies,
                factor=scaling.factor,
                low_freq_factor=scaling.low_freq_factor,
                high_freq_factor=scaling.high_freq_factor,
                original_context=scaling.original_context,
            )
        case divisors:
            return frequencies / torch.tensor(divisors)
