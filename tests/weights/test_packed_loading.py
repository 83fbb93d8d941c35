"""Checkpoints whose matrices the native kernels take: what a model gives does not depend on how its text was read."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from k_quants import MIXTURES, WIDE
from modelopt_folder import write_modelopt_folder
from nemora.models.base import Model
from nemora.ops.cpu.library import NoKernels, NotCompiled, library
from nemora.ops.cpu.packed_weight import PackedExperts, PackedWeight
from nemora.ops.weight import DenseWeight
from nemora.weights import packing
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from tiny_nemotron_h import CONFIG, LATENT, random_tensors, write_gguf

CHANGES: dict[str, Any] = LATENT | {"moe_intermediate_size": 64, "moe_shared_expert_intermediate_size": 96}

try:
    BEST = library().best
except NoKernels:
    BEST = 0
needs_kernels = pytest.mark.skipif(not BEST, reason="no native kernels, or none with vectors")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written("Q4_0", tmp_path_factory)


@pytest.fixture(scope="module", params=["Q4_0", *MIXTURES])
def any_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(request.param, tmp_path_factory)


def written(type: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = CONFIG | (WIDE if type in MIXTURES else CHANGES)
    return write_gguf(tmp_path_factory.mktemp("packed") / "m.gguf", config, random_tensors(config), type=type)


def ids(length: int = 25) -> Tensor:
    return torch.randint(3, CONFIG["vocab_size"], (1, length), generator=torch.Generator().manual_seed(1))


def logits(model: Model, *lengths: int) -> Tensor:
    """After each of 25 tokens, read in pieces of these lengths."""
    state = model.new_state(25)
    with torch.inference_mode():
        return torch.cat([model.forward(part, state) for part in ids().split(lengths or 25, dim=1)], dim=1)


@needs_kernels
def test_packed_experts_and_matrices_give_the_logits_of_decoded_ones(any_file: Path) -> None:
    decoded, exact, coarse = (
        load_model(open_checkpoint(any_file), activations=activations) for activations in ("float32", "int15", "int8")
    )
    kinds = {type(weight) for layer in exact.layers for weight in vars(layer.mixer).values()}  # type: ignore[attr-defined]
    assert {PackedWeight, PackedExperts} <= kinds and DenseWeight not in kinds
    expected = logits(decoded)
    errors = [float((logits(model) - expected).norm() / expected.norm()) for model in (exact, coarse)]
    assert errors[0] < 1e-3 < errors[1] < 1  # with 8 bits a router may choose other experts


@needs_kernels
@pytest.mark.parametrize("activations", ["int8", "int15"])
def test_reading_in_pieces_changes_products_by_nothing(any_file: Path, activations: packing.Activations) -> None:
    """Every matrix of the model, with the very inputs that one pass gives it, one position at a time."""
    model = load_model(open_checkpoint(any_file), activations=activations)
    hidden = model.embedding.shape[1]  # type: ignore[attr-defined]
    x = torch.randn(25, hidden, generator=torch.Generator().manual_seed(2))
    for layer in model.layers:  # type: ignore[attr-defined]
        for weight in vars(layer.mixer).values():
            if isinstance(weight, PackedWeight) and weight.shape[1] == x.shape[1]:
                assert torch.equal(weight.matmul(x), torch.cat([weight.matmul(row[None]) for row in x]))
    torch.testing.assert_close(logits(model, 10, 1, 14), logits(model), rtol=1e-3, atol=1e-2)


@needs_kernels
def test_by_default_small_models_get_fifteen_bits(file: Path) -> None:
    model = load_model(open_checkpoint(file), activations="auto")
    assert torch.equal(logits(model), logits(load_model(open_checkpoint(file), activations="int15")))
    assert packing.activation_bits("auto", packing.LARGE) == 8
    assert packing.activation_bits("float32", packing.LARGE) is None


@needs_kernels
def test_what_does_not_fit_stays_the_mapped_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.weights.load.available_memory", lambda _: 1000)
    model = load_model(open_checkpoint(file), activations="int8", decode_budget=1 << 40)
    expected = load_model(open_checkpoint(file), decode_budget=1 << 40)
    assert torch.equal(logits(model), logits(expected))


@pytest.fixture(scope="module", params=["BF16", "F16", "published", *MIXTURES])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one type, of NVFP4, FP8 and BF16, or of K-quants."""
    folder, config = tmp_path_factory.mktemp("whole"), CONFIG | (WIDE if request.param in MIXTURES else CHANGES)
    if request.param == "published":
        return write_modelopt_folder(folder, config, random_tensors(config))
    return write_gguf(folder / "m.gguf", config, random_tensors(config), type=request.param)


@needs_kernels
def test_packed_matrices_take_the_memory_of_the_file_and_give_its_logits(whole: Path) -> None:
    checkpoint = open_checkpoint(whole)
    decoded, packed = load_model(checkpoint), load_model(checkpoint, activations="auto")
    kinds = {type(weight) for layer in packed.layers for weight in vars(layer.mixer).values()}  # type: ignore[attr-defined]
    assert {PackedWeight, PackedExperts} <= kinds and DenseWeight not in kinds
    stored = sum(info.stored_bytes for info in checkpoint.file.tensors.values())
    assert packed.bytes < 1.1 * stored  # rows fill whole panels, and what is no matrix is float32
    assert packed.step is not None  # type: ignore[attr-defined]
    expected = logits(decoded)
    assert float((logits(packed) - expected).norm() / expected.norm()) < 1e-3


@needs_kernels
def test_floats_meet_exact_activations_whatever_is_asked_for(tmp_path: Path) -> None:
    config = CONFIG | CHANGES
    file = open_checkpoint(write_gguf(tmp_path / "m.gguf", config, random_tensors(config), type="BF16"))
    found, expected = logits(load_model(file, activations="int8")), logits(load_model(file))
    assert float((found - expected).norm() / expected.norm()) < 1e-5
    assert torch.equal(found, logits(load_model(file, activations="int15")))


def test_activations_are_rounded_in_one_way_only(file: Path) -> None:
    with pytest.raises(ValueError, match="float32"):
        load_model(open_checkpoint(file), activations="int8", simulate_activations=True)


@pytest.mark.parametrize(
    ("reason", "level"), [(NotCompiled("none"), logging.INFO), (NoKernels("damaged"), logging.WARNING)]
)
def test_without_kernels_torch_multiplies_and_it_is_said_once(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, reason: NoKernels, level: int
) -> None:
    def missing() -> None:
        raise reason

    monkeypatch.setattr(packing, "library", missing)
    packing._kernels.cache_clear()
    try:
        with caplog.at_level(logging.INFO, logger="nemora.weights"):
            models = [load_model(open_checkpoint(file), activations="auto") for _ in range(2)]
        assert [record.levelno for record in caplog.records] == [level]
        assert torch.equal(logits(models[0]), logits(load_model(open_checkpoint(file))))
    finally:
        packing._kernels.cache_clear()
