"""Checkpoints that nvidia-modelopt quantised and exported itself compute what it says they compute.

`golden/make_modelopt_reference.py` made them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from modelopt_folder import write_modelopt_folder
from nemora.errors import UnsupportedCheckpoint
from nemora.models.attention import Attention
from nemora.models.base import Model
from nemora.models.nemotron_h import NemotronH
from nemora.ops.quantise import fake_quantise_fp8, fake_quantise_nvfp4
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model, plan_loading
from nemora.weights.quantisation import read_quantisation
from tiny_nemotron_h import CONFIG, random_tensors

GOLDEN = Path(__file__).parent.parent / "golden" / "modelopt"
EXPECTED = np.load(GOLDEN / "logits.npz")
EXPORTS = ["llama-fp8", "hybrid-fp8", "hybrid-nvfp4"]


def logits(model: Model) -> Tensor:
    ids = torch.from_numpy(EXPECTED["ids"])
    with torch.inference_mode():
        return model.forward(ids, model.new_state(ids.shape[1]))


def error(found: Tensor, name: str) -> float:
    expected = torch.from_numpy(EXPECTED[name])
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("name", ["llama-fp8", "hybrid-fp8"])
def test_an_fp8_export_gives_modelopts_own_simulated_logits(name: str) -> None:
    checkpoint = open_checkpoint(GOLDEN / name)
    simulated = logits(load_model(checkpoint, simulate_activations=True))
    weights_only = logits(load_model(checkpoint))
    assert error(simulated, name) < 1e-4
    assert 1e-3 < error(weights_only, name) < 0.3  # rounding inputs is what makes the difference


def test_an_nvfp4_export_gives_the_logits_of_weights_that_modelopt_decodes() -> None:
    assert error(logits(load_model(open_checkpoint(GOLDEN / "hybrid-nvfp4"))), "hybrid-nvfp4") < 1e-4


@pytest.mark.parametrize("name", EXPORTS)
def test_nothing_is_missing_unknown_or_wrong_in_an_export(name: str) -> None:
    assert list(plan_loading(open_checkpoint(GOLDEN / name)).problems()) == []


@pytest.mark.parametrize("name", EXPORTS)
def test_either_declaration_alone_is_enough(name: str, tmp_path: Path) -> None:
    """Older exports declare it in hf_quant_config.json only, newer ones may in config.json only."""
    expected = logits(load_model(open_checkpoint(GOLDEN / name)))
    shutil.copytree(GOLDEN / name, tmp_path / "new")
    (tmp_path / "new" / "hf_quant_config.json").unlink()
    assert torch.equal(logits(load_model(open_checkpoint(tmp_path / "new"))), expected)
    shutil.copytree(GOLDEN / name, tmp_path / "old")
    config = (tmp_path / "old" / "config.json").read_text()
    (tmp_path / "old" / "config.json").write_text(
        config.replace('"quantization_config": {', '"quantization_config": null, "_name_or_path": {')
    )
    assert torch.equal(logits(load_model(open_checkpoint(tmp_path / "old"))), expected)


EARLY = {"quant_library": "modelopt", "kv_cache_scheme": "FP8", "quant_algo": "FP8", "ignore": ["lm_head", "mtp*"]}


def test_early_exports_say_the_same_in_other_words() -> None:
    """As ModelOpt's `convert_hf_quant_config_format` wrote them in 2025."""
    late = EARLY | {"quant_method": "modelopt", "kv_cache_scheme": {"dynamic": False, "num_bits": 8, "type": "float"}}
    del late["quant_library"]
    early = read_quantisation({"quantization_config": EARLY}, None)
    assert early == read_quantisation({"quantization_config": late}, None)
    assert early.fp8_cache and early.default == "FP8"
    for wrong in ({"quant_library": "other"}, {"kv_cache_scheme": "NVFP4"}):
        with pytest.raises(UnsupportedCheckpoint, match=next(iter(wrong))):
            read_quantisation({"quantization_config": EARLY | wrong}, None)


