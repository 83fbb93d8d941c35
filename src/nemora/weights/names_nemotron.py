"""Names of the tensors of Nemotron-4 and Minitron."""

from __future__ import annotations

from torch import Tensor

from nemora.weights.names import Layout, Place, plain


def _minus_1(weight: Tensor) -> Tensor:
    """GGUF files hold a norm's factor itself."""
    return weight - 1


def _plus_1(kept: Tensor) -> Tensor:
    return kept + 1


NEMOTRON_HUGGING_FACE = Layout(
    places=plain(
        {
            "embedding": "model.embed_tokens.weight",
            "layers.{n}.attention_norm": "model.layers.{n}.input_layernorm.weight",
            "layers.{n}.attention_norm_bias": "model.layers.{n}.input_layernorm.bias",
            "layers.{n}.attention.q": "model.layers.{n}.self_attn.q_proj.weight",
            "layers.{n}.attention.k": "model.layers.{n}.self_attn.k_proj.weight",
            "layers.{n}.attention.v": "model.layers.{n}.self_attn.v_proj.weight",
            "layers.{n}.attention.output": "model.layers.{n}.self_attn.o_proj.weight",
            "layers.{n}.mlp_norm": "model.layers.{n}.post_attention_layernorm.weight",
            "layers.{n}.mlp_norm_bias": "model.layers.{n}.post_attention_layernorm.bias",
            "layers.{n}.mlp.up": "model.layers.{n}.mlp.up_proj.weight",
            "layers.{n}.mlp.down": "model.layers.{n}.mlp.down_proj.weight",
            "norm": "model.norm.weight",
            "norm_bias": "model.norm.bias",
            "head": "lm_head.weight",
        }
    ),
    # Early transformers saved the RoPE frequencies, which follow from the config.
    ignored=("model.layers.{n}.self_attn.rotary_emb.inv_freq",),
)

NEMOTRON_GGUF = Layout(
    places={
        **plain(
            {
                "embedding": "token_embd.weight",
                "layers.{n}.attention_norm_bias": "blk.{n}.attn_norm.bias",
                "layers.{n}.attention.q": "blk.{n}.attn_q.weight",
                "layers.{n}.attention.k": "blk.{n}.attn_k.weight",
                "layers.{n}.attention.v": "blk.{n}.attn_v.weight",
                "layers.{n}.attention.output": "blk.{n}.attn_output.weight",
                "layers.{n}.mlp_norm_bias": "blk.{n}.ffn_norm.bias",
                "layers.{n}.mlp.up": "blk.{n}.ffn_up.weight",
                "layers.{n}.mlp.down": "blk.{n}.ffn_down.weight",
                "norm_bias": "output_norm.bias",
                "head": "output.weight",
            }
        ),
        "layers.{n}.attention_norm": Place(names=("blk.{n}.attn_norm.weight",), convert=_minus_1, restore=_plus_1),
        "layers.{n}.mlp_norm": Place(names=("blk.{n}.ffn_norm.weight",), convert=_minus_1, restore=_plus_1),
        "norm": Place(names=("output_norm.weight",), convert=_minus_1, restore=_plus_1),
    },
)
