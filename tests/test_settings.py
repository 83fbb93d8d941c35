"""Settings: every mistake is named, and no secret shows."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from nemora.errors import SettingsError
from nemora.settings import (
    InspectionSettings,
    LedgerSettings,
    LocalSettings,
    RemoteServer,
    ServerSettings,
    Settings,
    duration,
    load_settings,
    with_cloud,
)

ROOT = Path(__file__).parent.parent
FAR = '[servers.far]\nbase_url = "https://api.example.com/v1"\nmodel = "m"\ntrust = "cloud"\napi_key_env = "FAR_KEY"\n'


NEAR = '[servers.near]\nbase_url = "http://{}:8000/v1"\nmodel = "m"\ntrust = "local"\npinned = {}\n'
TABLES = {"server": ServerSettings, "local": LocalSettings, "inspection": InspectionSettings}


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


def test_a_mistake_never_shows_a_key(tmp_path: Path) -> None:
    for line in ('api_key = "sk-secret"', 'base_url = "https://me:sk-secret@h/v1"', 'connect_seconds = "sk-secret"'):
        key = line.split(" ")[0]
        kept = "".join(f"{other}\n" for other in FAR.splitlines() if not other.startswith(f"{key} "))
        with pytest.raises(SettingsError) as caught:
            load(tmp_path, f"{kept}{line}\n", FAR_KEY="the-real-key")
        assert "secret" not in str(caught.value) and "real" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f"{FAR}name = 'other'", "name"),
        (FAR.replace("api.example.com", "h:99999"), "base_url"),
        (FAR.replace("api.example.com", "[::1"), "base_url"),
        (FAR.replace("example.com", "exa mple.com"), "base_url"),
        ("[server]\nport = 70000", "server.port"),
        ("[server]\napi_key = 'plain'", "api_key"),
        ("[inspection]\nseconds = inf", "inspection.seconds"),
        ("policy = ''", "policy"),
    ],
)
def test_a_mistake_that_is_easily_missed_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(tmp_path, text, FAR_KEY="k")


def test_a_key_in_the_place_of_its_variable_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="api_key_env") as caught:
        load(tmp_path, FAR.replace("FAR_KEY", "sk-live-51H8secret"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("table", TABLES)
@given(key=st.from_regex(r"[a-z_]{1,20}", fullmatch=True))
@budget(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_unknown_key_is_named(tmp_path: Path, table: str, key: str) -> None:
    known = {field.name for field in dataclasses.fields(TABLES[table])}
    if key in known | {"api_key_env"}:
        return
    with pytest.raises(SettingsError, match=rf"{table}\.{key};"):
        load(tmp_path, f"[{table}]\n{key} = 1\n")


@given(data=st.text(max_size=80) | st.sampled_from(["[servers.far]\n", "[[server]]", "servers = [1]", "x = \ud7ff"]))
@budget(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_settings_or_one_sentence(tmp_path: Path, data: str) -> None:
    try:
        settings = load(tmp_path, data)
    except SettingsError:
        return
    assert settings.server.host == "127.0.0.1"


def test_bytes_that_are_no_text_are_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "nemora.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings(file, {"HOME": str(tmp_path)})


def test_a_named_file_must_exist_and_the_usual_one_need_not(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load_settings(tmp_path / "missing.toml", {"HOME": str(tmp_path)})
    assert load_settings(None, {"HOME": str(tmp_path)}).servers == ()


def test_the_usual_file_is_found_and_its_policy_lies_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "conf" / "nemora"
    folder.mkdir(parents=True)
    (folder / "nemora.toml").write_text("[server]\nport = 9\n")
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "conf")}
    assert load_settings(None, environ).server.port == 9
    assert load_settings(None, environ).policy is None
    (folder / "policy.toml").write_text("")
    assert load_settings(None, environ).policy == folder / "policy.toml"
    (folder / "nemora.toml").write_text("policy = 'strict.toml'")
    assert load_settings(None, environ).policy == folder / "strict.toml"


def test_relative_xdg_folders_are_ignored(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_CACHE_HOME": "somewhere", "XDG_DATA_HOME": ""}
    paths = load_settings(None, environ).paths
    assert (paths.cache, paths.data) == (tmp_path / ".cache/nemora", tmp_path / ".local/share/nemora")


@pytest.mark.parametrize(("value", "offline"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_the_environment_can_forbid_fetching(tmp_path: Path, value: str, offline: bool) -> None:
    assert load(tmp_path, "", NEMORA_OFFLINE=value).offline is offline
    assert load(tmp_path, "offline = true", NEMORA_OFFLINE=value).offline is True


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = load(tmp_path, FAR, FAR_KEY="k")
    for part in (settings, settings.server, settings.local, settings.inspection, settings.paths, settings.servers[0]):
        name = dataclasses.fields(part)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, name, None)


def test_keys_never_show_in_a_representation(tmp_path: Path) -> None:
    text = FAR + '[server]\napi_key_env = "MINE"\n'
    settings = load(tmp_path, text, FAR_KEY="far-secret", MINE="my-secret", HF_TOKEN="hub-secret")
    assert settings.cloud is not None and settings.cloud.api_key == "far-secret"
    assert (settings.server.api_key, settings.hub_token) == ("my-secret", "hub-secret")
    assert "secret" not in repr(settings) and "secret" not in f"{settings.servers} {settings.server}"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "[::1]", "localhost"])
def test_loopback_is_local(tmp_path: Path, host: str) -> None:
    assert load(tmp_path, NEAR.format(host, [])).servers[0].trust == "local"


@pytest.mark.parametrize(
    "host",
    [
        *("192.168.1.5", "gpu.internal", "localhost.evil.test", "127.0.0.1.evil.test", "0.0.0.0", "[::]", "127.1"),  # noqa: S104
        *("2130706433", "0x7f.0.0.1", "[::ffff:10.0.0.1]", "169.254.169.254", "localhost."),
    ],
)
def test_a_foreign_address_is_not_local(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="loopback"):
        load(tmp_path, NEAR.format(host, []))


def test_a_pinned_address_may_be_local_and_no_other(tmp_path: Path) -> None:
    assert load(tmp_path, NEAR.format("10.1.2.3", ["10.1.2.3"])).servers[0].trust == "local"
    with pytest.raises(SettingsError, match="loopback"):
        load(tmp_path, NEAR.format("10.1.2.4", ["10.1.2.3"]))


def test_a_name_cannot_be_pinned(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="address"):
        load(tmp_path, NEAR.format("gpu.internal", ["gpu.internal"]))


def test_of_several_clouds_one_is_the_default(tmp_path: Path) -> None:
    other, third = FAR.replace("far]", "other]"), FAR.replace("far]", "third]")
    names = [s.name for s in load(tmp_path, FAR + other + third + "default = true\n", FAR_KEY="k").clouds]
    assert names == ["third", "far", "other"]
    settings = load(tmp_path, FAR + other, FAR_KEY="k")
    assert settings.cloud is not None and settings.cloud.name == "far"
    with pytest.raises(SettingsError, match="only one"):
        load(tmp_path, FAR + "default = true\n" + other + "default = true\n", FAR_KEY="k")
    with pytest.raises(SettingsError, match="true or false"):
        load(tmp_path, FAR + "default = 1\n", FAR_KEY="k")
    with pytest.raises(SettingsError, match="cloud servers only"):
        load(tmp_path, NEAR.format("127.0.0.1", []) + "\ndefault = true\n")


def test_the_heads_may_lie_elsewhere(tmp_path: Path) -> None:
    assert load(tmp_path, "").heads_file is None
    assert load(tmp_path, "[ledger]\nheads = '/mnt/heads'").heads_file == Path("/mnt/heads")


def test_flags_replace_the_cloud_and_nothing_else(tmp_path: Path) -> None:
    before = load(tmp_path, FAR + NEAR.format("127.0.0.1", []), FAR_KEY="k")
    after = with_cloud(before, "http://127.0.0.1:9/v1/", "other", None)
    assert after.cloud is not None
    assert (after.cloud.base_url, after.cloud.model, after.cloud.api_key) == ("http://127.0.0.1:9/v1", "other", None)
    assert [s.name for s in after.servers if s.trust == "local"] == ["near"]
    assert dataclasses.replace(after, servers=before.servers) == before


def test_flags_name_the_keys_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAG_KEY", "from-flag")
    cloud = with_cloud(load(tmp_path, ""), "https://h/v1", "m", "FLAG_KEY").cloud
    assert cloud is not None and cloud.api_key == "from-flag"
    monkeypatch.delenv("FLAG_KEY")
    with pytest.raises(SettingsError, match="FLAG_KEY"):
        with_cloud(load(tmp_path, ""), "https://h/v1", "m", "FLAG_KEY")


def test_every_key_is_documented() -> None:
    document = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for kind in (ServerSettings, LocalSettings, InspectionSettings, LedgerSettings, RemoteServer):
        for field in dataclasses.fields(kind):
            if field.name not in ("api_key", "name"):
                assert f".{field.name}" in document, field.name


@pytest.mark.parametrize("key", ["tagger", "topics"])
def test_a_setting_that_is_gone_says_what_takes_its_place(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingsError, match=rf"inspection\.{key} is no longer a setting.*inspection\.model"):
        load(tmp_path, f'[inspection]\n{key} = "x"\n')


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (0, 0.0),
        (90, 90.0),
        (1.5, 1.5),
        (-1, math.inf),
        ("0", 0.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("-1m", math.inf),
        ("100ms", 0.1),
        (1e30, math.inf),
        ("", None),
        ("5", None),
        ("m", None),
        ("5 m", None),
        (True, None),
        (math.nan, None),
        (None, None),
    ],
)
def test_a_duration_is_a_number_of_seconds_or_a_text_as_go_writes_it(given: object, seconds: float | None) -> None:
    assert duration(given) == (None if seconds is None else pytest.approx(seconds))


def test_keep_alive_is_a_duration_in_the_file_too(tmp_path: Path) -> None:
    file = tmp_path / "nemora.toml"
    for written, seconds in (('"5m"', 300.0), ("0", 0.0), ("-1", math.inf)):
        file.write_text(f"[local]\nkeep_alive = {written}\n")
        assert load_settings(file, {}).local.keep_alive == seconds
    file.write_text('[local]\nkeep_alive = "soon"\n')
    with pytest.raises(SettingsError, match="a duration such as"):
        load_settings(file, {})


def test_more_threads_than_torch_survives_are_refused(tmp_path: Path) -> None:
    assert load(tmp_path, "[local]\nthreads = 256\n").local.threads == 256
    with pytest.raises(SettingsError, match="threads must be at most 256"):
        load(tmp_path, "[local]\nthreads = 257\n")
