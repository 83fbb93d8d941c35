from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nemora.errors import UnsupportedCheckpoint
from nemora.models.base import Model
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from tiny_llama import write_folder
from tiny_nemotron import CONFIG, random_tensors, write_gguf

LENGTH = 40


def load(path: Path, config: dict[str, Any], tensors: dict[str, Tensor]) -> Model:
    return load_model(open_checkpoint(write_folder(path, config, tensors)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(tmp_path_factory.mktemp("nemotron"), CONFIG, random_tensors(CONFIG))


def ids(length: int, batch: int = 1) -> Tensor:
    return torch.randint(0, CONFIG["vocab_size"], (batch, length), generator=torch.Generator().manual_seed(length))


def read(model: Model, text: Tensor) -> Tensor:
    with torch.inference_mode():
        return model.forward(text, model.new_state(text.shape[1], batch=text.shape[0]))


@settings(max_examples=10, deadline=None)
@given(cuts=st.sets(st.integers(1, LENGTH - 1), max_size=8))
def test_reading_in_any_pieces_equals_reading_at_once(model: Model, cuts: set[int]) -> None:
    assert_pieces_are_the_whole(model, [*sorted(cuts), LENGTH])


def test_reading_token_by_token_equals_reading_at_once(model: Model) -> None:
    assert_pieces_are_the_whole(model, list(range(1, LENGTH + 1)))


def assert_pieces_are_the_whole(model: Model, ends: list[int]) -> None:
    text = ids(LENGTH, batch=2)
    expected = read(model, text)
    state = model.new_state(LENGTH, batch=2)
    starts = [0, *ends[:-1]]
    with torch.inference_mode():
        pieces = [model.forward(text[:, start:end], state) for start, end in zip(starts, ends, strict=True)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), expected, rtol=1e-4, atol=1e-4)


def test_last_only_gives_the_last_position(model: Model) -> None:
    with torch.inference_mode():
        last = model.forward(ids(9), model.new_state(9), last_only=True)
    torch.testing.assert_close(last, read(model, ids(9))[:, -1:])


@pytest.mark.parametrize(
    "changes",
    [{}, {"tie_word_embeddings": True}, {"head_dim": 40}, {"partial_rotary_factor": 1.0}],
    ids=["untied", "tied", "wide heads", "all turned"],
)
def test_a_gguf_file_of_the_same_weights_is_the_same_model(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = CONFIG | changes
    tensors = random_tensors(config)
    folder = load(tmp_path / "folder", config, tensors)
    file = load_model(open_checkpoint(write_gguf(tmp_path / "nemotron.gguf", config, tensors)))
    expected = read(folder, ids(LENGTH))
    assert (read(file, ids(LENGTH)) - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_quantised_gguf_file_is_nearly_the_same_model(tmp_path: Path, model: Model) -> None:
    file = load_model(open_checkpoint(write_gguf(tmp_path / "q8.gguf", CONFIG, random_tensors(CONFIG), type="Q8_0")))
    difference = (read(file, ids(LENGTH)) - read(model, ids(LENGTH))).norm() / read(model, ids(LENGTH)).norm()
    assert 1e-4 < difference < 0.05


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("model.layers.0.self_attn.q_proj.bias", (96,)),
        ("model.layers.1.mlp.gate_proj.weight", (160, 96)),
        ("model.layers.2.mlp.down_proj.bias", (96,)),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "gguf"])
def test_a_tensor_that_would_change_the_maths_is_refused(
    tmp_path: Path, kind: str, name: str, shape: tuple[int, ...]
) -> None:
    tensors = random_tensors(CONFIG) | {name: torch.ones(shape)}
    write = write_folder if kind == "folder" else write_gguf
    with pytest.raises(UnsupportedCheckpoint, match="no place"):
        load_model(open_checkpoint(write(tmp_path / "extra", CONFIG, tensors)))
