"""Nemotron-4's architecture computes what transformers computes, on random weights in fp32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nemora.models.base import Model
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from tiny_llama import write_folder
from tiny_nemotron import CONFIG, random_tensors

transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.filterwarnings("ignore:`past_key_values` is deprecated:FutureWarning")  # in some versions

TOLERANCE = 1e-4  # of the largest logit
CASES: dict[str, dict[str, Any]] = {
    "as published": {},
    "tied": {"tie_word_embeddings": True},
    "heads wider than the hidden size": {"head_dim": 40},
    "a quarter is turned": {"partial_rotary_factor": 0.25},
    "all is turned": {"partial_rotary_factor": 1.0},
    "no shared heads": {"num_key_value_heads": 6},
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Any]:
    """Our model and theirs, of one folder."""
    config = CONFIG | request.param
    folder = write_folder(tmp_path_factory.mktemp("nemotron"), config, random_tensors(config))
    return load_model(open_checkpoint(folder)), their_model(folder)


def their_model(folder: Path) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def ids(length: int, batch: int = 1) -> Tensor:
    return torch.randint(0, CONFIG["vocab_size"], (batch, length), generator=torch.Generator().manual_seed(length))


def assert_equal(ours: Tensor, theirs: Tensor) -> None:
    assert (ours - theirs).abs().max() <= TOLERANCE * theirs.abs().max()


@torch.inference_mode()
def test_prefill_is_that_of_transformers(pair: tuple[Model, Any]) -> None:
    ours, theirs = pair
    for length in (1, 2, 17, 100):
        text = ids(length)
        assert_equal(ours.forward(text, ours.new_state(length)), theirs(text, use_cache=False).logits)


@torch.inference_mode()
def test_each_decoded_token_is_that_of_transformers(pair: tuple[Model, Any]) -> None:
    ours, theirs = pair
    prompt, rest = ids(20), ids(6)
    state = ours.new_state(26)
    mine, yours = ours.forward(prompt, state), theirs(prompt, use_cache=True)
    assert_equal(mine, yours.logits)
    for token in rest.T:
        mine = ours.forward(token[None], state)
        yours = theirs(token[None], past_key_values=yours.past_key_values, use_cache=True)
        assert_equal(mine, yours.logits)


@torch.inference_mode()
def test_a_batch_is_that_of_transformers(pair: tuple[Model, Any]) -> None:
    ours, theirs = pair
    text = ids(18, batch=3)
    assert_equal(ours.forward(text, ours.new_state(18, batch=3)), theirs(text, use_cache=False).logits)


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES.keys())
@torch.inference_mode()
def test_what_transformers_saves_again_loads_and_is_the_same(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = CONFIG | changes
    folder = write_folder(tmp_path / "first", config, random_tensors(config))
    their_model(folder).save_pretrained(tmp_path / "again")
    first, again = (load_model(open_checkpoint(path)) for path in (folder, tmp_path / "again"))
    text = ids(20)
    assert torch.equal(first.forward(text, first.new_state(20)), again.forward(text, again.new_state(20)))
