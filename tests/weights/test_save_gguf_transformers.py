"""GGUF files of the architectures without Mamba layers: layers that lack parts, and norms that are kept less one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import tiny_nemotron
import tiny_nemotron_nas
from nemora.ops.quantise import QUANTISERS
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from nemora.weights.save_gguf import save_gguf
from tiny_llama import write_folder

MODULES: dict[str, Any] = {"deci": tiny_nemotron_nas, "nemotron": tiny_nemotron}


def in_memory(tensors: dict[str, Tensor], format: str) -> dict[str, Tensor]:
    """Each matrix quantised and decoded by itself; the output matrix is Q8_0 always."""
    decoded = dict(tensors)
    for name, tensor in tensors.items():
        if tensor.dim() == 2:
            wanted = "q8_0" if name == "lm_head.weight" else format
            decoded[name] = QUANTISERS[wanted](tensor).decode()
    return decoded


@torch.inference_mode()
def logits_of(path: Path) -> Tensor:
    model = load_model(open_checkpoint(path))
    ids = torch.arange(3, 60)[None]
    return model.forward(ids, model.new_state(57))


@pytest.mark.parametrize("format", ["q8_0", "q4_0"])
@pytest.mark.parametrize("name", MODULES)
def test_logits_are_those_of_the_model_quantised_in_memory(tmp_path: Path, name: str, format: Any) -> None:
    module = MODULES[name]
    tensors = {key: tensor.bfloat16().float() for key, tensor in module.random_tensors(module.CONFIG).items()}
    folder = write_folder(tmp_path / "source", module.CONFIG, {key: t.bfloat16() for key, t in tensors.items()})
    save_gguf(open_checkpoint(folder), tmp_path / "m.gguf", format)
    twin = write_folder(tmp_path / "twin", module.CONFIG, in_memory(tensors, format))
    expected = logits_of(twin)
    torch.testing.assert_close(logits_of(tmp_path / "m.gguf"), expected, rtol=2e-4, atol=2e-4)
    assert (logits_of(folder) - expected).abs().max() > 1e-3


@pytest.mark.parametrize("name", MODULES)
def test_keys_are_those_of_the_converters_twin(tmp_path: Path, name: str) -> None:
    module = MODULES[name]
    tensors = module.random_tensors(module.CONFIG)
    folder = write_folder(tmp_path / "source", module.CONFIG, tensors)
    save_gguf(open_checkpoint(folder), tmp_path / "m.gguf", "q8_0")
    twin, ours = (
        open_checkpoint(path)
        for path in (module.write_gguf(tmp_path / "t.gguf", module.CONFIG, tensors), tmp_path / "m.gguf")
    )
    # Its writer sets both epsilons for a layer norm; one of them is enough.
    expected = {key: value for key, value in twin.metadata.items() if name == "deci" or "rms_epsilon" not in key}
    assert {key: ours.metadata.get(key) for key in expected} == expected
    assert set(ours.file.tensors) == set(twin.file.tensors)
