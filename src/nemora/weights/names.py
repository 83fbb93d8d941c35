"""What tensors are called in each kind of file, as data. Left are the names in `models/`; `{n}` is a layer's number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one architecture lies in one kind of file.

    `ignored` are tensors that a file may have and a model does not need. `interleaved` maps tensors whose rows pair up
    for RoPE as (2i, 2i + 1) to the config field that counts their heads; models want pairs (i, i + head_dim / 2).
    """

    names: Mapping[str, str]
    ignored: tuple[str, ...] = ()
    interleaved: Mapping[str, str] = field(default_factory=dict)

    def file_name(self, name: str) -> str:
        """The name in the file of the model's tensor `name`."""
        pattern, number = _split(name)
        return self.names[pattern].replace("{n}", number)

    def heads_field(self, name: str) -> str | None:
        """The config field that counts the heads of an interleaved tensor; None for every other."""
        return self.interleaved.get(_split(name)[0])

    def is_ignored(self, file_name: str) -> bool:
        return _split(file_name)[0] in self.ignored


def _split(name: str) -> tuple[str, str]:
    """A name as its pattern and the layer's number in it: ("layers.{n}.mlp.up", "7")."""
    number = re.search(r"(?<=\.)\d+(?=\.)", name)
    if number is None:
        return name, ""
    return f"{name[: number.start()]}{{n}}{name[number.end() :]}", number.group()


LLAMA_HUGGING_FACE = Layout(
    names={
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
    },
    # Early transformers saved the RoPE frequencies, which follow from the config.
    ignored=("model.layers.{n}.self_attn.rotary_emb.inv_freq",),
)

LLAMA_GGUF = Layout(
    names={
        "embedding": "token_embd.weight",
        "layers.{n}.attention_norm": "blk.{n}.attn_norm.weight",
        "layers.{n}.attention.q": "blk.{n}.attn_q.weight",
        "layers.{n}.attention.k": "blk.{n}.attn_k.weight",
        "layers.{n}.attention.v": "blk.{n}.attn_v.weight",
        "layers.{n}.attention.output": "blk.{n}.attn_output.weight",
        "layers.{n}.mlp_norm": "blk.{n}.ffn_norm.weight",
        "layers.{n}.mlp.gate": "blk.{n}.ffn_gate.weight",
        "layers.{n}.mlp.up": "blk.{n}.ffn_up.weight",
        "layers.{n}.mlp.down": "blk.{n}.ffn_down.weight",
        "norm": "output_norm.weight",
        "head": "output.weight",
    },
    # Read with the config: it is the RoPE scaling.
    ignored=("rope_freqs.weight",),
    interleaved={"layers.{n}.attention.q": "heads", "layers.{n}.attention.k": "kv_heads"},
)
