"""A forward pass stays on the device of its weights. The meta device refuses tensors of any other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nemora.models.inventory import take_inventory
from nemora.models.llama import Llama
from nemora.models.llama_config import llama_config_from_hugging_face
from nemora.models.nemotron_h import NemotronH
from nemora.models.nemotron_h_config import nemotron_h_config_from_hugging_face
from nemora.ops import kernels
from nemora.ops.blocks import FORMATS, FP8_E4M3, MODELOPT_NVFP4, StoredMatrix
from nemora.ops.quantise import fake_quantise_fp8, fake_quantise_nvfp4
from nemora.ops.weight import BlockWeight
from tiny_llama import CONFIG as LLAMA
from tiny_llama import LLAMA3
from tiny_nemotron_h import CONFIG, LATENT, MTP


def pieces(vocab: int) -> list[Tensor]:
    text = torch.randint(0, vocab, (2, 12), generator=torch.Generator().manual_seed(0))
    return list(text.split([5, 6, 1], dim=1))


def test_a_llama_stays_on_its_device() -> None:
    config = llama_config_from_hugging_face(LLAMA | {"rope_scaling": LLAMA3})
    model, _ = take_inventory(lambda weights: Llama(config, weights))
    state = model.new_state(12, batch=2)
    for piece in pieces(config.vocab_size):
        assert model.forward(piece, state).is_meta


@pytest.mark.parametrize("ssm_dtype", [torch.float32, torch.float16])
def test_a_hybrid_and_its_draft_head_stay_on_their_device(
    monkeypatch: pytest.MonkeyPatch, ssm_dtype: torch.dtype
) -> None:
    # How many tokens an expert gets is read back to the CPU, which the meta device has no answer to.
    monkeypatch.setattr(kernels, "experts_mlp", lambda x, *_: torch.empty_like(x))
    config = nemotron_h_config_from_hugging_face(CONFIG | LATENT | MTP)
    model, _ = take_inventory(lambda weights: NemotronH(config, weights, mtp=True))
    state, drafts = model.new_state(12, batch=2, ssm_dtype=ssm_dtype), model.new_draft_state(12, batch=2)
    snapshot = state.snapshot()
    for piece in pieces(config.vocab_size):
        hidden = model.read(piece, state)
        assert model.logits(model.draft(piece, hidden, drafts)).is_meta
    state.grow(20)
    assert all(tensor.is_meta for tensor in (*state.fork().keys, *state.fork().ssm, *snapshot.ssm))
    state.restore(snapshot)


@pytest.mark.parametrize("format", [*FORMATS.values(), FP8_E4M3, MODELOPT_NVFP4], ids=lambda format: format.name)
def test_every_format_is_decoded_where_it_lies(format: Any) -> None:
    data = torch.empty(6, format.row_bytes(256), dtype=torch.uint8, device="meta")
    scales = torch.empty(6, 16, dtype=torch.uint8, device="meta") if format.scale_bytes else None
    weight = BlockWeight([StoredMatrix(format, data, scales, 0.5)], torch.bfloat16)
    x = torch.empty(3, 256, dtype=torch.bfloat16, device="meta")
    assert weight.matmul(x).shape == (3, 6)
    assert weight.rows(torch.zeros(2, 4, dtype=torch.int64, device="meta")).shape == (2, 4, 256)
    assert weight.decoded().matmul(x).is_meta


def test_activations_are_rounded_where_they_lie() -> None:
    x = torch.empty(3, 64, dtype=torch.bfloat16, device="meta")
    assert fake_quantise_fp8(x, 0.1).is_meta and fake_quantise_nvfp4(x, 0.1).is_meta
