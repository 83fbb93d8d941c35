from __future__ import annotations

from nemora.models.config import llama_config_from_hugging_face
from nemora.models.llama import llama_shapes
from nemora.weights.names import LLAMA_GGUF, LLAMA_HUGGING_FACE
from tiny_llama import CONFIG, gguf_name, random_tensors

SHAPES = llama_shapes(llama_config_from_hugging_face(CONFIG))


def test_every_tensor_of_the_model_has_its_published_name() -> None:
    published = {name: tuple(tensor.shape) for name, tensor in random_tensors(CONFIG).items()}
    assert {LLAMA_HUGGING_FACE.file_name(name): shape for name, shape in SHAPES.items()} == published
    assert {LLAMA_GGUF.file_name(name) for name in SHAPES} == {gguf_name(name) for name in published}


def test_a_layers_number_is_kept() -> None:
    assert LLAMA_GGUF.file_name("layers.17.mlp.up") == "blk.17.ffn_up.weight"
    assert LLAMA_HUGGING_FACE.file_name("layers.0.attention.q") == "model.layers.0.self_attn.q_proj.weight"


def test_only_queries_and_keys_are_interleaved_in_gguf() -> None:
    interleaved = {name for name in SHAPES if LLAMA_GGUF.heads_field(name)}
    assert interleaved == {f"layers.{index}.attention.{part}" for index in (0, 1) for part in "qk"}
    assert LLAMA_GGUF.heads_field("layers.1.attention.k") == "kv_heads"
    assert not any(LLAMA_HUGGING_FACE.heads_field(name) for name in SHAPES)


def test_old_rope_buffers_are_ignored_and_nothing_else() -> None:
    assert LLAMA_HUGGING_FACE.is_ignored("model.layers.12.self_attn.rotary_emb.inv_freq")
    assert not LLAMA_HUGGING_FACE.is_ignored("model.layers.12.self_attn.q_proj.bias")
    assert not LLAMA_HUGGING_FACE.is_ignored("model.layers.x.self_attn.rotary_emb.inv_freq")
