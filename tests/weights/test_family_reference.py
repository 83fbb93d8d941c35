"""Names of the family become repositories of the hub; everything else stays what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemora.errors import UnsupportedCheckpoint
from nemora.weights.architectures import HUGGING_FACE
from nemora.weights.catalog import ModelFile
from nemora.weights.family import FAMILY
from nemora.weights.family_reference import reference_of
from nemora.weights.family_repository import published
from nemora.weights.hub import LicenceTag, parse_reference
from nemora.weights.hub_entry import HubModel, write_note


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.weights.fit.available_memory", lambda device="cpu": 24_000_000_000)


@pytest.mark.parametrize(
    ("model", "means"),
    [
        ("nemotron-3-nano-4b", "hub:nvidia/NVIDIA-Nemotron-3-Nano-4B-BF16"),
        ("nemotron-3-nano-4b:fp8", "hub:nvidia/NVIDIA-Nemotron-3-Nano-4B-FP8"),
        ("nemotron-3-nano-4b:gguf", "hub:nvidia/NVIDIA-Nemotron-3-Nano-4B-GGUF"),
        ("nemotron-3-nano-30b-a3b", "hub:nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4"),
        ("nemotron-3-super-120b-a12b:bf16", "hub:nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16"),
        ("smollm2-135m", "smollm2-135m"),
        ("hub:someone/else", "hub:someone/else"),
        ("./nemotron-3-nano-4b", "./nemotron-3-nano-4b"),
        ("nemotron-3-nano-4b:int3", "nemotron-3-nano-4b:int3"),
    ],
)
def test_a_name_of_the_family_means_its_repository(model: str, means: str) -> None:
    assert reference_of(model, context=8192) == means


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("nemotron-3-nano-omni-30b-a3b", "cannot be run here yet"),
        ("nemotron-3-nano-4b:nvfp4", "not published in nvfp4"),
        ("nemotron-3-super-120b-a12b", "does not fit"),
    ],
)
def test_what_cannot_be_run_is_refused_before_a_download(model: str, why: str) -> None:
    with pytest.raises(UnsupportedCheckpoint, match=why):
        reference_of(model, context=8192)


@pytest.mark.parametrize("name", FAMILY)
def test_every_published_precision_of_what_runs_can_be_named(name: str) -> None:
    model = FAMILY[name]
    for precision in model.precisions:
        if model.model_type not in HUGGING_FACE:
            with pytest.raises(UnsupportedCheckpoint, match="cannot be run here yet"):
                reference_of(f"{name}:{precision}", context=1)
        else:
            repository = model.repository(precision)
            assert repository is not None
            assert reference_of(f"{name}:{precision}", context=1) == f"hub:{repository.id}"


def test_a_precision_that_was_pulled_stays_meant_when_more_memory_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "nemotron-3-nano-30b-a3b"
    pulled = reference_of(name, context=8192, cache=tmp_path)
    files = tuple(ModelFile(name, "", 2, (), git_blob="0" * 40) for name in ("config.json", "model.safetensors"))
    reference = parse_reference(pulled)
    write_note(
        tmp_path,
        HubModel(reference=reference, commit="0" * 40, files=files, licence=LicenceTag(), gated=False),
    )
    monkeypatch.setattr("nemora.weights.fit.available_memory", lambda device="cpu": 200_000_000_000)
    assert reference_of(name, context=8192, cache=tmp_path) == pulled
    assert reference_of(name, context=8192).endswith("-BF16") and pulled.endswith("-NVFP4")
    assert reference_of(f"{name}:bf16", context=8192, cache=tmp_path).endswith("-BF16")
    monkeypatch.setattr("nemora.weights.fit.available_memory", lambda device="cpu": 2_000_000_000)
    with pytest.raises(UnsupportedCheckpoint, match="does not fit"):
        reference_of(name, context=8192, cache=tmp_path)


def test_a_model_that_cannot_be_sized_is_run_at_a_named_precision() -> None:
    name = "nemotron-labs-3-puzzle-75b-a9b"
    assert reference_of(f"{name}:nvfp4", context=1).startswith("hub:nvidia/")
    with pytest.raises(UnsupportedCheckpoint, match=f"{name}:nvfp4"):
        reference_of(name, context=1)


def test_what_is_only_looked_at_need_not_fit_or_run() -> None:
    for name in ("nemotron-3-ultra-550b-a55b", "nemotron-labs-3-puzzle-75b-a9b", "nemotron-3-nano-omni-30b-a3b"):
        assert published(name).startswith("hub:nvidia/")
    assert published("nemotron-3-nano-30b-a3b:nvfp4") == "hub:nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4"
    assert published("./folder") == "./folder" and published("smollm2-135m") == "smollm2-135m"
