"""Settings: every mistake is named, and no secret shows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from nemora.errors import SettingsError
from nemora.settings import (
    InspectionSettings,
    LocalSettings,
    RemoteServer,
    ServerSettings,
    Settings,
    load_settings,
    with_cloud,
)

FAR = '[servers.far]\nbase_url = "https://api.example.com/v1"\nmodel = "m"\ntrust = "cloud"\napi_key_env = "FAR_KEY"\n'


def load(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = tmp_path / "nemora.toml"
    file.write_text(text)
    return load_settings(file, {"HOME": str(tmp_path), **environ})


def test_without_a_file_everything_has_a_default_and_binds_loopback(tmp_path: Path) -> None:
    settings = load_settings(None, {"HOME": str(tmp_path)})
    assert settings.server.host == "127.0.0.1"
    assert settings.cloud is None
    assert settings.paths.data == tmp_path / ".local/share/nemora"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("prot = 1", "prot"),
        ("[server]\nprot = 1", "server.prot"),
        ("[server]\nport = true", "server.port"),
        ("[server]\nport = -1", "server.port"),
        ("[servers.far]\nmodel = 'm'", "base_url"),
        (FAR.replace("api_key_env", "api_key"), "api_key"),
        (FAR, "FAR_KEY"),
        (FAR.replace('"cloud"', '"friend"'), "trust"),
        (FAR.replace("https://", "ftp://"), "base_url"),
        ("offline = 1", "offline"),
        ("policy = 3", "policy"),
        ("[server", "TOML"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(tmp_path: Path, text: str, named: str) -> None:
    environ = {} if named == "FAR_KEY" else {"FAR_KEY": "k"}
    with pytest.raises(SettingsError, match=named):
        load(tmp_path, text, **environ)


def test_keys_never_show_in_a_representation(tmp_path: Path) -> None:
    settings = load(tmp_path, FAR + '[server]\napi_key_env = "MINE"\n', FAR_KEY="far-secret", MINE="my-secret")
    assert settings.cloud is not None and settings.cloud.api_key == "far-secret"
    assert settings.server.api_key == "my-secret"
    assert "far-secret" not in repr(settings) and "my-secret" not in repr(settings)


@pytest.mark.parametrize("host", ["192.168.1.5", "gpu.internal", "localhost.evil.test"])
def test_a_foreign_address_is_not_local(tmp_path: Path, host: str) -> None:
    text = f'[servers.near]\nbase_url = "http://{host}:8000/v1"\nmodel = "m"\ntrust = "local"\n'
    with pytest.raises(SettingsError, match="loopback"):
        load(tmp_path, text)


def test_a_pinned_address_may_be_local(tmp_path: Path) -> None:
    text = '[servers.near]\nbase_url = "http://10.1.2.3:8000/v1"\nmodel = "m"\ntrust = "local"\npinned = ["10.1.2.3"]\n'
    assert load(tmp_path, text).servers[0].trust == "local"


def test_there_is_one_cloud_at_most(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="only one"):
        load(tmp_path, FAR + FAR.replace("far]", "other]"), FAR_KEY="k")


def test_flags_replace_the_cloud(tmp_path: Path) -> None:
    settings = with_cloud(load(tmp_path, FAR, FAR_KEY="k"), "http://127.0.0.1:9/v1", "other", None)
    assert [s.model for s in settings.servers if s.trust == "cloud"] == ["other"]


def test_every_key_is_documented() -> None:
    document = (Path(__file__).parent.parent / "docs" / "settings.md").read_text(encoding="utf-8")
    for kind in (ServerSettings, LocalSettings, InspectionSettings, RemoteServer):
        for field in dataclasses.fields(kind):
            if field.name not in ("api_key", "name"):
                assert f".{field.name}" in document, field.name
