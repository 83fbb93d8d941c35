"""Models compute in bf16 and fp16 what they compute in fp32, as far as so few digits go, and every step has one type.

CPUs and accelerators take the same path there but for the device; so mixed types are found without an accelerator.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nemora.models.llama import Llama
from nemora.models.llama_config import llama_config_from_hugging_face
from nemora.models.nemotron_h import NemotronH
from nemora.models.nemotron_h_config import nemotron_h_config_from_hugging_face
from nemora.weights.random_weights import RANDOM_FORMATS, RandomWeights
from tiny_llama import CONFIG as LLAMA
from tiny_llama import LLAMA3
from tiny_nemotron_h import CONFIG, LATENT, MTP

DIVERGENCE = {torch.bfloat16: 1e-2, torch.float16: 1e-4}  # mean of KL(fp32 ‖ low precision) over positions, in nats
MODELS: dict[str, dict[str, Any]] = {
    "every kind of layer": CONFIG,
    "latent experts": CONFIG | LATENT | MTP,
    "llama": LLAMA | {"vocab_size": 96, "rope_scaling": LLAMA3},
}


def build(config: dict[str, Any], dtype: torch.dtype, format: str = "BF16") -> NemotronH | Llama:
    weights = RandomWeights(format, dtype=dtype)
    if config["model_type"] == "llama":
        return Llama(llama_config_from_hugging_face(config), weights)
    return NemotronH(nemotron_h_config_from_hugging_face(config), weights, mtp=True)


def ids(length: int, batch: int = 2) -> Tensor:
    return torch.randint(3, 96, (batch, length), generator=torch.Generator().manual_seed(length))


def divergence(exact: Tensor, rounded: Tensor) -> float:
    """Mean of KL(exact ‖ rounded) over all positions."""
    p, q = exact.log_softmax(-1), rounded.log_softmax(-1)
    return float((p.exp() * (p - q)).sum(-1).mean())


@pytest.mark.parametrize("dtype", DIVERGENCE)
@pytest.mark.parametrize("config", MODELS.values(), ids=MODELS)
@torch.inference_mode()
def test_low_precision_says_nearly_the_same_however_the_text_is_cut(config: dict[str, Any], dtype: torch.dtype) -> None:
    text = ids(12)
    exact, rounded = build(config, torch.float32), build(config, dtype)
    expected = exact.forward(text, exact.new_state(12, batch=2))
    for pieces in ([12], [5, 6, 1], [1] * 12):
        state = rounded.new_state(12, batch=2)
        logits = torch.cat([rounded.forward(piece, state) for piece in text.split(pieces, dim=1)], dim=1)
        assert logits.dtype == torch.float32
        assert 0 <= divergence(expected, logits) < DIVERGENCE[dtype]


@pytest.mark.parametrize("format", RANDOM_FORMATS)
@torch.inference_mode()
def test_every_stored_format_works_in_bf16(format: str) -> None:
    config = CONFIG | LATENT
    text = ids(20)
    exact, rounded = (build(config, dtype, format) for dtype in (torch.float32, torch.bfloat16))
    expected = exact.forward(text, exact.new_state(20, batch=2))
    assert divergence(expected, rounded.forward(text, rounded.new_state(20, batch=2))) < DIVERGENCE[torch.bfloat16]


@torch.inference_mode()
def test_a_low_precision_state_keeps_what_it_says_it_keeps() -> None:
    model = build(CONFIG, torch.bfloat16)
    for ssm_dtype in (torch.float32, torch.float16):
        state = model.new_state(8, batch=2, ssm_dtype=ssm_dtype)
        model.forward(ids(5), state)
        assert {tensor.dtype for tensor in (*state.keys, *state.values, *state.conv)} == {torch.bfloat16}
        assert {tensor.dtype for tensor in state.ssm} == {ssm_dtype}


@torch.inference_mode()
def test_the_draft_head_works_in_bf16() -> None:
    text = ids(12)
    logits = []
    for dtype in (torch.float32, torch.bfloat16):
        model = build(CONFIG | MTP, dtype)
        assert isinstance(model, NemotronH)
        hidden = model.read(text[:, :-1], model.new_state(12, batch=2))
        logits.append(model.logits(model.draft(text[:, 1:], hidden, model.new_draft_state(12, batch=2))))
        assert hidden.dtype == dtype
    assert divergence(*logits) < DIVERGENCE[torch.bfloat16]