def test_modules_of_a_mixture_that_config_json_does_not_list_are_read_from_the_other_file() -> None:
    layers = {"lm_head": {"quant_algo": "NVFP4", "group_size": 16}, "a.b": {"quant_algo": "FP8"}}
    other = {
        "quantization": {"quant_algo": "MIXED_PRECISION", "kv_cache_quant_algo": "FP8", "quantized_layers": layers}
    }
    config = EARLY | {"quant_algo": "MIXED_PRECISION"}
    assert read_quantisation({"quantization_config": config}, other).listed == {"lm_head": "NVFP4", "a.b": "FP8"}
    assert read_quantisation({"quantization_config": config | {"quantized_layers": {}}}, other).listed == {}


@pytest.mark.parametrize("name", EXPORTS)
def test_weights_stay_in_their_stored_form_when_there_is_no_room_for_copies(name: str) -> None:
    checkpoint = open_checkpoint(GOLDEN / name)
    stored, decoded = (load_model(checkpoint, decode_budget=budget) for budget in (0, 1 << 40))
    assert stored.bytes < 1.05 * plan_loading(checkpoint).stored_bytes < decoded.bytes
    torch.testing.assert_close(logits(stored), logits(decoded), rtol=1e-4, atol=1e-4)


def test_parts_of_a_fused_matrix_round_their_inputs_each_in_its_own_way(tmp_path: Path) -> None:
    """One declaration may leave q plain and quantise k and v differently, with the same scale of inputs."""

    def choose(module: str) -> str | None:
        return "FP8" if module.endswith(".k_proj") else "NVFP4" if module.endswith(".v_proj") else None

    checkpoint = open_checkpoint(write_modelopt_folder(tmp_path, CONFIG, random_tensors(CONFIG), choose))
    weights_only, simulated = (_joined(load_model(checkpoint, simulate_activations=on)) for on in (False, True))
    x = 0.1 * torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    rounded = (x, fake_quantise_fp8(x, 0.01), fake_quantise_nvfp4(x, 0.01))
    expected = [weights_only.qkv.matmul(y).split([96, 32, 32], dim=-1)[part] for part, y in enumerate(rounded)]
    torch.testing.assert_close(simulated.qkv.matmul(x), torch.cat(expected, dim=-1), rtol=1e-5, atol=1e-5)


def _joined(model: Model) -> Attention:
    assert isinstance(model, NemotronH)
    return next(layer.mixer for layer in model.layers if isinstance(layer.mixer, Attention))


def test_stacked_nvfp4_experts_are_the_model_of_single_ones(tmp_path: Path) -> None:
    """Each expert's own block scales are used; the scale of the whole is one for all in a stack, so here for both."""
    single: dict[str, Tensor] = load_file(GOLDEN / "hybrid-nvfp4" / "model.safetensors")
    stacks: dict[str, list[Tensor]] = {}
    for name in sorted(single):
        before, _, after = name.partition(".experts.")
        if after.endswith("weight_scale_2"):
            single[name] = torch.tensor(2e-4)
        if after and not after.endswith("input_scale"):
            matrix, part = after.split(".", 1)[1].split(".")
            suffix = "" if part == "weight" else f".{part}"
            stacks.setdefault(f"{before}.experts.{matrix}{suffix}", []).append(single[name])
    stacked = {name: tensor for name, tensor in single.items() if ".experts." not in name}
    for name, parts in stacks.items():
        stacked[name] = parts[0] if name.endswith("weight_scale_2") else torch.stack(parts)
    found = []
    for kind, tensors in (("single", single), ("stacked", stacked)):
        shutil.copytree(GOLDEN / "hybrid-nvfp4", tmp_path / kind)
        save_file(tensors, tmp_path / kind / "model.safetensors")
        found.append(logits(load_model(open_checkpoint(tmp_path / kind))))
    assert torch.equal(*found)
