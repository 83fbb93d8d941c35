"""`nemora check` on a terminal and for scripts."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from hub_server import REPO, Hub, serving_hub
from nemora.cli import check
from nemora.errors import FetchError, NotCached, UnknownModel
from nemora.weights import catalog
from tiny_llama import CONFIG, random_tensors, write_folder

TENSORS = random_tensors(CONFIG)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "NEMORA_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(variable, raising=False)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    return check.run(argparse.Namespace(config=None, **vars(parser.parse_args(words))))


@pytest.fixture
def sound(tmp_path: Path) -> str:
    return str(write_folder(tmp_path / "sound", CONFIG, TENSORS))


@pytest.fixture
def broken(tmp_path: Path) -> str:
    """45 tensors without a place and one of a wrong shape."""
    unknown = {f"model.layers.0.extra.{number}.weight": torch.zeros(1) for number in range(45)}
    return str(write_folder(tmp_path / "broken", CONFIG, TENSORS | unknown | {"model.norm.weight": torch.ones(7)}))


def test_a_sound_model_is_described_and_the_status_is_0(sound: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(sound) == 0
    facts = {line[:14].strip(): line[14:] for line in capsys.readouterr().out.splitlines()}
    assert facts["architecture"] == "llama"
    assert facts["parameters"] == f"{sum(tensor.numel() for tensor in TENSORS.values()):,}"
    assert facts["matrices"] == "16 F32"
    assert facts["problems"] == "none"
    assert "trial" not in facts


def test_problems_are_grouped_and_shortened_and_the_status_is_1(
    broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(broken) == 1
    out = capsys.readouterr().out
    assert "unknown tensors: 45\n" in out and "wrong shapes: 1\n" in out
    assert out.count("has no place") == check.SHOWN_PROBLEMS
    assert "and 25 more" in out


def test_json_has_every_problem(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(broken, "--json") == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert sorted(problem["kind"] for problem in problems) == ["shape"] + ["unknown"] * 45
    assert all(problem["tensor"] in problem["message"] for problem in problems)


def test_settings_that_cannot_be_read_are_one_sentence_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert run(str(tmp_path / "empty")) == 1
    assert capsys.readouterr().out.splitlines()[-1].endswith("it has no config.json.")


def test_load_runs_the_model_once(sound: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(sound, "--load") == 0
    assert "finite logits" in capsys.readouterr().out
    assert run(sound, "--load", "--json") == 0
    trial = json.loads(capsys.readouterr().out)["trial"]
    assert trial["finite"] is True and trial["peak_bytes"] > 0


def test_what_does_not_exist_is_an_unknown_model() -> None:
    with pytest.raises(UnknownModel):
        run("no-such-model")


@pytest.mark.parametrize(
    "words", [["nosuch"], ["nosuch", "--load"], ["hub:not/a/name"], ["nemotron-3-nano-30b-a3b:gguf"], ["no/folder"]]
)
def test_a_wrong_name_is_said_before_torch_is_loaded(words: list[str]) -> None:
    program = f"""if True:
        import sys
        from nemora.cli.main import main
        print(main(["check", *{words!r}]), "torch" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "1 False" and done.stderr.startswith("nemora: "), done.stderr


def test_names_from_files_are_not_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strange = {"[bold]x[/bold]\x1b[31m": torch.zeros(1)}
    assert run(str(write_folder(tmp_path / "odd", CONFIG, TENSORS | strange))) == 1
    out = capsys.readouterr().out
    assert "[bold]x[/bold]?[31m" in out and "\x1b" not in out


@pytest.fixture
def hub(sound: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has the sound model."""
    hub = Hub({path.name: path.read_bytes() for path in Path(sound).iterdir()}, large={"model.safetensors"})
    with serving_hub(hub) as url:
        monkeypatch.setattr(catalog, "HUB", url)
        yield hub


def test_a_model_of_the_hub_is_reported_on_like_one_that_is_here(
    hub: Hub, sound: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sound, "--json") == 0
    here = json.loads(capsys.readouterr().out)
    assert run(f"hub:{REPO}", "--json") == 0
    there = json.loads(capsys.readouterr().out)
    assert there | {"name": "sound"} == here
    assert there["name"] == f"hub:{REPO}"
    assert not list(tmp_path.glob(".cache/**/*.safetensors"))


def test_what_is_wrong_with_a_model_of_the_hub_is_the_report(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.files["config.json"] = b'{"model_type": "mamba"}'
    assert run(f"hub:{REPO}") == 1
    assert "architecture mamba" in capsys.readouterr().out
    hub.files["config.json"] = b"["
    assert run(f"hub:{REPO}") == 1
    assert "config.json is damaged" in capsys.readouterr().out


def test_a_hub_that_has_no_such_model_is_an_error(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FetchError):
        run("hub:nvidia/gone")
    monkeypatch.setenv("NEMORA_OFFLINE", "1")
    with pytest.raises(NotCached):
        run(f"hub:{REPO}")
