"""Names of the Llama architecture's tensors."""

from __future__ import annotations

from nemora.weights.names import Layout, Place, plain

LLAMA_HUGGING_FACE = Layout(
    places=plain(
        {
            "embedding": "model.embed_tokens.weight",
            "layers.{n}.attention_norm": "model.layers.{n}.input_layernorm.weight",
            "layers.{n}.attention.q": "model.layers.{n}.self_attn.q_proj.weight",
            "layers.{n}.attention.k": "model.layers.{n}.self_attn.k_proj.weight",
            "layers.{n}.attention.v": "model.layers.{n}.self_attn.v_proj.weight",
            "layers.{n}.attention.output": "model.layers.{n}.self_attn.o_proj.weight",
            "layers.{n}.mlp_norm": "model.layers.{n}.post_attention_layernorm.weight",
            "layers.{n}.mlp.gate": "model.layers.{n}.mlp.gate_proj.weight",
            "layers.{n}.mlp.up": "model.layers.{n}.mlp.up_proj.weight",
            "layers.{n}.mlp.down": "model.layers.{n}.mlp.down_proj.weight",
            "norm": "model.norm.weight",
            "head": "lm_head.weight",
        }
    ),
    # Early transformers saved the RoPE frequencies, which follow from the config.
    ignored=("model.layers.{n}.self_attn.rotary_emb.inv_freq",),
)

_ENCODER = {ours: place.names[0] for ours, place in LLAMA_HUGGING_FACE.places.items() if ours != "head"}
LLAMA_ENCODER = Layout(
    # Saved as a bare model its names have no first word; saved inside another they have it.
    places={ours: Place(names=(theirs.removeprefix("model."), theirs)) for ours, theirs in _ENCODER.items()},
    ignored=("layers.{n}.self_attn.rotary_emb.inv_freq", *LLAMA_HUGGING_FACE.ignored),
)
"""LlamaBidirectionalModel: it has no output matrix."""


def llama_gguf(head_dim: int) -> Layout:
    """The layout of a GGUF file: q and k are interleaved."""
    return Layout(
        places={
            **plain(
                {
                    "embedding": "token_embd.weight",
                    "layers.{n}.attention_norm": "blk.{n}.attn_norm.weight",
                    "layers.{n}.attention.v": "blk.{n}.attn_v.weight",
                    "layers.{n}.attention.output": "blk.{n}.attn_output.weight",
                    "layers.{n}.mlp_norm": "blk.{n}.ffn_norm.weight",
                    "layers.{n}.mlp.gate": "blk.{n}.ffn_gate.weight",
                    "layers.{n}.mlp.up": "blk.{n}.ffn_up.weight",
                    "layers.{n}.mlp.down": "blk.{n}.ffn_down.weight",
                    "norm": "output_norm.weight",
                    "head": "output.weight",
                }
            ),
            "layers.{n}.attention.q": Place(names=("blk.{n}.attn_q.weight",), interleaved=head_dim),
            "layers.{n}.attention.k": Place(names=("blk.{n}.attn_k.weight",), interleaved=head_dim),
        },
        # Read with the config: it is the RoPE scaling.
        ignored=("rope_freqs.weight",),
    )
