"""What `check` says of a checkpoint, and that it says all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import tiny_llama
import tiny_nemotron_h
from modelopt_folder import write_modelopt_folder
from nemora.weights.check import Report, check_path, check_remote
from nemora.weights.checkpoint import open_checkpoint
from tiny_llama import write_folder
from tiny_nemotron_h import CONFIG, LATENT, MTP, random_tensors

TENSORS = random_tensors(CONFIG)
# Columns of NVFP4 matrices are whole groups of 16, and the latent width is one.
QUANTISED = CONFIG | LATENT | MTP
UP = "backbone.layers.4.mixer.experts.3.up_proj"


def numbers(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())


def changed(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> Report:
    """A report on the folder after its tensors were changed."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    return check_path(folder)


def said(report: Report) -> list[tuple[str, str]]:
    return [(problem.kind, problem.tensor) for problem in report.problems]


@pytest.fixture
def modelopt(tmp_path: Path) -> Path:
    return write_modelopt_folder(tmp_path / "m", QUANTISED, random_tensors(QUANTISED))


def test_a_sound_folder_has_no_problems_and_all_its_numbers_are_counted(tmp_path: Path) -> None:
    report = check_path(write_folder(tmp_path / "plain", CONFIG, TENSORS))
    assert report.problems == ()
    assert (report.name, report.kind, report.architecture) == ("plain", "safetensors", "nemotron_h")
    assert report.parameters == numbers(TENSORS)
    assert (report.draft_head, report.draft_parameters, report.context) == ("none", 0, 512)
    assert report.forms == {"F32": sum(t.dim() == 2 and "gate" not in name for name, t in TENSORS.items())}
    assert report.stored_bytes == 4 * numbers(TENSORS)


def test_forms_are_counted_matrix_by_matrix_and_the_draft_head_apart(modelopt: Path) -> None:
    tensors = random_tensors(QUANTISED)
    report = check_path(modelopt)
    declared = json.loads((modelopt / "hf_quant_config.json").read_text())["quantization"]["quantized_layers"]
    counted = Counter(entry["quant_algo"] for entry in declared.values())
    matrices = sum(tensor.dim() == 2 and "mixer.gate." not in name for name, tensor in tensors.items())
    assert report.problems == ()
    assert report.forms == {**counted, "BF16": matrices - counted.total()}
    assert report.parameters == numbers(tensors)
    draft = {name: tensor for name, tensor in tensors.items() if name.startswith("mtp.")}
    assert (report.draft_head, report.draft_parameters) == ("present", numbers(draft))


def test_a_draft_head_that_only_the_settings_have_is_no_problem_but_is_said(tmp_path: Path) -> None:
    report = check_path(write_folder(tmp_path, CONFIG | MTP, TENSORS))
    assert (report.draft_head, report.draft_parameters, report.problems) == ("missing", 0, ())
    assert report.parameters == numbers(TENSORS)


@pytest.mark.parametrize("declared_in", ["hf_quant_config.json", "config.json"])
def test_both_declarations_of_quantisation_say_the_same(tmp_path: Path, declared_in: Any) -> None:
    tensors = random_tensors(QUANTISED)
    first = write_modelopt_folder(tmp_path / "1" / "m", QUANTISED, tensors)
    other = write_modelopt_folder(tmp_path / "2" / "m", QUANTISED, tensors, declared_in=declared_in)
    assert check_path(first) == check_path(other)


def test_a_gguf_file_is_counted_by_its_types(tmp_path: Path) -> None:
    path = tiny_llama.write_gguf(
        tmp_path / "m.gguf", tiny_llama.CONFIG, tiny_llama.random_tensors(tiny_llama.CONFIG), type="Q8_0"
    )
    report = check_path(path)
    assert (report.kind, report.architecture, report.problems) == ("gguf", "llama", ())
    assert report.forms == {"Q8_0": 2 + 7 * tiny_llama.CONFIG["num_hidden_layers"]}


def test_every_missing_unknown_and_misshapen_tensor_is_said_once(tmp_path: Path) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        del tensors["lm_head.weight"], tensors[f"{UP}.weight"]
        tensors["backbone.layers.4.mixer.experts.8.up_proj.weight"] = torch.zeros(48, 64)
        tensors["backbone.norm_f.weight"] = torch.ones(63)

    report = changed(write_folder(tmp_path, CONFIG, TENSORS), change)
    assert sorted(said(report)) == [
        ("missing", f"{UP}.weight"),
        ("missing", "lm_head.weight"),
        ("shape", "backbone.norm_f.weight"),
        ("unknown", "backbone.layers.4.mixer.experts.8.up_proj.weight"),
    ]


CHANGES: dict[str, tuple[str, str, Callable[[Tensor], Tensor | None]]] = {
    "no scale of blocks": ("missing", "weight_scale", lambda _: None),
    "no scale": ("missing", "weight_scale_2", lambda _: None),
    "scale of bytes": ("storage", "weight_scale_2", lambda _: torch.ones((), dtype=torch.uint8)),
    "two scales": ("shape", "weight_scale_2", lambda _: torch.ones(2)),
    "block scales of another type": ("storage", "weight_scale", lambda scales: scales.float()),
    "block scales of another shape": ("shape", "weight_scale", lambda scales: scales[:, :1].contiguous()),
    "two input scales": ("shape", "input_scale", lambda _: torch.ones(2)),
    "not packed": ("storage", "weight", lambda packed: torch.zeros(48, 32)),
}


