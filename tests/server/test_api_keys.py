"""API keys: who they let in, where, and how often."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import openai
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from server_fakes import Setup, plays, served, setup

from nemora.cli.main import main
from nemora.core import Delta, StopReason, Usage
from nemora.errors import Overloaded, SettingsError, Unauthorized
from nemora.server.api_keys import KEYS_FILE, ApiKey, ApiKeys
from nemora.server.listen import bind
from nemora.server.rate_limits import RateLimits
from nemora.settings import ServerSettings

ASK = {"model": "local", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def keys(tmp_path: Path) -> ApiKeys:
    return ApiKeys(tmp_path / "data")


@pytest.fixture
def server(keys: ApiKeys) -> Iterator[Setup]:
    with served(setup(), keys=keys) as running:
        yield running


def ask(server: Setup, key: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx2.post(server.url + "/v1/chat/completions", json=ASK, headers=headers)


def get(server: Setup, path: str, key: str) -> int:
    return httpx2.get(server.url + path, headers={"x-api-key": key}).status_code


def test_a_server_without_keys_needs_none_until_one_is_made_and_then_always(server: Setup, keys: ApiKeys) -> None:
    assert ask(server, "").status_code == 200
    secret = keys.add("one")
    assert ask(server, "").status_code == 401
    assert ask(server, secret).status_code == 200
    keys.revoke("one")
    assert ask(server, secret).status_code == 401
    (keys._path.parent / KEYS_FILE).unlink()
    assert ask(server, "").status_code == 401
    assert httpx2.get(server.url + "/health/live").status_code == 200


def test_the_official_client_works_with_a_key_and_its_requests_are_its_tenants(server: Setup, keys: ApiKeys) -> None:
    secret = keys.add("one", tenant="lab")
    with openai.OpenAI(base_url=server.url + "/v1", api_key=secret, max_retries=0) as client:
        assert client.chat.completions.create(**ASK).choices[0].message.content == "Hello you"
    assert {row.tenant for row in server.rows()} == {"lab"}


def test_neither_file_nor_list_nor_answer_holds_a_key(server: Setup, keys: ApiKeys) -> None:
    secret = keys.add("one")
    assert secret not in (keys._path).read_text() and secret.removeprefix("nemora-") not in keys._path.read_text()
    assert keys._path.stat().st_mode & 0o077 == 0
    wrong = "nemora-" + "A" * 43
    assert wrong not in ask(server, wrong).text


def test_scopes_are_apart(server: Setup, keys: ApiKeys) -> None:
    user, admin = keys.add("user"), keys.add("admin", admin=True)
    assert ask(server, user).status_code == 200 and ask(server, admin).status_code == 403
    for path in ("/metrics", "/v1/nemora/decisions/req_0"):
        assert get(server, path, user) == 403
        assert get(server, path, admin) in (200, 404)
    assert get(server, "/v1/models", user) == 200


def test_requests_are_limited_for_each_key_by_itself(server: Setup, keys: ApiKeys) -> None:
    slow, free = keys.add("slow", requests=2), keys.add("free")
    first = ask(server, slow)
    assert (first.status_code, first.headers["x-ratelimit-remaining-requests"]) == (200, "1")
    assert ask(server, slow).status_code == 200
    refused = ask(server, slow)
    assert refused.status_code == 429 and 1 <= int(refused.headers["retry-after"]) <= 30
    assert ask(server, free).status_code == 200


def test_tokens_are_counted_when_an_answer_has_ended(server: Setup, keys: ApiKeys) -> None:
    server.local.script = plays(Delta(text="x"), Delta(finish=StopReason.STOP, usage=Usage(900, 200)))
    secret = keys.add("one", tokens=1000)
    assert ask(server, secret).status_code == 200
    refused = ask(server, secret)
    assert refused.status_code == 429 and "1000 tokens" in refused.json()["error"]["message"]


def test_a_damaged_file_lets_nobody_in(server: Setup, keys: ApiKeys) -> None:
    secret = keys.add("one")
    keys._path.write_text("{")
    assert ask(server, secret).status_code == 401 and ask(server, "").status_code == 401
    with pytest.raises(SettingsError, match="damaged"):
        ApiKeys(keys._path.parent)


def test_a_file_that_others_can_read_is_not_used(keys: ApiKeys) -> None:
    keys.add("one")
    keys._path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        ApiKeys(keys._path.parent)


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_file_makes_anything_but_a_settings_error(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    data = tmp_path_factory.mktemp("keys") / "data"
    keys = ApiKeys(data)
    for content in (value, {"keys": value}, {"keys": [value]}, {"keys": [{"name": value, "digest": value}]}):
        keys._path.write_text(json.dumps(content))
        keys._path.chmod(0o600)
        with contextlib.suppress(SettingsError):
            assert ApiKeys(data).all() == []
        with pytest.raises(Unauthorized):
            keys.find("x")


@given(st.text())
def test_no_guess_is_a_key(tmp_path_factory: pytest.TempPathFactory, guess: str) -> None:
    keys = ApiKeys(tmp_path_factory.mktemp("guess") / "data")
    keys.add("one")
    with pytest.raises(Unauthorized):
        keys.find(guess)


@given(st.integers(1, 50), st.lists(st.floats(0, 30), max_size=80))
@example(1, [0.0, 0.1, 0.0])
def test_no_minute_has_more_requests_than_twice_the_limit_and_a_wait_helps(limit: int, pauses: list[float]) -> None:
    now = 0.0
    limits = RateLimits(clock=lambda: now)
    key = ApiKey("k", "0" * 64, requests_per_minute=limit)
    admitted = []
    for pause in pauses:
        now += pause
        try:
            limits.admit(key)
        except Overloaded as error:
            now += error.retry_after or 0
            limits.admit(key)
        admitted.append(now)
    # A full bucket, and what comes in while it is emptied.
    assert all(sum(start <= at < start + 60 for at in admitted) <= 2 * limit + 1 for start in admitted)


def test_beyond_loopback_a_key_of_either_kind_is_needed(keys: ApiKeys) -> None:
    with pytest.raises(SettingsError, match="nemora keys add"):
        bind(ServerSettings(host="0.0.0.0", port=0))  # noqa: S104
    bind(ServerSettings(host="0.0.0.0", port=0), keyed=True).close()  # noqa: S104


def test_the_command_makes_lists_and_revokes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main(["keys", "add", "ci", "--tenant", "lab", "--requests-per-minute", "5"]) == 0
    secret = capsys.readouterr().out.strip()
    assert main(["keys", "list"]) == 0
    shown = capsys.readouterr().out
    assert "ci" in shown and "lab" in shown and secret not in shown
    assert main(["keys", "add", "ci"]) == 2 and main(["keys", "add", "a b"]) == 2 and main(["keys", "revoke", "x"]) == 2
    assert "a b" not in capsys.readouterr().err
    assert main(["keys", "revoke", "ci"]) == 0
    capsys.readouterr()
    assert main(["keys", "list", "--json"]) == 0 and json.loads(capsys.readouterr().out.strip()) == []


def test_revoking_the_last_key_says_that_nobody_gets_in_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main(["keys", "add", "one"]) == 0 and main(["keys", "add", "two"]) == 0
    capsys.readouterr()
    assert main(["keys", "revoke", "one"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["keys", "revoke", "two"]) == 0
    said = capsys.readouterr().out
    assert "No key is left" in said and "401" in said and "nemora keys add" in said
    assert str(tmp_path / "nemora" / KEYS_FILE) in said and said.count("\n") == 1
