from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from nemora.errors import CorruptCheckpoint, ModelError, UnsupportedCheckpoint
from nemora.ops.blocks import F32, StoredMatrix
from nemora.weights import memory
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from nemora.weights.read_matrix import split_halves
from tiny_llama import CONFIG, random_tensors, write_folder, write_gguf

TENSORS = random_tensors(CONFIG)
Q_PROJ = "model.layers.1.self_attn.q_proj.weight"


def load_folder(path: Path, tensors: dict[str, torch.Tensor], **config: Any) -> torch.Tensor:
    model = load_model(open_checkpoint(write_folder(path, CONFIG | config, tensors)))
    return model.forward(torch.tensor([[3, 4]]), model.new_state(2))


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptCheckpoint, match=f"lacks the tensor {Q_PROJ}"):
        load_folder(tmp_path, {name: tensor for name, tensor in TENSORS.items() if name != Q_PROJ})


def test_a_wrong_shape_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptCheckpoint, match=rf"{Q_PROJ} .*\[4, 4\].*\[192, 96\]"):
        load_folder(tmp_path, TENSORS | {Q_PROJ: torch.zeros(4, 4)})


def test_an_unknown_tensor_is_named(tmp_path: Path) -> None:
    bias = Q_PROJ.replace("weight", "bias")
    with pytest.raises(UnsupportedCheckpoint, match=bias):
        load_folder(tmp_path, TENSORS | {bias: torch.zeros(192)})


def test_old_rope_buffers_change_nothing(tmp_path: Path) -> None:
    expected = load_folder(tmp_path / "a", TENSORS)
    buffer = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(16)}
    assert torch.equal(load_folder(tmp_path / "b", TENSORS | buffer), expected)


def test_a_tied_head_may_be_stored_if_it_is_the_embedding(tmp_path: Path) -> None:
    embedding = TENSORS["model.embed_tokens.weight"]
    without = {name: tensor for name, tensor in TENSORS.items() if name != "lm_head.weight"}
    expected = load_folder(tmp_path / "a", without, tie_word_embeddings=True)
    copied = TENSORS | {"lm_head.weight": embedding.clone()}
    assert torch.equal(load_folder(tmp_path / "b", copied, tie_word_embeddings=True), expected)
    with pytest.raises(CorruptCheckpoint, match=r"lm_head\.weight"):
        load_folder(tmp_path / "c", TENSORS, tie_word_embeddings=True)


def test_an_untied_head_that_is_missing_is_not_made_up(tmp_path: Path) -> None:
    with pytest.raises(CorruptCheckpoint, match=r"lacks the tensor lm_head\.weight"):
        load_folder(tmp_path, {name: tensor for name, tensor in TENSORS.items() if name != "lm_head.weight"})


@pytest.mark.parametrize("kind", ["folder", "gguf"])
def test_another_architecture_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        path = write_folder(tmp_path, CONFIG | {"model_type": "mamba"}, TENSORS)
    else:
        path = write_gguf(tmp_path / "m.gguf", CONFIG, TENSORS)
        path.write_bytes(path.read_bytes().replace(b"\5\0\0\0\0\0\0\0llama", b"\5\0\0\0\0\0\0\0mamba", 1))
    with pytest.raises(UnsupportedCheckpoint, match="architecture mamba"):
        load_model(open_checkpoint(path))


