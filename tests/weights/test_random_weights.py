"""Random weights are what they say: right shapes and bytes, numbers of the wanted size, the same from the same seed."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from nemora.models.inventory import take_inventory
from nemora.models.llama import Llama
from nemora.models.llama_config import llama_config_from_hugging_face
from nemora.models.nemotron_h import NemotronH
from nemora.models.nemotron_h_config import nemotron_h_config_from_hugging_face
from nemora.ops.weight import BlockWeight, DenseWeight
from nemora.weights.random_weights import RANDOM_FORMATS, RandomWeights, random_tensor, stored_bytes
from tiny_llama import CONFIG as LLAMA
from tiny_nemotron_h import CONFIG, LATENT, MTP

ROWS, COLUMNS = 96, 640
BYTES = {"F32": 4, "BF16": 2, "FP8": 1, "NVFP4": 9 / 16, "Q4_0": 18 / 32, "Q8_0": 34 / 32}


@pytest.mark.parametrize("name", RANDOM_FORMATS)
def test_numbers_are_finite_around_zero_and_have_the_spread_that_keeps_activations(name: str) -> None:
    weight = RandomWeights(name, decoded=True).matrix("m", ROWS, COLUMNS)
    assert isinstance(weight, DenseWeight)
    numbers = weight.tensor * math.sqrt(COLUMNS)
    assert numbers.isfinite().all()
    assert numbers.std().item() == pytest.approx(1.0, abs=0.05)
    assert abs(numbers.mean().item()) < 0.03
    assert len(numbers.unique()) > 100


@pytest.mark.parametrize("name", RANDOM_FORMATS)
def test_a_stored_matrix_takes_the_bytes_of_its_format_and_they_are_counted(name: str) -> None:
    weights = RandomWeights(name, dtype=torch.float16)
    weight = weights.matrix("m", ROWS, COLUMNS)
    assert isinstance(weight, BlockWeight)
    assert weight.shape == (ROWS, COLUMNS)
    assert weight.bytes == weights.bytes == ROWS * COLUMNS * BYTES[name]


@pytest.mark.parametrize("name", RANDOM_FORMATS)
def test_an_expert_is_its_rows_of_one_stack(name: str) -> None:
    x = torch.randn(3, COLUMNS, generator=torch.Generator().manual_seed(1))
    whole = RandomWeights(name, seed=5).matrix("m", 4 * 24, COLUMNS).matmul(x)
    weights = RandomWeights(name, seed=5)
    experts = weights.experts("m", 4, 24, COLUMNS)
    torch.testing.assert_close(torch.cat([expert.matmul(x) for expert in experts], dim=-1), whole)
    assert weights.bytes == sum(expert.bytes for expert in experts)


def test_the_seed_decides_whatever_the_form_is_in_which_weights_are_kept() -> None:
    x = torch.randn(2, COLUMNS, generator=torch.Generator().manual_seed(1))

    def product(**options: object) -> torch.Tensor:
        return RandomWeights("NVFP4", **options).fused([("a", 32), ("b", 64)], COLUMNS).matmul(x)  # type: ignore[arg-type]

    torch.testing.assert_close(product(seed=1), product(seed=1, decoded=True))
    assert not torch.allclose(product(seed=1), product(seed=2))


def test_what_is_no_whole_block_or_is_plain_by_name_is_bf16() -> None:
    weights = RandomWeights("Q4_0")
    for weight in (weights.matrix("m", 8, 40), weights.matrix("embedding", 8, 64)):
        assert isinstance(weight, BlockWeight)
        assert weight.parts[0].format.name == "BF16"


def test_steps_of_a_mamba_layer_lie_where_training_begins() -> None:
    steps = torch.nn.functional.softplus(random_tensor("layers.0.mamba.dt_bias", (4000,), torch.Generator()))
    assert 0.00099 < steps.min() < 0.0012 and 0.08 < steps.max() < 0.101
    assert random_tensor("layers.0.mamba.a", (100,), torch.Generator()).max() < 0


@pytest.mark.parametrize("name", RANDOM_FORMATS)
@torch.inference_mode()
def test_models_of_random_weights_say_something_and_keep_the_bytes_they_count(name: str) -> None:
    weights = RandomWeights(name)
    build = partial(NemotronH, nemotron_h_config_from_hugging_face(CONFIG | LATENT | MTP), mtp=True)
    hybrid = build(weights)
    assert hybrid.bytes == weights.bytes == sum(stored_bytes(take_inventory(build)[1], name).values())
    ids = torch.arange(1, 41)[None]
    logits = hybrid.forward(ids, hybrid.new_state(40))
    assert logits.isfinite().all() and 0.1 < logits.std() < 10
    llama = Llama(llama_config_from_hugging_face(LLAMA), RandomWeights(name))
    assert llama.forward(ids, llama.new_state(40)).isfinite().all()
