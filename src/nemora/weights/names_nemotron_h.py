"""Names of the Nemotron hybrids' tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from nemora.weights.names import Layout, Place, flattened, without_ones


def _minus_exp(a_log: Tensor) -> Tensor:
    """Checkpoints hold log(−A)."""
    return -torch.exp(a_log)


# Tensors of a layer, by what follows `layers.{n}.` here and the layer's prefix there. Experts come one by one, or, as
# transformers from version 5 on writes them, all in one tensor.
_MIXERS: dict[str, tuple[str, ...]] = {
    "attention.q": ("mixer.q_proj.weight",),
    "attention.k": ("mixer.k_proj.weight",),
    "attention.v": ("mixer.v_proj.weight",),
    "attention.output": ("mixer.o_proj.weight",),
    "mlp.up": ("mixer.up_proj.weight",),
    "mlp.down": ("mixer.down_proj.weight",),
    "moe.router": ("mixer.gate.weight",),
    "moe.router_bias": ("mixer.gate.e_score_correction_bias", "mixer.gate.e_score_correction.bias"),
    "moe.experts.up": ("mixer.experts.{e}.up_proj.weight", "mixer.experts.up_proj"),
    "moe.experts.down": ("mixer.experts.{e}.down_proj.weight", "mixer.experts.down_proj"),
    "moe.shared.up": ("mixer.shared_experts.up_proj.weight",),
    "moe.shared.down": ("mixer.shared_experts.down_proj.weight",),
    "moe.to_latent": ("mixer.fc1_latent_proj.weight",),
    "moe.from_latent": ("mixer.fc2_latent_proj.weight",),
}
_MAMBA: dict[str, Place] = {
    "mamba.input": Place(names=("mixer.in_proj.weight",)),
    "mamba.conv": Place(names=("mixer.conv1d.weight",), fits=without_ones),
    "mamba.conv_bias": Place(names=("mixer.conv1d.bias",)),
    "mamba.dt_bias": Place(names=("mixer.dt_bias",)),
    "mamba.a": Place(names=("mixer.A_log",), convert=_minus_exp),
    "mamba.d": Place(names=("mixer.D",)),
    "mamba.norm": Place(names=("mixer.norm.weight",)),
    "mamba.output": Place(names=("mixer.out_proj.weight",)),
}

# Published checkpoints say `backbone.`; Puzzle and what transformers saves again say `model.`.
_PREFIXES = ("backbone.", "model.")


def _prefixed(place: Place, prefixes: tuple[str, ...]) -> Place:
    names = tuple(prefix + name for name in place.names for prefix in prefixes)
    return Place(names=names, fits=place.fits, convert=place.convert)


def _layer_places(ours: str, prefixes: tuple[str, ...]) -> dict[str, Place]:
    """Places of a layer that is called `ours` here."""
    mixers = {name: Place(names=names) for name, names in _MIXERS.items()}
    return {f"{ours}.{name}": _prefixed(place, prefixes) for name, place in {**mixers, **_MAMBA}.items()}


_LAYER_PREFIXES = tuple(f"{prefix}layers.{{n}}." for prefix in _PREFIXES)
_ATTENTION_PART, _MOE_PART = ("mtp.layers.0.",), ("mtp.layers.1.",)

NEMOTRON_H_HUGGING_FACE = Layout(
    places={
        "embedding": _prefixed(Place(names=("embeddings.weight", "embedding.weight")), _PREFIXES),
        "norm": _prefixed(Place(names=("norm_f.weight",)), _PREFIXES),
        "head": Place(names=("lm_head.weight",)),
        "layers.{n}.norm": _prefixed(Place(names=("norm.weight",)), _LAYER_PREFIXES),
        **_layer_places("layers.{n}", _LAYER_PREFIXES),
        "mtp.embedding_norm": Place(names=("mtp.layers.0.enorm.weight",)),
        "mtp.hidden_norm": Place(names=("mtp.layers.0.hnorm.weight",)),
        "mtp.join": Place(names=("mtp.layers.0.eh_proj.weight",)),
        "mtp.attention_norm": Place(names=("mtp.layers.0.norm.weight",)),
        "mtp.moe_norm": Place(names=("mtp.layers.1.norm.weight",)),
        "mtp.norm": Place(names=("mtp.layers.1.final_layernorm.weight",)),
        **{name: place for name, place in _layer_places("mtp", _ATTENTION_PART).items() if "attention" in name},
        **{name: place for name, place in _layer_places("mtp", _MOE_PART).items() if "moe" in name},
    },
)

_GGUF_LAYER: dict[str, Place] = {
    "attention.q": Place(names=("attn_q.weight",)),
    "attention.k": Place(names=("attn_k.weight",)),
    "attention.v": Place(names=("attn_v.weight",)),
    "attention.output": Place(names=("attn_output.weight",)),
    "mlp.up": Place(names=("ffn_up.weight",)),
    "mlp.down": Place(names=("ffn_down.weight",)),
    "moe.router": Place(names=("ffn_gate_inp.weight",)),
    "moe.router_bias": Place(names=("exp_probs_b.bias",)),
    "moe.experts.up": Place(names=("ffn_up_exps.weight",)),
    "moe.experts.down": Place(names=("ffn_down_exps.weight",)),
    "moe.shared.up": Place(names=("ffn_up_shexp.weight",)),
    "moe.shared.down": Place(names=("ffn_down_shexp.weight",)),
    "moe.to_latent": Place(names=("ffn_latent_down.weight",)),
    "moe.from_latent": Place(names=("ffn_latent_up.weight",)),
    "mamba.input": Place(names=("ssm_in.weight",)),
    "mamba.conv": Place(names=("ssm_conv1d.weight",), fits=without_ones),
    "mamba.conv_bias": Place(names=("ssm_conv1d.bias",)),
    "mamba.dt_bias": Place(names=("ssm_dt.bias",)),
    "mamba.a": Place(names=("ssm_a",), fits=without_ones),
    "mamba.d": Place(names=("ssm_d",), fits=without_ones),
    "mamba.norm": Place(names=("ssm_norm.weight",), fits=flattened),
    "mamba.output": Place(names=("ssm_out.weight",)),
}


def _gguf_places(ours: str, block: str) -> dict[str, Place]:
    return {f"{ours}.{name}": _prefixed(place, (f"{block}.",)) for name, place in _GGUF_LAYER.items()}


def nemotron_h_gguf(layers: int) -> Layout:
    """The layout of a GGUF file whose trunk has that many layers: the draft head is the block after them."""
    draft = f"blk.{layers}"
    return Layout(
        places={
            "embedding": Place(names=("token_embd.weight",)),
            "norm": Place(names=("output_norm.weight",)),
            "head": Place(names=("output.weight",)),
            "layers.{n}.norm": Place(names=("blk.{n}.attn_norm.weight",)),
            **_gguf_places("layers.{n}", "blk.{n}"),
            "mtp.embedding_norm": Place(names=(f"{draft}.nextn.enorm.weight",)),
            "mtp.hidden_norm": Place(names=(f"{draft}.nextn.hnorm.weight",)),
            "mtp.join": Place(names=(f"{draft}.nextn.eh_proj.weight",)),
            "mtp.attention_norm": Place(names=(f"{draft}.attn_norm.weight",)),
            "mtp.moe_norm": Place(names=(f"{draft}.post_attention_norm.weight", f"{draft}.ffn_norm.weight")),
            "mtp.norm": Place(names=(f"{draft}.nextn.shared_head_norm.weight",)),
            **_gguf_places("mtp", draft),
        },
    )
