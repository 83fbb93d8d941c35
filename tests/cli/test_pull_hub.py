"""`nemora pull hub:OWNER/REPO`: what is said, when a yes is needed, and that `rm` and `--from` know the same names."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_models_verb import verb

from hub_server import COMMIT, REPO, Hub, serving_hub
from nemora.errors import FetchError, NotCached, UnknownModel, UsageError
from nemora.weights import catalog

NAME = f"hub:{REPO}"
FOLDER = "nvidia--nvidia-nemotron-3-nano-4b-bf16"
FILES = {"config.json": b"{}", "model.safetensors": b"weights", "LICENSE": b"Be good."}


class Answering(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and nobody at the terminal; returns the cache."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "NEMORA_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    return tmp_path / ".cache/nemora"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub(dict(FILES), large={"model.safetensors"})
    with serving_hub(hub) as url:
        monkeypatch.setattr(catalog, "HUB", url)
        yield hub


def files_of(home: Path) -> set[str]:
    return {path.name for path in home.rglob("*") if path.is_file() and "locks" not in path.parts}


def test_small_model_of_a_permissive_licence_needs_no_yes(
    hub: Hub, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb("pull", NAME) == 0
    out, err = capsys.readouterr()
    assert out == f"{NAME}: {home / 'models' / FOLDER}\n"
    lines = err.splitlines()
    assert lines[0] == f"{NAME}: 3 files, 0.0 MB, commit {COMMIT}"
    assert lines[1].startswith("licence: apache-2.0") and "LICENSE" in lines[2]
    assert files_of(home) == {*FILES, "hub.json", "manifest.json", "LICENCE.txt"}


def test_second_pull_asks_nobody(hub: Hub, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verb("pull", "--yes", NAME)
    hub.asked.clear()
    hub.gated = "auto"
    capsys.readouterr()
    for name in (NAME, FOLDER):
        assert verb("pull", name) == 0
        assert capsys.readouterr() == (f"{name}: {home / 'models' / FOLDER}\n", "")
    assert hub.asked == []


CASES: list[tuple[dict[str, Any], str]] = [
    ({"licence": {"license": "other", "license_name": "own-licence"}}, r"its licence \(own-licence\)"),
    ({"licence": {}}, r"its licence \(other\)"),
    ({"gated": "manual"}, "its access is restricted"),
]


@pytest.mark.parametrize(("changes", "words"), CASES)
def test_terms_that_are_not_known_to_be_permissive_need_a_yes(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    for name, value in changes.items():
        setattr(hub, name, value)
    with pytest.raises(UsageError, match=rf"--yes: {words}"):
        verb("pull", "--quiet", NAME)
    monkeypatch.setattr("sys.stdin", Answering("no\n"))
    with pytest.raises(FetchError, match="was not yes"):
        verb("pull", "--quiet", NAME)
    assert files_of(home) == set() and hub.paths("store") == []
    monkeypatch.setattr("sys.stdin", Answering("yes\n"))
    assert verb("pull", "--quiet", NAME) == 0


def test_large_model_needs_a_yes(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.cli.pull.UNASKED_BYTES", 10)
    with pytest.raises(UsageError, match=r"--yes: it has 0\.0 MB"):
        verb("pull", NAME)
    assert verb("pull", "--yes", NAME) == 0


def test_words_of_the_hub_cannot_steer_the_terminal(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.licence = {"license": "other", "license_name": "a\x1b[2Jb", "license_link": "https://x\x07\r"}
    assert verb("pull", "--yes", NAME) == 0
    assert not {"\x1b", "\x07", "\r"} & set("".join(capsys.readouterr()))


def test_gated_model_is_one_sentence(hub: Hub) -> None:
    hub.needs_token = True
    with pytest.raises(FetchError, match=r"accept the model's licence at .* and set HF_TOKEN"):
        verb("pull", "--yes", NAME)


def test_token_of_the_settings_opens_it(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.needs_token = hub.files_need_token = True
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    assert verb("pull", NAME) == 0
    assert all("authorization" not in headers for name, _, headers in hub.asked if name == "store")


def test_offline_pull_of_what_is_not_there_asks_nobody(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEMORA_OFFLINE", "1")
    with pytest.raises(NotCached, match=f"nemora pull {NAME}"):
        verb("pull", NAME)
    assert hub.asked == []


def test_folder_of_another_cache_fills_this_one_without_a_network(
    hub: Hub, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verb("pull", NAME)
    shutil.move(home / "models" / FOLDER, tmp_path / "usb")
    monkeypatch.setenv("NEMORA_OFFLINE", "1")
    hub.asked.clear()
    with pytest.raises(UsageError, match="that model"):
        verb("pull", f"{NAME}@v1", "--from", str(tmp_path / "usb"))
    assert verb("pull", NAME, "--from", str(tmp_path / "usb")) == 0
    assert set(FILES) <= files_of(home) and hub.asked == []


def test_rm_takes_the_name_that_pull_took(hub: Hub, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verb("pull", "--quiet", NAME)
    assert verb("rm", NAME) == 0
    assert capsys.readouterr().out.startswith(f"{NAME}: ")
    assert files_of(home) == set()
    with pytest.raises(UnknownModel):
        verb("rm", NAME)


@pytest.mark.parametrize("name", [REPO, "hub:x", "hub:../x", "hub:a/b:x.bin"])
def test_what_is_no_name_is_refused_before_anything_is_asked(hub: Hub, name: str) -> None:
    with pytest.raises(UnknownModel, match="hub:OWNER/REPO"):
        verb("pull", NAME, name)
    assert hub.asked == []
