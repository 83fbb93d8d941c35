"""A model's step of one token by the native kernels, where all of its weights are theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from nemora.models.attention import Attention
from nemora.models.mamba2 import Mamba2
from nemora.models.mlp import MLP, SwiGLU
from nemora.models.moe import MoE
from nemora.models.state import State
from nemora.models.state_group import StateGroup
from nemora.ops.cpu import step
from nemora.ops.cpu.packed_weight import PackedWeight
from nemora.ops.cpu.scan import vector_kernels
from nemora.ops.cpu.step import CannotStep, Memories, NativeStep, StepLayer

Mixer = Attention | Mamba2 | MLP | SwiGLU | MoE
Block = tuple[Tensor, Mixer]
"""x + mixer(norm(x)): the norm's weight, and what computes."""


class TokenStep:
    """One token of each sequence through `blocks` and a last norm, as the model's own `read` computes it.

    Args:
        frequencies: of rotary positions, where attention has them.

    Raises:
        CannotStep: weights are not packed, or something has no native form.
    """

    def __init__(self, blocks: Iterable[Block], norm: Tensor, eps: float, frequencies: Tensor | None = None) -> None:
        blocks = list(blocks)
        self.mixtures = [mixer for _, mixer in blocks if isinstance(mixer, MoE)]
        pairs = 0 if frequencies is None else len(frequencies)
        self.frequencies = frequencies
        self.native = NativeStep([_layer(*block, eps, pairs) for block in blocks], norm, eps)

    def takes(self, state: State) -> bool:
        """Whether a step of one token can be taken with what `state` remembers, and nobody wants to look on."""
        states = list(_each(state))
        return all(type(each) is State and _plain(each) for each in states) and not any(
            mixture.watch for mixture in self.mixtures
        )

    def read(self, x: Tensor, state: State) -> Tensor:
        """x [batch, 1, hidden], the tokens' embeddings, to what the output matrix is to read; `state` has them then."""
        for each in _each(state):
            each.forget_unfinished()
        out = self.native.run(x.squeeze(1), [self._memories(each) for each in _each(state)])
        state.advance(1)
        return out[:, None]

    def _memories(self, state: State) -> Memories:
        angles = None if self.frequencies is None else state.angles(self.frequencies, 1)
        return Memories(state.keys, state.values, state.conv, state.ssm, state.length, state.capacity, angles)


def token_step(
    blocks: Iterable[Block], norm: Tensor, eps: float, frequencies: Tensor | None = None
) -> TokenStep | None:
    """The step, or None where there is none."""
    try:
        return TokenStep(blocks, norm, eps, frequencies)
    except CannotStep:
        return None


def reads_exactly(model: object, state: State) -> bool:
    """Whether a text gives a model the same bits at once, in pieces and token by token: a native step has them all of
    the same functions. `state` is one of its states."""
    step, head = getattr(model, "step", None), getattr(model, "head", None)
    if not isinstance(step, TokenStep) or not isinstance(head, PackedWeight):
        return False
    native = vector_kernels()  # what reads a prompt, by the widest instructions
    return native is not None and step.native.set == head.set == native.best and step.takes(state)


def _each(state: State) -> Iterator[State]:
    yield from state.states if isinstance(state, StateGroup) else (state,)


def _plain(state: State) -> bool:
    floats = {state.dtype, state.ssm_dtype, state.kv_format.dtype} == {torch.float32}
    return state.batch == 1 and floats and state.texts is None


def _layer(norm: Tensor, mixer: Mixer, eps: float, pairs: int) -> StepLayer:
    kind, values = _values(mixer, pairs)
    return StepLayer(kind, {"norm": norm, "epsilon": eps, **values})


def _values(mixer: Mixer, pairs: int) -> tuple[int, dict[str, object]]:
    match mixer:
        case Attention():
            return step.ATTENTION, _attention(mixer, pairs)
        case Mamba2():
            return step.MAMBA, _mamba(mixer)
        case SwiGLU():
            return step.SWIGLU_MLP, {"into": mixer.gate_up, "out": mixer.down}
        case MLP():
            return step.RELU2_MLP, {"into": mixer.up, "out": mixer.down}
        case MoE():
            return step.MIXTURE, _mixture(mixer)


def _attention(mixer: Attention, pairs: int) -> dict[str, object]:
    if mixer.kv_scales is not None:
        raise CannotStep("keys and values are rounded as a checkpoint says")
    spec = mixer.spec
    sizes = {"heads": spec.heads, "kv_heads": spec.kv_heads, "head_dim": spec.head_dim, "rotated": pairs}
    return {"slot": mixer.slot, "into": mixer.qkv, "out": mixer.output, **sizes}


def _mamba(mixer: Mamba2) -> dict[str, object]:
    return {"slot": mixer.slot, "into": mixer.input, "out": mixer.output, **mixer.sizes(), **mixer.tensors()}


def _mixture(mixer: MoE) -> dict[str, object]:
    spec = mixer.spec
    latent = {} if spec.latent is None else {"to_latent": mixer.to_latent, "from_latent": mixer.from_latent}
    return {
        "into": mixer.shared.up,
        "out": mixer.shared.down,
        "experts": spec.experts,
        "top_k": spec.top_k,
        "latent": spec.latent or 0,
        "normalise": int(spec.normalise),
        "scale": spec.scale,
        "router": mixer.router,
        "router_bias": mixer.router_bias,
        "up": mixer.up,
        "down": mixer.down,
        **latent,
    }
