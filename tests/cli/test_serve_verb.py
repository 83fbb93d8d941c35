"""nemora serve: flags over the settings file, and nothing that is silently without effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nemora.cli.main import main
from nemora.settings import Settings


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings with which a server would have been started."""
    seen: list[Settings] = []

    def record(settings: Settings, **_: Any) -> None:
        seen.append(settings)

    monkeypatch.setattr("nemora.server.run.serve", record)
    return seen


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "nemora.toml"
    file.write_text('[server]\nport = 1\nmax_requests = 5\n[local]\ncontext = 7\nmodel = "from-file"\n')
    return file


def test_flags_replace_settings_and_leave_the_others(served: list[Settings], config: Path) -> None:
    flags = ["--host", "::1", "--port", "0", "--model", "m", "--threads", "2", "--offline"]
    assert main(["--config", str(config), "serve", *flags]) == 0
    settings = served[0]
    assert (settings.server.host, settings.server.port, settings.server.max_requests) == ("::1", 0, 5)
    assert (settings.local.model, settings.local.threads, settings.local.context) == ("m", 2, 7)
    assert settings.offline


def test_without_flags_the_file_counts(served: list[Settings], config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEMORA_OFFLINE", raising=False)
    assert main(["--config", str(config), "serve"]) == 0
    assert (served[0].server.port, served[0].local.model, served[0].offline) == (1, "from-file", False)


def test_a_cloud_on_the_command_line_takes_its_key_from_the_named_variable(
    served: list[Settings], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAR_KEY", "k")
    cloud = ["--cloud-url", "https://far.example/v1", "--cloud-model", "big", "--cloud-key-env", "FAR_KEY"]
    assert main(["--config", str(config), "serve", *cloud]) == 0
    far = served[0].cloud
    assert far is not None
    assert (far.base_url, far.model, far.trust, far.api_key) == ("https://far.example/v1", "big", "cloud", "k")


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--port", "65536"], "--port"),
        (["--port", "-1"], "--port"),
        (["--threads", "0"], "--threads"),
        (["--threads", "99999"], "--threads"),
        (["--cloud-model", "big"], "--cloud-url"),
        (["--cloud-key-env", "FAR_KEY"], "--cloud-url"),
        (["--cloud-url", "https://far.example/v1", "--cloud-model", "b", "--cloud-key-env", "UNSET_XYZ"], "UNSET_XYZ"),
        (["--cloud-url", "https://far.example/v1", "--cloud-model", "b", "--cloud-key-env", "sk-CANARY"], "variable"),
    ],
)
def test_a_wrong_flag_is_one_sentence_and_no_server(
    flags: list[str], word: str, served: list[Settings], config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(config), "serve", *flags]) == 2
    error = capsys.readouterr().err
    assert word in error and error.count("\n") == 1
    assert "CANARY" not in error
    assert not served


def test_a_model_beside_a_local_server_is_refused_not_ignored(
    served: list[Settings], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "nemora.toml"
    file.write_text('[servers.near]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\ntrust = "local"\n')
    assert main(["--config", str(file), "serve", "--model", "other"]) == 2
    assert "--model" in capsys.readouterr().err
    assert main(["--config", str(file), "serve"]) == 0


def test_a_site_that_is_offline_by_its_settings_stays_offline_without_the_flag(
    served: list[Settings], config: Path
) -> None:
    config.write_text("offline = true\n")
    assert main(["--config", str(config), "serve"]) == 0
    assert served[0].offline


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A settings file that says nothing, on a machine with room for a large model and a hub that answers."""
    monkeypatch.delenv("NEMORA_OFFLINE", raising=False)
    monkeypatch.setattr("nemora.weights.fit.available_memory", lambda device="cpu": 24_000_000_000)
    monkeypatch.setattr("nemora.cli.offer.hub_answers", lambda: True)
    file = tmp_path / "bare.toml"
    file.write_text("")
    return str(file)


def test_without_a_terminal_the_starter_is_served_and_a_line_says_what_would_fit(
    served: list[Settings], bare: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", bare, "serve"]) == 0
    assert served[0].local.model == "smollm2-135m"
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "would fit" in error


def test_yes_serves_the_offered_model_after_showing_its_licence(
    served: list[Settings], bare: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", bare, "serve", "--yes"]) == 0
    model = served[0].local.model
    assert model is not None and model.startswith("hub:nvidia/")
    error = capsys.readouterr().err
    assert model.removeprefix("hub:") in error and "licence" in error


def test_offline_serves_the_starter_in_silence(
    served: list[Settings], bare: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", bare, "serve", "--offline", "--yes"]) == 0
    assert served[0].local.model == "smollm2-135m" and capsys.readouterr().err == ""