@pytest.mark.parametrize(("kind", "part", "change"), CHANGES.values(), ids=CHANGES.keys())
def test_what_is_wrong_with_a_quantised_matrix_is_one_problem(
    modelopt: Path, kind: str, part: str, change: Callable[[Tensor], Tensor | None]
) -> None:
    def apply(tensors: dict[str, Tensor]) -> None:
        new = change(tensors.pop(f"{UP}.{part}"))
        if new is not None:
            tensors[f"{UP}.{part}"] = new

    report = changed(modelopt, apply)
    assert said(report) == [(kind, f"{UP}.{part}")]
    assert report.problems[0].message.endswith(".") and UP in report.problems[0].message


def test_stacked_experts_of_a_wrong_shape_are_one_problem(tmp_path: Path) -> None:
    tensors = tiny_nemotron_h.saved_again(TENSORS)
    name = "model.layers.4.mixer.experts.up_proj"
    report = check_path(write_folder(tmp_path, CONFIG, tensors | {name: torch.zeros(7, 48, 64)}))
    assert said(report) == [("shape", name)]


def test_settings_that_cannot_be_read_are_the_one_problem(tmp_path: Path) -> None:
    report = check_path(write_folder(tmp_path, CONFIG | {"attention_bias": True}, TENSORS))
    assert said(report) == [("settings", "")]
    assert "attention_bias" in report.problems[0].message
    assert (report.architecture, report.parameters) == ("nemotron_h", 0)
    assert said(check_path(tmp_path / "gone")) == [("settings", "")]


def test_nothing_is_read_but_headers(modelopt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a tensor was read")

    monkeypatch.setattr("nemora.weights.safetensors.SafetensorsFolder.read", refuse)
    assert check_path(modelopt).problems == ()
    with pytest.raises(AssertionError):
        check_path(modelopt, load=True)


def test_a_sound_model_is_tried_and_an_unsound_one_is_not(modelopt: Path) -> None:
    trial = check_path(modelopt, load=True).trial
    assert trial is not None and trial.finite
    assert trial.load_seconds > 0 and trial.forward_seconds > 0 and trial.peak_bytes > trial.model_bytes > 0
    changed(modelopt, lambda tensors: tensors.pop("lm_head.weight"))
    report = check_path(modelopt, load=True)
    assert report.trial is None and said(report) == [("missing", "lm_head.weight")]


def test_logits_that_are_not_finite_are_a_problem(tmp_path: Path) -> None:
    broken = TENSORS | {"backbone.norm_f.weight": torch.full((64,), torch.nan)}
    report = check_path(write_folder(tmp_path, CONFIG, broken), load=True)
    assert report.trial is not None and not report.trial.finite
    assert said(report) == [("running", "")]


def test_a_scale_that_is_not_finite_is_a_problem_of_loading(modelopt: Path) -> None:
    changed(modelopt, lambda tensors: tensors.update({f"{UP}.weight_scale_2": torch.tensor(torch.inf)}))
    report = check_path(modelopt, load=True)
    assert said(report) == [("running", "")]
    assert f"{UP}.weight_scale_2" in report.problems[0].message


@dataclass
class Remote:
    """A checkpoint that is told by its headers."""

    kind: Any
    architecture: str
    metadata: Mapping[str, Any]
    tensors: Mapping[str, Any]
    quantisation: Mapping[str, Any] | None = None


@dataclass
class RemoteTensor:
    name: str
    dtype: str
    shape: tuple[int, ...]


def headers_of(path: Path) -> Remote:
    checkpoint = open_checkpoint(path)
    types = {"FP8_E4M3": "F8_E4M3"}
    tensors = {
        name: RemoteTensor(name, types.get(info.format.name, info.format.name), info.shape)
        for name, info in checkpoint.file.tensors.items()
    }
    remote = Remote(checkpoint.kind, checkpoint.architecture, checkpoint.metadata, tensors)
    file = path / "hf_quant_config.json"
    remote.quantisation = json.loads(file.read_text()) if file.is_file() else None
    return remote


def test_a_remote_folder_is_reported_on_like_one_that_is_here(modelopt: Path) -> None:
    here = check_path(modelopt)
    remote = headers_of(modelopt)
    assert here.problems == () and check_remote("m", remote) == here
    remote.tensors = {name: tensor for name, tensor in remote.tensors.items() if name != f"{UP}.weight"}
    assert said(check_remote("m", remote)) == [("missing", f"{UP}.weight")]


def test_a_remote_gguf_file_is_reported_on_like_one_that_is_here(tmp_path: Path) -> None:
    tensors = tiny_llama.random_tensors(tiny_llama.CONFIG)
    path = tiny_llama.write_gguf(tmp_path / "m.gguf", tiny_llama.CONFIG, tensors, factors=[1.0] * 16)
    here = check_path(path)
    assert here.problems == () and check_remote("m.gguf", headers_of(path)) == here


def test_a_tied_head_that_is_stored_elsewhere_is_not_read(tmp_path: Path) -> None:
    tensors = tiny_llama.random_tensors(tiny_llama.CONFIG)
    folder = write_folder(tmp_path, tiny_llama.CONFIG | {"tie_word_embeddings": True}, tensors)
    assert said(check_path(folder)) == [("storage", "lm_head.weight")]  # it is not the embedding
    assert check_remote("m", headers_of(folder)).problems == ()


@pytest.mark.parametrize("kind", ["safetensors", "gguf"])
def test_a_remote_tensor_of_another_type_is_the_one_problem(modelopt: Path, kind: str) -> None:
    remote = replace(headers_of(modelopt), kind=kind, tensors={"a": RemoteTensor("a", "F6_E2M3", (2, 2))})
    report = check_remote("m", remote)
    assert said(report) == [("settings", "")] and "F6_E2M3" in report.problems[0].message
