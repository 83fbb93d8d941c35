"""A GGUF file by the gguf package gives the logits of the folder with the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize
from torch import Tensor

from k_quants import FALLBACKS, WIDE
from nemora.errors import CorruptCheckpoint, ModelError, UnsupportedCheckpoint
from nemora.models.nemotron_h import NemotronH
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from tiny_llama import write_folder
from tiny_nemotron_h import CONFIG, LATENT, MTP, random_tensors, write_gguf

CASES: dict[str, dict[str, Any]] = {
    "experts": {},
    "latent experts": LATENT,
    "draft head": LATENT | MTP,
    "dense": {"hybrid_override_pattern": "M-M*-MM-", "num_hidden_layers": 8},
}


def ids(length: int = 25) -> Tensor:
    return torch.randint(3, CONFIG["vocab_size"], (1, length), generator=torch.Generator().manual_seed(1))


def load(path: Path) -> NemotronH:
    model = load_model(open_checkpoint(path), mtp=True)
    assert isinstance(model, NemotronH)
    return model


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES.keys())
def test_a_gguf_file_is_the_model_of_the_folder(changes: dict[str, Any], tmp_path: Path) -> None:
    config = CONFIG | changes
    tensors = random_tensors(config)
    folder, file = (
        load(write_folder(tmp_path / "folder", config, tensors)),
        write_gguf(tmp_path / "m.gguf", config, tensors),
    )
    ours = load(file)
    assert ours.config.layers == folder.config.layers
    one, other = (model.read(ids(), model.new_state(25)) for model in (folder, ours))
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    if folder.mtp is not None:
        one, other = (model.draft(ids(), one, model.new_draft_state(25)) for model in (folder, ours))
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("type", ["Q8_0", "Q5_0", "Q5_1", "Q4_0", "Q4_1", "BF16", "Q4_K", "Q5_K", "Q6_K"])
def test_a_quantised_file_is_the_model_of_its_decoded_numbers(type: str, tmp_path: Path) -> None:
    narrow = LATENT | {"moe_intermediate_size": 64, "moe_shared_expert_intermediate_size": 96}
    config = CONFIG | (WIDE if type in FALLBACKS else narrow)
    file = write_gguf(tmp_path / "m.gguf", config, random_tensors(config), type=type)
    plain = GGUFReader(file)
    kinds = {tensor.name: tensor.tensor_type for tensor in plain.tensors}
    assert {kinds["blk.4.ffn_up_exps.weight"], kinds["blk.0.ssm_in.weight"]} == {GGMLQuantizationType[type]}
    decoded = {tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in plain.tensors}
    stored, copied = (load_model(open_checkpoint(file), decode_budget=budget) for budget in (0, 1 << 40))
    for name, numbers in decoded.items():
        if kinds[name] != GGMLQuantizationType.F32:
            found = open_checkpoint(file).file.read(name).decode().numpy()
            assert np.array_equal(found, numbers.reshape(found.shape)), name
    one, other = (model.forward(ids(), model.new_state(25)) for model in (stored, copied))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def refused(path: Path, error: type[ModelError], match: str) -> None:
    with pytest.raises(error, match=match):
        load(path)


def test_two_draft_layers_are_refused_by_name(tmp_path: Path) -> None:
    path = write_gguf(
        tmp_path / "m.gguf", CONFIG, random_tensors(CONFIG), keys={"nemotron_h_moe.nextn_predict_layers": 2}
    )
    refused(path, UnsupportedCheckpoint, "nextn_predict_layers")


def test_an_unknown_key_is_refused_by_name(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", CONFIG, random_tensors(CONFIG), keys={"nemotron_h_moe.twist": 2})
    refused(path, UnsupportedCheckpoint, "twist")


def test_a_layer_of_no_kind_is_refused(tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in random_tensors(CONFIG).items() if "layers.0.mixer" not in name}
    refused(write_gguf(tmp_path / "m.gguf", CONFIG, tensors), CorruptCheckpoint, "Layer 0")
