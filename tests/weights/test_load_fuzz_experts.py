"""Many small tensors: each is read once, whatever their number, and progress is told all along."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_load_fuzz import HYBRID

from modelopt_folder import write_modelopt_folder
from nemora.ops.blocks import StoredMatrix
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from nemora.weights.safetensors import SafetensorsFolder
from tiny_nemotron_h import random_tensors

LAYERS, EXPERTS = 6, 64
CONFIG = HYBRID | {
    "hybrid_override_pattern": "E" * LAYERS,
    "num_hidden_layers": LAYERS,
    "n_routed_experts": EXPERTS,
    "num_experts_per_tok": 4,
    "num_nextn_predict_layers": 0,
}


def only_experts(module: str) -> str | None:
    return "NVFP4" if ".experts." in module else None


TENSORS = random_tensors(CONFIG)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each tensor is read."""
    counted: Counter[str] = Counter()
    read = SafetensorsFolder.read

    def counting(file: SafetensorsFolder, name: str) -> StoredMatrix:
        counted[name] += 1
        return read(file, name)

    monkeypatch.setattr(SafetensorsFolder, "read", counting)
    return counted


def test_each_of_many_tensors_is_read_once_and_progress_tells_of_each(tmp_path: Path, reads: Counter[str]) -> None:
    checkpoint = open_checkpoint(write_modelopt_folder(tmp_path, CONFIG, TENSORS))
    told: list[tuple[int, int]] = []
    load_model(checkpoint, decode_budget=0, progress=lambda done, total: told.append((done, total)))
    inputs = {name for name in checkpoint.file.tensors if name.endswith(".input_scale")}
    assert reads == Counter(checkpoint.file.tensors.keys() - inputs)
    assert len(told) > LAYERS * EXPERTS * 2
    assert told == sorted(told) and told[-1][0] == told[-1][1]


def stacked(folder: Path, to: Path) -> Path:
    """The folder with the experts of each layer in one tensor; they share the scale of the first."""
    to.mkdir()
    config = json.loads((folder / "hf_quant_config.json").read_text())
    stored, stacks = {}, defaultdict[str, dict[int, torch.Tensor]](dict)
    for name, tensor in load_file(folder / "model.safetensors").items():
        if match := re.fullmatch(r"(.*\.experts)\.(\d+)\.(up_proj|down_proj)\.(.*)", name):
            part = "" if match[4] == "weight" else f".{match[4]}"
            stacks[f"{match[1]}.{match[3]}{part}"][int(match[2])] = tensor
        else:
            stored[name] = tensor
    for name, tensors in stacks.items():
        stored[name] = torch.stack([tensors[number] for number in range(EXPERTS)]) if tensors[0].dim() else tensors[0]
    layers = {name: {"quant_algo": "NVFP4"} for name in stacks if name.endswith("_proj")}
    config["quantization"]["quantized_layers"] = layers
    (to / "hf_quant_config.json").write_text(json.dumps(config))
    (to / "config.json").write_text((folder / "config.json").read_text())
    save_file(stored, to / "model.safetensors")
    return to


def with_one_scale(folder: Path) -> Path:
    """The folder with the same scale for all experts."""
    tensors = load_file(folder / "model.safetensors")
    for name in tensors:
        if ".experts." in name and name.endswith("weight_scale_2"):
            tensors[name] = torch.tensor(0.001)
    save_file(tensors, folder / "model.safetensors")
    return folder


def test_nvfp4_experts_that_lie_in_one_tensor_are_the_same_as_one_by_one(tmp_path: Path) -> None:
    ids = torch.arange(7)[None]
    logits = []
    folder = with_one_scale(write_modelopt_folder(tmp_path / "single", CONFIG, TENSORS, only_experts))
    for path in (folder, stacked(folder, tmp_path / "stacked")):
        model = load_model(open_checkpoint(path), decode_budget=0)
        logits.append(model.forward(ids, model.new_state(7)))
    assert torch.equal(*logits)
