from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from nemora.models.inventory import Inventory, take_inventory
from nemora.models.llama import Llama
from nemora.models.llama_config import llama_config_from_hugging_face
from nemora.models.nemotron_h import NemotronH
from nemora.models.nemotron_h_config import nemotron_h_config_from_hugging_face
from nemora.weights.names import Layout
from nemora.weights.names_llama import LLAMA_HUGGING_FACE, llama_gguf
from nemora.weights.names_nemotron_h import NEMOTRON_H_HUGGING_FACE, nemotron_h_gguf
from tiny_llama import CONFIG, gguf_name, random_tensors
from tiny_nemotron_h import CONFIG as HYBRID
from tiny_nemotron_h import LATENT, MTP, gguf_tensors, saved_again
from tiny_nemotron_h import random_tensors as hybrid_tensors

LLAMA = take_inventory(partial(Llama, llama_config_from_hugging_face(CONFIG)))[1]
LLAMA_GGUF = llama_gguf(head_dim=32)


def hybrid_inventory(config: dict[str, Any], *, mtp: bool) -> Inventory:
    return take_inventory(partial(NemotronH, nemotron_h_config_from_hugging_face(config), mtp=mtp))[1]


def file_names(layout: Layout, inventory: Inventory, there: set[str]) -> set[str]:
    """Every name under which the layout looks for the model's tensors in a file that has `there`."""
    names = {layout.file_name(name, there) for name in (*inventory.matrices, *inventory.tensors)}
    for name, (count, _, _) in inventory.experts.items():
        names |= {layout.file_name(name, there, expert) for expert in range(count)}
    return names


def test_every_tensor_of_a_llama_has_its_published_name() -> None:
    published = set(random_tensors(CONFIG))
    assert file_names(LLAMA_HUGGING_FACE, LLAMA, published) == published
    in_gguf = {gguf_name(name) for name in published}
    assert file_names(LLAMA_GGUF, LLAMA, in_gguf) == in_gguf


@pytest.mark.parametrize("mtp", [False, True])
@pytest.mark.parametrize("changes", [{}, LATENT], ids=["experts", "latent experts"])
def test_every_tensor_of_a_hybrid_has_its_published_names(changes: dict[str, Any], mtp: bool) -> None:
    config = HYBRID | changes | (MTP if mtp else {})
    inventory, tensors = hybrid_inventory(config, mtp=mtp), hybrid_tensors(config)
    assert file_names(NEMOTRON_H_HUGGING_FACE, inventory, set(tensors)) == set(tensors)
    in_gguf = set(gguf_tensors(config, tensors))
    assert file_names(nemotron_h_gguf(len(config["hybrid_override_pattern"])), inventory, in_gguf) == in_gguf
    again = set(saved_again(tensors))
    assert file_names(NEMOTRON_H_HUGGING_FACE, hybrid_inventory(config, mtp=False), again) == again


def test_a_layers_number_is_kept() -> None:
    assert LLAMA_GGUF.file_name("layers.17.mlp.up", ()) == "blk.17.ffn_up.weight"
    assert LLAMA_HUGGING_FACE.file_name("layers.0.attention.q", ()) == "model.layers.0.self_attn.q_proj.weight"


def test_only_queries_and_keys_are_interleaved_in_gguf() -> None:
    interleaved = {name for name in LLAMA.matrices if LLAMA_GGUF.place(name).interleaved}
    assert interleaved == {f"layers.{index}.attention.{part}" for index in (0, 1) for part in "qk"}
    assert LLAMA_GGUF.place("layers.1.attention.k").interleaved == 32
    assert not any(LLAMA_HUGGING_FACE.place(name).interleaved for name in LLAMA.matrices)


def test_old_rope_buffers_are_ignored_and_nothing_else() -> None:
    assert LLAMA_HUGGING_FACE.is_ignored("model.layers.12.self_attn.rotary_emb.inv_freq")
    assert not LLAMA_HUGGING_FACE.is_ignored("model.layers.12.self_attn.q_proj.bias")
    assert not LLAMA_HUGGING_FACE.is_ignored("model.layers.x.self_attn.rotary_emb.inv_freq")
