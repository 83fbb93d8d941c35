"""Names of the BERT architecture's tensors."""

from __future__ import annotations

from nemora.weights.names import Layout, Place

_LAYER = "encoder.layer.{n}"
_MODULES = {
    "norm": "embeddings.LayerNorm",
    "layers.{n}.attention.q": f"{_LAYER}.attention.self.query",
    "layers.{n}.attention.k": f"{_LAYER}.attention.self.key",
    "layers.{n}.attention.v": f"{_LAYER}.attention.self.value",
    "layers.{n}.attention.output": f"{_LAYER}.attention.output.dense",
    "layers.{n}.attention_norm": f"{_LAYER}.attention.output.LayerNorm",
    "layers.{n}.mlp.up": f"{_LAYER}.intermediate.dense",
    "layers.{n}.mlp.down": f"{_LAYER}.output.dense",
    "layers.{n}.mlp_norm": f"{_LAYER}.output.LayerNorm",
}
_NAMES = {
    "words": "embeddings.word_embeddings.weight",
    "positions": "embeddings.position_embeddings.weight",
    "segments": "embeddings.token_type_embeddings.weight",
    **{ours: f"{theirs}.weight" for ours, theirs in _MODULES.items()},
    **{f"{ours}_bias": f"{theirs}.bias" for ours, theirs in _MODULES.items()},
}
_IGNORED = ("pooler.dense.weight", "pooler.dense.bias")

BERT_HUGGING_FACE = Layout(
    places={ours: Place(names=(theirs, f"bert.{theirs}")) for ours, theirs in _NAMES.items()},
    ignored=(*_IGNORED, *(f"bert.{name}" for name in _IGNORED)),
)
"""The pooler is for another task."""
