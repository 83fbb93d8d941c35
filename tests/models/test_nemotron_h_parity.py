"""The hybrids compute what transformers computes, on random weights in fp32.

transformers limits Δ from below by `time_step_min` on its chunked path, and only there; no published model was made
so. The comparison sets it to 0, which makes that limit none.
"""

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
from tiny_nemotron_h import CONFIG, LATENT, random_tensors, saved_again

transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.filterwarnings("ignore:`past_key_values` is deprecated:FutureWarning")  # in some versions

TOLERANCE = 1e-4  # of the largest logit
CASES = {
    "every kind of layer": {},
    "dense": {"hybrid_override_pattern": "M-M*-MM-", "num_hidden_layers": 8},
    "latent experts": LATENT,
    "shares not normalised": {"norm_topk_prob": False, "routed_scaling_factor": 1.0},
    "one group": {"n_groups": 1},
    "attention first": {"hybrid_override_pattern": "*EM*", "num_hidden_layers": 4},
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Any]:
    """Our model and theirs, of one folder."""
    config = CONFIG | request.param
    folder = write_folder(tmp_path_factory.mktemp("hybrid"), config, random_tensors(config))
    return load_model(open_checkpoint(folder)), their_model(folder)


def their_model(folder: Path) -> Any:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, time_step_min=0.0)
    return model.eval()


def ids(length: int, batch: int = 1) -> Tensor:
    return torch.randint(3, CONFIG["vocab_size"], (batch, length), generator=torch.Generator().manual_seed(length))


def assert_equal(ours: Tensor, theirs: Tensor) -> None:
    assert (ours - theirs).abs().max() <= TOLERANCE * theirs.abs().max()


@torch.inference_mode()
def test_prefill_is_that_of_transformers(pair: tuple[Model, Any]) -> None:
    ours, theirs = pair
    for length in (1, 2, 15, 16, 17, 40):
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


@torch.inference_mode()
def test_a_sequence_alone_is_what_it_is_padded_in_a_batch_of_transformers(pair: tuple[Model, Any]) -> None:
    ours, theirs = pair
    texts = [ids(length)[0] for length in (19, 7, 12)]
    padded = torch.stack([torch.cat((torch.zeros(19 - len(text), dtype=torch.int64), text)) for text in texts])
    mask = torch.stack([torch.arange(19) >= 19 - len(text) for text in texts]).long()
    logits = theirs(padded, attention_mask=mask, use_cache=False).logits
    for row, text in enumerate(texts):
        assert_equal(ours.forward(text[None], ours.new_state(len(text)))[0], logits[row, -len(text) :])


@torch.inference_mode()
def test_what_transformers_saves_again_loads_and_is_the_same(tmp_path: Path) -> None:
    config = CONFIG | LATENT
    folder = write_folder(tmp_path / "first", config, random_tensors(config))
    theirs = their_model(folder)
    theirs.save_pretrained(tmp_path / "again")
    first, again = (load_model(open_checkpoint(path)) for path in (folder, tmp_path / "again"))
    text = ids(20)
    # Not to the bit: where a tensor lies in its file decides which kernel multiplies it.
    torch.testing.assert_close(first.forward(text, first.new_state(20)), again.forward(text, again.new_state(20)))


@torch.inference_mode()
def test_stacked_experts_under_the_other_prefix_are_the_same_model(tmp_path: Path) -> None:
    tensors = random_tensors(CONFIG)
    first = load_model(open_checkpoint(write_folder(tmp_path / "first", CONFIG, tensors)))
    again = load_model(open_checkpoint(write_folder(tmp_path / "again", CONFIG, saved_again(tensors))))
    text = ids(20)
    # Not to the bit: where a tensor lies in its file decides which kernel multiplies it.
    torch.testing.assert_close(first.forward(text, first.new_state(20)), again.forward(text, again.new_state(20)))
