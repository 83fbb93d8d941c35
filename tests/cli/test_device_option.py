"""--device: over the settings, for every verb that runs a model here, and one sentence for a device that is not here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
import torch

from nemora.backends.local_model import LocalModel
from nemora.cli import asking
from nemora.cli.main import main
from nemora.errors import UsageError
from nemora.settings import Settings
from nemora.weights import device
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from nemora.weights.memory import available_memory
from tiny_llama import CONFIG, random_tensors, write_folder

ABSENT = "cuda:4000"
LOCAL_SERVER = '[servers.near]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\ntrust = "local"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "model", CONFIG, random_tensors(CONFIG))


@pytest.fixture
def config(tmp_path: Path, folder: Path) -> Path:
    file = tmp_path / "nemora.toml"
    file.write_text(f'[server]\nport = 1\n[local]\nmodel = "{folder}"\n')
    return file


def test_memory_of_a_device_that_is_not_here_is_the_same_sentence() -> None:
    with pytest.raises(UsageError, match="--device"):
        available_memory(ABSENT)


@pytest.mark.parametrize("words", [["serve"], ["ask", "Hello"], ["generate", "FOLDER", "--prompt-ids", "1"]])
def test_a_device_that_is_not_here_is_one_sentence(
    words: list[str], config: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.replace("FOLDER", str(folder)) for word in words]
    assert main(["--config", str(config), *words, "--device", ABSENT]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "cpu" in error and "--device" in error


def test_so_is_one_in_the_settings(config: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(f'[local]\ndevice = "{ABSENT}"\n')
    generate = ["--config", str(config), "generate", str(folder), "--prompt-ids", "1", "--max-tokens", "1"]
    assert main(generate) == 2
    assert "local.device" in capsys.readouterr().err
    assert main([*generate, "--device", "cpu"]) == 0


def test_nothing_is_fetched_or_read_for_a_device_that_is_not_here(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    def fetch(*_: Any, **__: Any) -> Path:
        raise AssertionError("fetched")

    monkeypatch.setattr("nemora.backends.local_place.resolve", fetch)
    with pytest.raises(UsageError):
        LocalModel.load("smollm2-135m", device=ABSENT, cache=folder)
    with pytest.raises(UsageError):
        load_model(open_checkpoint(folder), device=ABSENT)


def test_serve_and_chat_take_it_over_the_settings(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    seen: list[Settings] = []
    monkeypatch.setattr("nemora.server.run.serve", lambda settings, **_: seen.append(settings))
    config.write_text('[local]\ndevice = "mps"\nmodel = "m"\ncontext = 7\n')
    assert main(["--config", str(config), "serve", "--device", "cuda:1", "--threads", "2"]) == 0
    assert (seen[0].local.device, seen[0].local.context, seen[0].local.threads) == ("cuda:1", 7, 2)
    args = argparse.Namespace(config=config, device="cuda", cloud_url=None, cloud_model=None, cloud_key_env=None)
    assert asking.settings_of(args).local.device == "cuda"
    args.device = None
    assert asking.settings_of(args).local.device == "mps"


def test_a_running_server_is_not_asked_for_what_another_device_is_to_answer(
    monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    monkeypatch.setattr(asking, "_running", lambda settings: "http://127.0.0.1:1")
    monkeypatch.setattr(asking, "GatewayDoor", lambda settings: settings.local.device)
    args = argparse.Namespace(config=config, device="cuda", cloud_url=None, cloud_model=None, cloud_key_env=None)
    assert asking.open_door(args) == "cuda"  # type: ignore[comparison-overlap]


def test_beside_a_local_server_it_is_refused_not_ignored(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(LOCAL_SERVER)
    assert main(["--config", str(config), "serve", "--device", "cpu"]) == 2
    assert "--device has no effect" in capsys.readouterr().err


def test_every_device_of_an_accelerator_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    assert device.present_devices() == ["cpu", "cuda", "cuda:0", "cuda:1"]
    device.check_device("cuda:1")
    with pytest.raises(UsageError, match=r"cuda:0, cuda:1"):
        device.check_device("cuda:2")
