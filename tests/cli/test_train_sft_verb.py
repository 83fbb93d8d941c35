"""The verb: what it writes, prints and refuses, and that a stopped run goes on as if it had not been stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import tiny_llama
from nemora.cli import main as command
from nemora.train.loop import Trainer
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from tiny_tokenizer import SIZE, tokenizer_folder

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
CANARY = "zebra-4711"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama that can chat."""
    config = tiny_llama.CONFIG | {"vocab_size": SIZE}
    folder = tmp_path_factory.mktemp("verb") / "model"
    tokenizer_folder(tiny_llama.write_folder(folder, config, tiny_llama.random_tensors(config)))
    (folder / "chat_template.jinja").write_text(CHATML)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [{"prompt": f"{CANARY} {number}?", "completion": f"hello {number}"} for number in range(12)]
    path = tmp_path / "chat.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def run(model: Path, data: Path, out: Path, *options: object) -> int:
    words = ["train", "sft", model, "--data", data, "--out", out, "--length", 96, *options]
    return command.main([str(word) for word in words])


def refused(capsys: pytest.CaptureFixture[str], *words: Any) -> str:
    assert run(*words) in (1, 2)
    said = capsys.readouterr()
    assert not said.out and CANARY not in said.err
    return said.err


def test_adapters_are_trained_and_all_that_is_said_of_them_is_written(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(model, data, out, "--lora", 4, "--steps", 6, "--rate", 0.01, "--evaluate-every", 3, "--merge") == 0
    said = capsys.readouterr()
    assert {path.name for path in out.iterdir()} == {
        *("adapter", "model", "run", "before.json", "curve.png", "report.json", "settings.json")
    }
    report = json.loads((out / "report.json").read_text())
    before, after = report["held_out_loss"]["before"], report["held_out_loss"]["after"]
    assert after < before and f"{before:.4f} before, {after:.4f} after" in said.out
    assert report["conversations"] == {"learned": 11, "held_out": 1} and report["steps"] == 6
    assert json.loads((out / "adapter" / "adapter_config.json").read_text())["r"] == 4
    history = [json.loads(line) for line in (out / "run" / "history.jsonl").read_text().splitlines()]
    assert [step["step"] for step in history if step["evaluation"] is not None] == [3, 6]
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")
    written = [path for path in out.rglob("*.json*") if path.parent.name != "model"]
    assert written and not any(CANARY in text for text in [said.out, said.err, *(p.read_text() for p in written)])


def test_a_merged_model_is_its_base_with_the_adapter_in_it(model: Path, data: Path, tmp_path: Path) -> None:
    out, ids = tmp_path / "out", torch.arange(3, 40)[None]
    assert run(model, data, out, "--lora", 4, "--steps", 3, "--rate", 0.01, "--merge") == 0
    adapter = load_file(out / "adapter" / "adapter_model.safetensors")
    base, merged = (load_file(path / "model.safetensors") for path in (model, out / "model"))
    name = "model.layers.1.self_attn.q_proj"
    a, b = (adapter[f"base_model.model.{name}.lora_{part}.weight"] for part in "AB")
    assert b.any()
    assert torch.allclose(merged[f"{name}.weight"], base[f"{name}.weight"] + 2 * b @ a, atol=1e-6)
    loaded = load_model(open_checkpoint(out / "model"))
    assert torch.isfinite(loaded.forward(ids, loaded.new_state(40))).all()


def test_a_whole_model_is_trained_and_can_be_trained_further(model: Path, data: Path, tmp_path: Path) -> None:
    assert run(model, data, tmp_path / "one", "--steps", 4, "--rate", 1e-3) == 0
    assert not (tmp_path / "one" / "adapter").exists()
    base, trained = (load_file(path / "model.safetensors") for path in (model, tmp_path / "one" / "model"))
    assert base.keys() == trained.keys() and not any(torch.equal(base[name], trained[name]) for name in base)
    assert run(tmp_path / "one" / "model", data, tmp_path / "two", "--steps", 2, "--rate", 1e-3) == 0
    first, second = (json.loads((tmp_path / n / "report.json").read_text())["held_out_loss"] for n in ("one", "two"))
    assert second["before"] == pytest.approx(first["after"], abs=1e-4)


def test_a_stopped_run_goes_on_bit_for_bit(
    model: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ("--lora", 4, "--dropout", 0.1, "--steps", 6, "--rate", 0.01, "--save-every", 2)
    assert run(model, data, tmp_path / "whole", *options) == 0
    step = Trainer.step

    def stopped(trainer: Trainer) -> Any:
        if trainer.done == 3:
            raise KeyboardInterrupt
        return step(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stopped)
        assert run(model, data, tmp_path / "parts", *options) == 130
    said = capsys.readouterr().err
    assert "0 of 6 steps" in said and said.endswith("nemora: Stopped; --resume goes on from step 2.\n")
    assert not (tmp_path / "parts" / "adapter").exists()
    torch.manual_seed(99)
    assert run(model, data, tmp_path / "parts", *options, "--resume") == 0
    whole, parts = (load_file(tmp_path / n / "adapter" / "adapter_model.safetensors") for n in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    reports = [json.loads((tmp_path / name / "report.json").read_text()) for name in ("whole", "parts")]
    assert reports[0]["held_out_loss"] == reports[1]["held_out_loss"]


def test_a_run_is_resumed_only_with_what_it_was_begun_with(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(model, data, out, "--lora", 2, "--steps", 1) == 0
    capsys.readouterr()
    assert "--rate differs" in refused(capsys, model, data, out, "--lora", 2, "--steps", 1, "--rate", 0.5, "--resume")
    data.write_text(data.read_text() + "\n" + json.dumps({"prompt": "a", "completion": "b"}))
    assert "--data differs" in refused(capsys, model, data, out, "--lora", 2, "--steps", 1, "--resume")


def test_data_are_checked_before_the_model_is_looked_for(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data.write_text(data.read_text() + f'\n{{"{CANARY}": 1}}')
    assert "chat.jsonl, line 13 cannot be used" in refused(capsys, tmp_path / "no-model", data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_does_not_fit_into_memory_is_refused_before_it_is_loaded(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nemora.weights.memory.available_memory", lambda device="cpu": 1000)
    monkeypatch.setattr("nemora.train.load.load_parameters", None)
    said = refused(capsys, model, data, tmp_path / "out")
    assert "Training would need about" in said and "--lora 16" in said and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--alpha", 3), "belong to --lora"),
        (("--merge",), "belong to --lora"),
        (("--lora", 0), "rank of at least 1"),
        (("--lora", 4, "--targets", "nonsense"), "1 of the targets"),
        (("--held-out-share", 1.5), "--held-out-share"),
        (("--rows", 0), "above zero"),
        (("--steps", 0), "number of steps"),
        (("--length", 100_000), "model's context"),
        (("--length", 8), "anything to learn"),
        (("--resume",), "folder of a run"),
        (("--threads", 0), "--threads"),
        (("--held-out", "missing.jsonl"), "cannot be read"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_in_one_sentence(
    model: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[object, ...],
    said: str,
) -> None:
    message = refused(capsys, model, data, tmp_path / "out", *options)
    assert said in message and message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_existing_folder_is_left_alone(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "exists already" in refused(capsys, model, data, tmp_path)
    assert "does not exist" in refused(capsys, model, data, tmp_path / "a" / "b")


def test_a_model_without_a_chat_template_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny_llama.write_folder(tmp_path / "m", tiny_llama.CONFIG, tiny_llama.random_tensors(tiny_llama.CONFIG))
    assert "no chat template" in refused(capsys, path, data, tmp_path / "out")
