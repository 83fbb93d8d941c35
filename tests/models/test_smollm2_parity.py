"""The starter model's logits against those of transformers, stored by tests/golden/make_smollm2_reference.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nemora.models.base import Model
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.load import load_model
from starter import needs_starter

REFERENCE = Path(__file__).parent.parent / "golden" / "smollm2_reference.npz"
PROMPTS = ["chat", "prose", "code", "scripts", "numbers", "repeats", "space", "one", "long"]
TOLERANCE = 1e-3

pytestmark = needs_starter


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    with np.load(REFERENCE, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def model(starter_checkpoint: Checkpoint) -> Model:
    return load_model(starter_checkpoint, decode_budget=1 << 40)


def error(found: torch.Tensor, expected: np.ndarray) -> float:
    wanted = torch.from_numpy(expected)
    return float(((found - wanted).abs() / wanted.abs().clamp(min=1)).max())


def assert_agrees(logits: torch.Tensor, prompt: str, reference: dict[str, np.ndarray]) -> None:
    """`logits` [seq, vocab] at every position of `prompt`."""
    rows = logits[torch.from_numpy(reference[f"{prompt}.positions"]).long()]
    top_ids = torch.from_numpy(reference[f"{prompt}.top_ids"]).long()
    assert (
        error(rows[:, torch.from_numpy(reference["chosen"]).long()], reference[f"{prompt}.chosen_logits"]) < TOLERANCE
    )
    assert error(rows.gather(1, top_ids), reference[f"{prompt}.top_logits"]) < TOLERANCE
    assert error(rows.logsumexp(-1), reference[f"{prompt}.logsumexp"]) < TOLERANCE
    assert error(rows.norm(dim=-1), reference[f"{prompt}.norm"]) < TOLERANCE
    margin = torch.from_numpy(reference[f"{prompt}.top_logits"])
    clear = margin[:, 0] - margin[:, 1] > 2 * TOLERANCE
    assert torch.equal(rows.argmax(-1)[clear], top_ids[clear, 0])


def prompt_ids(prompt: str, reference: dict[str, np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(reference[f"{prompt}.ids"]).long()[None]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_position_agrees_with_transformers(model: Model, reference: dict[str, np.ndarray], prompt: str) -> None:
    ids = prompt_ids(prompt, reference)
    with torch.inference_mode():
        logits = model.forward(ids, model.new_state(ids.shape[1]))
    assert_agrees(logits[0], prompt, reference)


def test_token_by_token_agrees_with_transformers(model: Model, reference: dict[str, np.ndarray]) -> None:
    ids = prompt_ids("chat", reference)
    state = model.new_state(ids.shape[1])
    with torch.inference_mode():
        logits = torch.cat([model.forward(id, state) for id in ids.split(1, dim=1)], dim=1)
    assert_agrees(logits[0], "chat", reference)


def test_without_memory_for_decoded_copies_it_agrees_too(
    starter_checkpoint: Checkpoint, reference: dict[str, np.ndarray]
) -> None:
    model = load_model(starter_checkpoint, decode_budget=0)
    ids = prompt_ids("space", reference)
    with torch.inference_mode():
        logits = model.forward(ids, model.new_state(ids.shape[1]))
    assert model.bytes < 120_000_000
    assert_agrees(logits[0], "space", reference)
