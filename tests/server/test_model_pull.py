"""Models that are fetched while the server runs: by Ollama's official client, a child process and a file server."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import ollama
import pytest
from pulling_child import entry
from server_fakes import SECRET, Setup, served, setup

from fake_model import FakeModel
from file_server import Behaviour, serving
from letters import letters_checkpoint
from nemora.backends.local import LocalBackend
from nemora.backends.local_model import LocalModel
from nemora.backends.local_place import LocalPlace
from nemora.server.api_keys import ApiKeys
from nemora.server.drain import Drain
from nemora.server.local_side import LocalModels
from nemora.server.model_pull import ModelPulls
from nemora.settings import Paths, Settings
from nemora.weights.cache import model_folder
from nemora.weights.catalog import CATALOG

CHILD = Path(__file__).with_name("pulling_child.py")
NAME = "pulled-model"
CONTENT = bytes(range(256)) * 2000
USER = [{"role": "user", "content": "hi"}]


def settings_in(folder: Path, **more: bool) -> Settings:
    return Settings(paths=Paths(config=folder, cache=folder / "cache", data=folder), **more)


def backend(name: str) -> LocalBackend:
    return LocalBackend(LocalModel(name, FakeModel(salt=len(name)), letters_checkpoint(), memory=1 << 30))  # type: ignore[arg-type]


@contextmanager
def pulling(
    behaviour: Behaviour,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    keys: ApiKeys | None = None,
    drain: Drain | None = None,
) -> Iterator[Setup]:
    """A server of one local model that fetches `NAME` from a server that behaves so."""
    monkeypatch.setattr("nemora.server.local_side._load", lambda _settings, place: backend(place.name))
    with serving(behaviour) as url:
        digest, size = hashlib.sha256(CONTENT).hexdigest(), len(CONTENT)
        monkeypatch.setitem(CATALOG, NAME, entry(NAME, url, digest, size))
        made, first = setup(), backend("first")
        models = LocalModels(settings, {"first": LocalPlace("first", settings.paths.cache)}, first)
        made.gateway.local, made.gateway.local_models = tuple(models.backends), models
        child = [sys.executable, str(CHILD), NAME, url, digest, str(size)]
        pulls = ModelPulls(settings, made.gateway, drain=drain, child=child)
        with served(made, keys=keys, pulls=pulls) as running:
            yield running


def until(true: Callable[[], bool]) -> None:
    for _ in range(3000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came true")


def test_a_model_is_fetched_with_progress_and_then_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_in(tmp_path)
    with pulling(Behaviour(CONTENT), settings, monkeypatch) as server, httpx2.Client() as http:
        client = ollama.Client(host=server.url)
        with pytest.raises(ollama.ResponseError):
            client.show(NAME)
        said = list(client.pull(f"{NAME}:latest", stream=True))
        bars = [(each.completed, each.total) for each in said if each.digest]
        assert bars[0][0] == 0 and bars[-1] == (len(CONTENT), len(CONTENT))
        assert [each.status for each in said][-2:] == [f"serving {NAME}", "success"]
        assert NAME in [model.model for model in client.list().models]
        answer = client.chat(model=NAME, messages=USER, options={"num_predict": 2, "temperature": 0})
        assert answer.eval_count and [model.model for model in client.ps().models] == [NAME]
        assert http.post(server.url + "/v1/tokenize", json={"model": NAME, "prompt": "hi"}).status_code == 200
        assert client.pull(NAME).status == "success"  # it is there
        assert (model_folder(settings.paths.cache, NAME) / "model.gguf").read_bytes() == CONTENT
        client._client.close()


def test_what_cannot_be_fetched_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_in(tmp_path)
    with pulling(Behaviour(CONTENT[::-1]), settings, monkeypatch) as server:
        client = ollama.Client(host=server.url)
        with pytest.raises(ollama.ResponseError, match=r"could not be fetched") as raised:
            list(client.pull(NAME, stream=True))
        assert "Traceback" not in str(raised.value)
        whole = httpx2.post(server.url + "/api/pull", json={"model": NAME, "stream": False}, timeout=60)
        assert whole.status_code >= 400 and set(whole.json()) == {"error"}
        assert NAME not in [model.model for model in client.list().models]
        client._client.close()


@pytest.mark.parametrize("name", ["hub:someone/their-model", "someone/their-model", SECRET, "../x", "nobody"])
def test_a_name_that_anybody_can_make_up_goes_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    behaviour = Behaviour(CONTENT)
    with pulling(behaviour, settings_in(tmp_path), monkeypatch) as server:
        refused = httpx2.post(server.url + "/api/pull", json={"model": name})
        assert refused.status_code == 400 and name not in refused.text and "nemora models" in refused.text
    assert behaviour.seen == []


@pytest.mark.parametrize("setting", ["offline", "air_gapped"])
def test_nothing_is_fetched_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    behaviour = Behaviour(CONTENT)
    with pulling(behaviour, settings_in(tmp_path, **{setting: True}), monkeypatch) as server:
        refused = httpx2.post(server.url + "/api/pull", json={"model": NAME})
        assert refused.status_code >= 400 and "fetches no models" in refused.json()["error"]
    assert behaviour.seen == []


def test_only_the_owner_and_administrators_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ApiKeys(tmp_path)
    tenant, admin = keys.add("theirs", tenant="a"), keys.add("mine", admin=True)
    with pulling(Behaviour(CONTENT), settings_in(tmp_path), monkeypatch, keys) as server, httpx2.Client() as http:

        def asked(key: str) -> httpx2.Response:
            headers = {"authorization": f"Bearer {key}"}
            return http.post(
                server.url + "/api/pull", json={"model": NAME, "stream": False}, headers=headers, timeout=60
            )

        assert asked(tenant).status_code == 403
        assert asked(admin).json() == {"status": "success"}


def test_who_hangs_up_stops_the_process_and_the_next_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, behaviour = settings_in(tmp_path), Behaviour(CONTENT, cut=100_000, cuts_left=1, stall=True)
    part = model_folder(settings.paths.cache, NAME) / "model.gguf.part"
    with pulling(behaviour, settings, monkeypatch) as server:
        with httpx2.stream("POST", server.url + "/api/pull", json={"model": NAME}, timeout=60) as answer:
            lines = answer.iter_lines()
            until(lambda: json.loads(next(lines)).get("total") == len(CONTENT))
            until(lambda: part.is_file() and part.stat().st_size >= 50_000)
        until(lambda: not _children(str(CHILD)))
        behaviour.stall = False
        client = ollama.Client(host=server.url)
        assert client.pull(NAME).status == "success"
        assert any("range" in seen for seen in behaviour.seen)
        client._client.close()


def test_a_server_that_stops_ends_the_stream_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drain, behaviour = Drain(30.0), Behaviour(CONTENT, cut=100_000, stall=True)
    with pulling(behaviour, settings_in(tmp_path), monkeypatch, drain=drain) as server:
        with httpx2.stream("POST", server.url + "/api/pull", json={"model": NAME}, timeout=60) as answer:
            lines = answer.iter_lines()
            until(lambda: json.loads(next(lines)).get("total") == len(CONTENT))
            drain.begin()
            last = [json.loads(line) for line in lines][-1]
        assert "stopping" in last["error"] and not _children(str(CHILD))


def _children(command: str) -> list[int]:
    """Processes of this machine that run `command`."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            except OSError:
                continue
            found += [int(process.name)] if command in words else []
    return found
