"""The memory that one forward pass takes beside weights and what sequences remember, part by part."""

from __future__ import annotations

from dataclasses import dataclass

from nemora.models.base import ModelConfig
from nemora.models.state import State
from nemora.ops.blockwise_attention import workspace_bytes
from nemora.ops.kernels import SSD_CHUNK

ACTIVATIONS = 6
"""Tensors as wide as the widest that a layer has at once at most: the stream, its norm, and what a mixer computes."""

STATE_SPACE = 4
"""Matrices [tokens, tokens] of every head that a chunk of the state space has at once at most."""

FP32 = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Summand:
    """One part of a sum of bytes, and how it comes about."""

    label: str
    how: str
    bytes: int


def pass_workspace(config: ModelConfig, state: State, *, chunk: int, context: int) -> tuple[Summand, ...]:
    """What a pass over `chunk` tokens takes at most, after which one token is drawn from.

    Only the last part grows with `context`, the most positions of a sequence: see `growth_per_position`.
    """
    parts = [
        Summand(
            label="activations",
            how=f"{ACTIVATIONS} × {chunk} tokens × {config.widest:,} wide × {FP32} bytes",
            bytes=ACTIVATIONS * chunk * config.widest * FP32,
        )
    ]
    if state.kv_shapes:
        width = max(shape.kv_heads * shape.head_dim for shape in state.kv_shapes)
        taken = workspace_bytes(width, scores=chunk * config.widest * context, positions=context)
        parts.append(Summand(label="attention", how="a block of positions and its scores", bytes=taken))
    if state.mamba_shapes:
        heads, tokens = max(shape.heads for shape in state.mamba_shapes), min(chunk, SSD_CHUNK)
        parts.append(
            Summand(
                label="state spaces",
                how=f"{STATE_SPACE} × {heads} heads × {tokens}² × {FP32} bytes, and all states twice",
                bytes=STATE_SPACE * heads * tokens**2 * FP32 + 2 * state.bytes_per_sequence,
            )
        )
    parts.append(
        Summand(label="drawing a token", how=f"{config.vocab_size:,} tokens × 32 bytes", bytes=32 * config.vocab_size)
    )
    if growth := growth_per_position(state):
        parts.append(
            Summand(
                label="growing cache",
                how=f"one layer's keys twice: {context:,} positions × {growth:,} bytes",
                bytes=context * growth,
            )
        )
    return tuple(parts)


def growth_per_position(state: State) -> int:
    """Bytes of the workspace for each position: while a sequence's cache grows, one layer's keys are there twice."""
    return max((state.layer_bytes_per_position(shape) for shape in state.kv_shapes), default=0)