def test_progress_counts_every_stored_byte_once(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    checkpoint = open_checkpoint(write_gguf(tmp_path / "m.gguf", CONFIG, TENSORS, type="Q8_0"))
    load_model(checkpoint, progress=lambda done, total: calls.append((done, total)))
    stored = sum(info.stored_bytes for info in checkpoint.file.tensors.values())
    assert len(calls) > len(TENSORS) // 2  # q, k and v are one weight, and so are gate and up
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert calls[-1] == (stored, stored)
    assert {total for _, total in calls} == {stored}


def test_a_model_over_the_budget_keeps_its_stored_bytes_only(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(write_gguf(tmp_path / "m.gguf", CONFIG, TENSORS, type="Q8_0"))
    numbers = sum(tensor.numel() for tensor in TENSORS.values() if tensor.dim() == 2)
    stored, decoded = (
        load_model(checkpoint, decode_budget=4 * numbers - 1),
        load_model(checkpoint, decode_budget=4 * numbers),
    )
    assert stored.bytes == sum(info.stored_bytes for info in checkpoint.file.tensors.values())
    assert decoded.bytes > stored.bytes + 3 * numbers
    ids = torch.tensor([[3, 4, 5]])
    logits = [model.forward(ids, model.new_state(3)) for model in (stored, decoded)]
    torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-4)


def test_by_default_half_of_the_available_memory_may_hold_decoded_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = open_checkpoint(write_gguf(tmp_path / "m.gguf", CONFIG, TENSORS, type="Q8_0"))
    numbers = sum(tensor.numel() for tensor in TENSORS.values() if tensor.dim() == 2)
    monkeypatch.setattr("nemora.weights.load.MARGIN", 0)
    sizes = []
    for available in (8 * numbers, 8 * numbers - 2):
        monkeypatch.setattr("nemora.weights.load.available_memory", lambda device, size=available: size)
        sizes.append(load_model(checkpoint).bytes)
    assert sizes[0] > 3 * sizes[1]


def test_a_container_limit_counts_as_available_memory(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 400\ninactive_file 200\nactive_file 50\n")
    assert memory._cgroup_available(tmp_path) == 550
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._cgroup_available(tmp_path) > 1 << 60
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   12 kB\n")
    assert memory._system_available(tmp_path / "meminfo") == 12 * 1024
    assert memory._system_available(tmp_path / "gone") > 0


def test_frequency_factors_that_are_no_list_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", CONFIG, TENSORS, factors=[1.0] * 5000)
    with pytest.raises(CorruptCheckpoint, match=r"rope_freqs\.weight"):
        load_model(open_checkpoint(path))


def test_a_gguf_file_without_an_embedding_is_refused(tmp_path: Path) -> None:
    without = {name: tensor for name, tensor in TENSORS.items() if "embed" not in name}
    with pytest.raises(CorruptCheckpoint, match=r"token_embd\.weight"):
        load_model(open_checkpoint(write_gguf(tmp_path / "m.gguf", CONFIG, without)))


@pytest.mark.parametrize(("key", "value"), [("general.type", "adapter"), ("split.count", 2)])
def test_a_gguf_file_that_is_not_a_whole_model_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    path = write_gguf(tmp_path / "m.gguf", CONFIG, TENSORS, keys={key: value})
    with pytest.raises(UnsupportedCheckpoint, match=key):
        open_checkpoint(path)


def test_gguf_offers_its_tokenizer_and_template(tmp_path: Path) -> None:
    keys = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": ["a", "b"], "tokenizer.chat_template": "{{ 1 }}"}
    checkpoint = open_checkpoint(write_gguf(tmp_path / "m.gguf", CONFIG, TENSORS, keys=keys))
    assert checkpoint.tokenizer_metadata == keys
    assert (checkpoint.chat_template, checkpoint.kind, checkpoint.architecture) == ("{{ 1 }}", "gguf", "llama")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"tokenizer_config.json": {"chat_template": "one"}}, "one"),
        ({"tokenizer_config.json": {"chat_template": [{"name": "tools", "template": "t"}]}}, None),
        ({"tokenizer_config.json": {"chat_template": [{"name": "default", "template": "d"}]}}, "d"),
        ({"tokenizer_config.json": {"chat_template": "one"}, "chat_template.jinja": "two"}, "two"),
    ],
)
def test_a_folder_offers_its_tokenizer_and_template(
    tmp_path: Path, files: dict[str, Any], expected: str | None
) -> None:
    write_folder(tmp_path, CONFIG, TENSORS)
    for name, content in files.items():
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.chat_template == expected
    assert checkpoint.tokenizer_files == {name: tmp_path / name for name in files}


def test_a_template_of_a_form_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, CONFIG, TENSORS)
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": {"a": 1}}')
    with pytest.raises(UnsupportedCheckpoint, match="chat_template"):
        open_checkpoint(tmp_path)


def test_what_is_no_checkpoint_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "pickled.pt").write_bytes(pickle.dumps({"a": 1}) + b"\0" * 100)
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "gone", tmp_path / "empty", tmp_path / "pickled.pt"):
        with pytest.raises(ModelError) as caught:
            open_checkpoint(path)
        assert caught.value.message.endswith(".")


def test_rows_that_are_put_in_another_order_keep_the_factor_of_their_matrix() -> None:
    """GGUF files with NVFP4 have one beside each matrix, those whose rows pair up for RoPE too."""
    rows = torch.arange(8.0).view(8, 1)
    halves = split_halves(StoredMatrix(F32, rows.view(torch.uint8), scale=3.0), heads=2)
    assert halves.decode().flatten().tolist() == [0, 6, 3, 9, 12, 18, 15, 21]
