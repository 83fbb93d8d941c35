from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import tiny_llama
import tiny_nemotron_h
from nemora.errors import UnsupportedCheckpoint, UsageError
from nemora.models.base import Model
from nemora.ops.blocks import BF16, F32
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model, plan_loading
from nemora.weights.save_folder import published_layout, save_folder

HYBRID = tiny_nemotron_h.CONFIG | tiny_nemotron_h.LATENT | tiny_nemotron_h.MTP


def hybrid_folder(path: Path, **changes: object) -> tuple[Path, dict[str, Tensor]]:
    config = HYBRID | changes
    tensors = tiny_nemotron_h.random_tensors(config)
    return tiny_llama.write_folder(path, config, tensors), tensors


@torch.inference_mode()
def logits(model: Model) -> Tensor:
    ids = torch.arange(3, 40)[None]
    return model.forward(ids, model.new_state(40))


def test_what_was_not_trained_is_copied_to_the_byte(tmp_path: Path) -> None:
    folder, tensors = hybrid_folder(tmp_path / "in")
    save_folder(open_checkpoint(folder), tmp_path / "out")
    written = load_file(tmp_path / "out" / "model.safetensors")
    assert written.keys() == tensors.keys()
    assert all(torch.equal(written[name], tensors[name]) for name in tensors)
    assert json.loads((tmp_path / "out" / "config.json").read_text()) == HYBRID


def test_trained_numbers_are_written_and_read_back_as_the_model_has_them(tmp_path: Path) -> None:
    """Every tensor of a hybrid replaced: experts, convolutions and decays come back as they were given."""
    folder, tensors = hybrid_folder(tmp_path / "in")
    checkpoint = open_checkpoint(folder)
    inventory, generator = plan_loading(checkpoint).inventory, torch.Generator().manual_seed(1)
    shapes = inventory.matrices | inventory.experts | inventory.tensors
    new = {name: -torch.rand(shape, generator=generator) - 0.5 for name, shape in shapes.items()}
    save_folder(checkpoint, tmp_path / "out", new.get)
    written = load_file(tmp_path / "out" / "model.safetensors")
    assert {name: tensor.shape for name, tensor in written.items()} == {n: t.shape for n, t in tensors.items()}
    assert torch.equal(written["backbone.layers.4.mixer.experts.5.up_proj.weight"], new["layers.4.moe.experts.up"][5])
    assert torch.equal(written["backbone.layers.0.mixer.conv1d.weight"][:, 0], new["layers.0.mamba.conv"])
    assert torch.allclose(-written["backbone.layers.0.mixer.A_log"].exp(), new["layers.0.mamba.a"])
    assert torch.equal(written["backbone.layers.3.mixer.q_proj.weight"], new["layers.3.attention.q"])


def test_one_trained_matrix_leaves_the_others_alone(tmp_path: Path) -> None:
    folder, tensors = hybrid_folder(tmp_path / "in")
    name = "backbone.layers.3.mixer.k_proj.weight"
    save_folder(
        open_checkpoint(folder),
        tmp_path / "out",
        {"layers.3.attention.k": torch.zeros_like(tensors[name])}.get,
    )
    written = load_file(tmp_path / "out" / "model.safetensors")
    assert [n for n in tensors if not torch.equal(written[n], tensors[n])] == [name]


@pytest.mark.parametrize("family", ["llama", "hybrid"])
def test_a_gguf_file_becomes_a_folder_of_the_same_model(family: str, tmp_path: Path) -> None:
    path = tmp_path / "in.gguf"
    if family == "llama":
        tiny_llama.write_gguf(path, tiny_llama.CONFIG, tiny_llama.random_tensors(tiny_llama.CONFIG), type="Q8_0")
    else:
        tiny_nemotron_h.write_gguf(path, HYBRID, tiny_nemotron_h.random_tensors(HYBRID), type="F16")
    save_folder(open_checkpoint(path), tmp_path / "out", format=F32)
    first, second = (load_model(open_checkpoint(p)) for p in (path, tmp_path / "out"))
    assert torch.allclose(logits(first), logits(second), atol=1e-5)


def test_the_type_asked_for_is_that_of_every_tensor_and_of_the_settings(tmp_path: Path) -> None:
    folder, tensors = hybrid_folder(tmp_path / "in")
    save_folder(open_checkpoint(folder), tmp_path / "out", format=BF16)
    written = load_file(tmp_path / "out" / "model.safetensors")
    assert all(torch.equal(written[name], tensors[name].bfloat16()) for name in tensors)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["torch_dtype"] == "bfloat16"


def test_transformers_loads_what_is_written(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    path = tmp_path / "in.gguf"
    config = HYBRID | {"num_nextn_predict_layers": 0}
    tiny_nemotron_h.write_gguf(path, config, tiny_nemotron_h.random_tensors(config))
    save_folder(open_checkpoint(path), tmp_path / "out", format=F32)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype="auto", time_step_min=0.0)
    expected = logits(load_model(open_checkpoint(path)))
    with torch.inference_mode():
        found = theirs.eval()(torch.arange(3, 40)[None], use_cache=False).logits
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_nothing_is_written_over_and_a_quantised_folder_is_refused(tmp_path: Path) -> None:
    folder, _ = hybrid_folder(tmp_path / "in")
    with pytest.raises(UsageError, match="exists already"):
        save_folder(open_checkpoint(folder), folder)
    config = HYBRID | {"quantization_config": {"quant_method": "modelopt", "quant_algo": "FP8"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UnsupportedCheckpoint):
        save_folder(open_checkpoint(folder), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_gguf_file_is_published_under_the_names_of_a_folder(tmp_path: Path) -> None:
    path = tiny_llama.write_gguf(tmp_path / "a.gguf", tiny_llama.CONFIG, tiny_llama.random_tensors(tiny_llama.CONFIG))
    checkpoint = open_checkpoint(path)
    layout = published_layout(checkpoint, plan_loading(checkpoint).config)
    assert layout.file_name("layers.1.attention.q", ()) == "model.layers.1.self_attn.q_proj.weight"
