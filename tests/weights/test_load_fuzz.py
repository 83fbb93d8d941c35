"""However a checkpoint is damaged, it works or is refused in one sentence. The published layouts, quantised ones too."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutate import Entry, damaged_bytes, damaged_folder, damaged_gguf, gguf_bytes

import tiny_llama
import tiny_nemotron
import tiny_nemotron_h
import tiny_nemotron_nas
from modelopt_folder import write_modelopt_folder
from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.weights.check import check_path
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.gguf import TYPE_NAMES, GGUFFile
from nemora.weights.load import load_model, plan_loading
from tiny_llama import write_folder

LLAMA = tiny_llama.CONFIG | {
    "num_hidden_layers": 1,
    "vocab_size": 32,
    "hidden_size": 32,
    "num_attention_heads": 2,
    "head_dim": 16,
    "num_key_value_heads": 1,
    "intermediate_size": 32,
}
HYBRID = (
    tiny_nemotron_h.CONFIG
    | tiny_nemotron_h.MTP
    | {
        "hybrid_override_pattern": "ME*-",
        "num_hidden_layers": 4,
        "vocab_size": 32,
        "hidden_size": 32,
        "intermediate_size": 32,
        "mamba_num_heads": 2,
        "mamba_head_dim": 8,
        "n_groups": 1,
        "ssm_state_size": 8,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "n_routed_experts": 2,
        "num_experts_per_tok": 1,
        "moe_intermediate_size": 16,
        "moe_latent_size": 16,
        "moe_shared_expert_intermediate_size": 16,
    }
)
Seeds = st.integers(0, 2**32)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def llama_in_shards(path: Path) -> Path:
    return write_folder(path, LLAMA, tiny_llama.random_tensors(LLAMA), shards=2)


def hybrid(path: Path) -> Path:
    return write_folder(path, HYBRID, tiny_nemotron_h.random_tensors(HYBRID))


def saved_again(path: Path) -> Path:
    tensors = tiny_nemotron_h.saved_again(tiny_nemotron_h.random_tensors(HYBRID))
    kinds = ["linear_attention", "moe", "full_attention", "mlp"]
    config = {key: value for key, value in HYBRID.items() if key != "hybrid_override_pattern"}
    return write_folder(path, config | {"layer_types": kinds}, tensors)


def quantised(path: Path) -> Path:
    return write_modelopt_folder(path, HYBRID, tiny_nemotron_h.random_tensors(HYBRID))


def quantised_in_config(path: Path) -> Path:
    tensors = tiny_nemotron_h.random_tensors(HYBRID)
    return write_modelopt_folder(path, HYBRID, tensors, declared_in="config.json")


def quantised_by_default(path: Path) -> Path:
    """FP8 for all but what is excluded, by name and by pattern."""
    choice = lambda module: "FP8" if module.endswith(("up_proj", "down_proj")) else None  # noqa: E731
    folder = write_modelopt_folder(path, LLAMA, tiny_llama.random_tensors(LLAMA), choice)
    excluded = ["lm_head", "model.layers.0.self_attn*", "*gate_proj"]
    said = {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "group_size": None, "exclude_modules": excluded}
    (folder / "hf_quant_config.json").write_text(json.dumps({"quantization": said}))
    return folder


def dense(path: Path) -> Path:
    return write_folder(path, tiny_nemotron.CONFIG, tiny_nemotron.random_tensors(tiny_nemotron.CONFIG))


def decilm(path: Path) -> Path:
    return write_folder(path, tiny_nemotron_nas.CONFIG, tiny_nemotron_nas.random_tensors(tiny_nemotron_nas.CONFIG))


FOLDERS = (llama_in_shards, hybrid, saved_again, quantised, quantised_in_config, quantised_by_default, dense, decilm)


def works(path: Path) -> None:
    checkpoint = open_checkpoint(path)
    list(plan_loading(checkpoint).problems())
    model = load_model(checkpoint, decode_budget=0, mtp=True, simulate_activations=True)
    ids = torch.arange(3)[None] % model.config.vocab_size
    with torch.inference_mode():
        assert model.forward(ids, model.new_state(3)).shape == (1, 3, model.config.vocab_size)


def works_or_says_why(path: Path) -> str:
    problems = check_path(path).problems
    message = "It works."
    try:
        works(path)
    except (CorruptCheckpoint, UnsupportedCheckpoint) as error:
        message = error.message
    assert message.endswith(".")
    assert message.isprintable()
    assert len(message) < 600
    assert message != "It works." or not problems
    assert all(problem.message.endswith(".") and problem.message.isprintable() for problem in problems)
    return message


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda write: write.__name__)
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    write: Callable[[Path], Path] = request.param
    folder = write(tmp_path_factory.mktemp("folder"))
    works(folder)
    return contents(folder)


@settings(max_examples=120, deadline=None)
@given(seed=Seeds)
def test_a_damaged_folder_works_or_says_why(seed: int, files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        works_or_says_why(damaged_folder(seed, files, Path(folder)))


WIDE = HYBRID | {
    "hidden_size": 64,
    "mamba_head_dim": 16,
    "moe_intermediate_size": 32,
    "moe_latent_size": 32,
    "moe_shared_expert_intermediate_size": 32,
}


def hybrid_gguf(path: Path, type: str) -> Path:
    return tiny_nemotron_h.write_gguf(path, WIDE, tiny_nemotron_h.random_tensors(WIDE), type=type)


def llama_gguf(path: Path, type: str) -> Path:
    return tiny_llama.write_gguf(path, LLAMA, tiny_llama.random_tensors(LLAMA), type=type, factors=[1.0] * 8)


def dense_gguf(path: Path, type: str) -> Path:
    config = tiny_nemotron.CONFIG
    return tiny_nemotron.write_gguf(path, config, tiny_nemotron.random_tensors(config), type=type)


def decilm_gguf(path: Path, type: str) -> Path:
    config = tiny_nemotron_nas.CONFIG
    return tiny_nemotron_nas.write_gguf(path, config, tiny_nemotron_nas.random_tensors(config), type=type)


GGUF = [
    (hybrid_gguf, "F32"),
    (hybrid_gguf, "Q8_0"),
    (llama_gguf, "Q8_0"),
    (dense_gguf, "F32"),
    (decilm_gguf, "F32"),
]


@pytest.fixture(scope="module", params=GGUF, ids=lambda case: f"{case[0].__name__}-{case[1]}")
def gguf_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    write, type = request.param
    path: Path = write(tmp_path_factory.mktemp("gguf") / "m.gguf", type)
    works(path)
    return path


def parts_of(path: Path) -> tuple[dict[str, Any], list[Entry]]:
    """The metadata and tensors of a GGUF file."""
    file = GGUFFile(path)
    numbers = {name: number for number, name in TYPE_NAMES.items()}
    tensors = [
        (name, list(info.shape[::-1]), numbers[info.format.name], file.read(name).data.numpy().tobytes())
        for name, info in file.tensors.items()
    ]
    return dict(file.metadata), tensors


@settings(max_examples=100, deadline=None)
@given(seed=Seeds)
def test_a_gguf_file_with_damaged_bytes_works_or_says_why(seed: int, gguf_file: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.gguf"
        path.write_bytes(damaged_bytes(seed, gguf_file.read_bytes(), header=4500))
        works_or_says_why(path)


@settings(max_examples=150, deadline=None)
@given(seed=Seeds)
def test_a_gguf_file_that_holds_something_else_works_or_says_why(seed: int, gguf_file: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.gguf"
        path.write_bytes(damaged_gguf(seed, *parts_of(gguf_file)))
        works_or_says_why(path)


def test_the_files_that_are_changed_are_those_that_were_written(gguf_file: Path, tmp_path: Path) -> None:
    again = tmp_path / "m.gguf"
    again.write_bytes(gguf_bytes(*parts_of(gguf_file)))
    works(again)
    assert parts_of(again) == parts_of(gguf_file)
