"""Models that come and go, by official clients over real sockets and the real engine; the models are a few lines."""

from __future__ import annotations

import gc
import json
import random
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import ollama
import openai
import pytest
from server_fakes import Setup, served, setup
from torch import Tensor

from fake_model import FakeModel
from letters import letters_checkpoint
from nemora.backends.held_model import HeldModel
from nemora.backends.local import LocalBackend
from nemora.backends.local_model import LocalModel
from nemora.backends.model_slot import ModelSlot
from nemora.core import ChatRequest, Message, Sampling
from nemora.engine.figures import Totals
from nemora.errors import SettingsError
from nemora.models.state import State
from nemora.server.api_keys import ApiKeys
from nemora.server.local_side import comes_and_goes, local_side
from nemora.settings import InspectionSettings, LocalSettings, Paths, Settings

SALTS = {"first": 0, "second": 31}
USER = [{"role": "user", "content": "hi"}]
HI_IDS = [10, 11]
CONTEXT = 20_000


class TalkativeModel(FakeModel):
    """Never ends an answer by itself. `slow` holds up every pass."""

    slow = 0.0

    def forward(self, ids: Tensor, state: State, *, last_only: bool = False) -> Tensor:
        time.sleep(self.slow)
        logits = super().forward(ids, state, last_only=last_only)
        logits[..., :3] = -100.0
        return logits


class Shelf:
    """Makes the models, and knows which are still there."""

    def __init__(self) -> None:
        self.made: list[weakref.ref[LocalModel]] = []
        self.totals = {name: Totals() for name in SALTS}

    def load(self, name: str) -> LocalBackend:
        model = TalkativeModel(salt=SALTS[name], context=CONTEXT)
        local = LocalModel(name, model, letters_checkpoint(), memory=1 << 30)  # type: ignore[arg-type]
        local.engine.totals = self.totals[name]
        self.made.append(weakref.ref(local))
        return LocalBackend(local)

    def slot(self, swap_seconds: float) -> ModelSlot[LocalBackend]:
        return ModelSlot(self.load, resident=("first", self.load("first")), swap_seconds=swap_seconds)

    def alive(self) -> int:
        gc.collect()
        return sum(made() is not None for made in self.made)


def life(shelf: Shelf, *, swap_seconds: float = 60.0) -> Setup:
    made, slot = setup(), shelf.slot(swap_seconds)
    made.gateway.local = tuple(HeldModel(name, slot, shelf.totals[name]) for name in SALTS)
    return made


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture(scope="module")
def server(shelf: Shelf) -> Iterator[Setup]:
    with served(life(shelf)) as running:
        yield running


@pytest.fixture
def client(server: Setup) -> Iterator[ollama.Client]:
    made = ollama.Client(host=server.url)
    yield made
    made._client.close()


def until(true: Callable[[], bool]) -> None:
    for _ in range(2000):
        if true():
            return
        time.sleep(0.005)
    raise AssertionError("it never came true")


def alone(name: str, text: str, count: int) -> str:
    """What the model says when it is the only one and nothing else runs."""
    with LocalModel(name, TalkativeModel(salt=SALTS[name], context=CONTEXT), letters_checkpoint()) as model:  # type: ignore[arg-type]
        request = ChatRequest(
            model=name, messages=(Message("user", text),), max_tokens=count, sampling=Sampling(temperature=0)
        )
        prepared = model.prepare(request)
        ids = [i for delta in model.engine.submit(prepared.ids, prepared.params) for i in delta.ids]
        return model.tokenizer.decode(ids)


def test_requests_for_two_models_at_once_each_get_the_one_that_they_named(server: Setup) -> None:
    texts = ["a", "hello"]
    expected = {(name, text): alone(name, text, 6) for name in SALTS for text in texts}
    assert all(expected["first", text] != expected["second", text] for text in texts)
    draw = random.Random(5)
    asks = [(draw.choice(["first", "second"]), draw.choice(texts), draw.random() < 0.5) for _ in range(16)]
    with openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0) as client:

        def ask(name: str, text: str, stream: bool) -> None:
            fields: dict[str, Any] = {
                "messages": [{"role": "user", "content": text}],
                "max_tokens": 6,
                "temperature": 0,
            }
            if stream:
                chunks = list(client.chat.completions.create(model=name, stream=True, **fields))
                said, model = "".join(c.choices[0].delta.content or "" for c in chunks), chunks[0].model
            else:
                whole = client.chat.completions.create(model=name, **fields)
                said, model = whole.choices[0].message.content, whole.model
            assert (said, model) == (expected[name, text], name)

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda each: ask(*each), asks))


def test_a_question_without_words_loads_and_one_with_keep_alive_0_unloads(
    server: Setup, client: ollama.Client, shelf: Shelf
) -> None:
    assert client.generate(model="second", prompt="").done_reason == "load"
    assert [model.model for model in client.ps().models] == ["second"]
    assert client.chat(model="first:latest", messages=[]).done_reason == "load"
    assert [model.model for model in client.ps().models] == ["first"]
    assert client.generate(model="first", prompt="", keep_alive=0).done_reason == "unload"
    until(lambda: client.ps().models == [])
    until(lambda: shelf.alive() == 0)
    assert httpx2.get(server.url + "/health/ready").status_code == 200  # it would be loaded
    assert {model.model for model in client.list().models} >= {"first", "second"}
    assert client.chat(model="first", messages=USER, options={"num_predict": 2}).done
    with pytest.raises(ollama.ResponseError, match="no model of that name"):
        client.generate(model="third", prompt="")


@pytest.mark.parametrize(("given", "seconds"), [("5m", 300), (90, 90), ("1h30m", 5400), (-1, None), ("-1s", None)])
def test_ps_says_when_a_model_goes(client: ollama.Client, given: float | str, seconds: int | None) -> None:
    client.chat(model="first", messages=USER, options={"num_predict": 2}, keep_alive=given)
    expires = client.ps().models[0].expires_at
    assert expires is not None
    left = expires - datetime.now(UTC)
    if seconds is None:
        assert left > timedelta(days=20 * 365)
    else:
        assert timedelta(seconds=seconds - 60) < left <= timedelta(seconds=seconds)


def test_an_answer_with_keep_alive_0_is_whole_and_then_the_model_goes(client: ollama.Client) -> None:
    answer = client.generate(model="second", prompt="hi", keep_alive=0, options={"num_predict": 4, "temperature": 0})
    assert answer.response and answer.done_reason == "length"
    until(lambda: client.ps().models == [])


@pytest.mark.parametrize("given", ["soon", "5", [], True, {"a": 1}, "5 m", "1e9s"])
def test_a_keep_alive_that_is_none_is_refused(server: Setup, given: Any) -> None:
    for path, asked in (("/api/chat", {"messages": USER}), ("/api/generate", {"prompt": ""})):
        answer = httpx2.post(server.url + path, json={"model": "first", "keep_alive": given, **asked})
        assert answer.status_code == 400 and "/keep_alive" in answer.json()["error"]


STREAMS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": USER},
    "/v1/completions": {"prompt": "hi", "max_tokens": CONTEXT - 100},
    "/v1/responses": {"input": "hi"},
    "/v1/messages": {"messages": USER, "max_tokens": CONTEXT - 100},
    "/api/chat": {"messages": USER},
    "/api/generate": {"prompt": "hi"},
}


@pytest.fixture(scope="module")
def hasty() -> Iterator[Setup]:
    TalkativeModel.slow = 0.002
    with served(life(Shelf(), swap_seconds=0.05)) as running:
        yield running
    TalkativeModel.slow = 0.0


@pytest.mark.parametrize("path", STREAMS)
def test_an_answer_that_a_swap_breaks_off_ends_with_an_error_of_its_api(hasty: Setup, path: str) -> None:
    body = {"model": "first", "stream": True, **STREAMS[path]}
    with httpx2.stream("POST", hasty.url + path, json=body, timeout=60) as response:
        assert response.status_code == 200
        lines = response.iter_lines()
        next(lines)
        other = {"model": "second", "messages": USER, "max_tokens": 2}
        assert httpx2.post(hasty.url + "/v1/chat/completions", json=other, timeout=60).json()["model"] == "second"
        rest = [line for line in lines if line]
    last = [line for line in rest if line != "data: [DONE]"][-1]
    assert "was unloaded for another one" in json.dumps(json.loads(last.removeprefix("data: ")))
    assert ("model_replaced" in last) == (path not in ("/v1/responses", "/api/chat", "/api/generate"))
    assert not any('"finish_reason":"stop"' in line or '"done":true' in line for line in rest)


def test_an_answer_that_is_not_streamed_gets_503_and_when_to_ask_again(hasty: Setup) -> None:
    with ThreadPoolExecutor(1) as pool:
        body = {"model": "first", "messages": USER}
        asked = pool.submit(httpx2.post, hasty.url + "/v1/chat/completions", json=body, timeout=60)
        while not any(backend.residence() for backend in hasty.gateway.local[:1]):  # type: ignore[attr-defined]
            time.sleep(0.01)
        until(lambda: hasty.gateway.local[0].load_now().running == 1)  # type: ignore[attr-defined]
        other = {"model": "second", "messages": USER, "max_tokens": 2}
        httpx2.post(hasty.url + "/v1/chat/completions", json=other, timeout=60)
        answer = asked.result()
    assert answer.status_code == 503 and answer.json()["error"]["code"] == "model_replaced"
    assert answer.headers["retry-after"] == "1"


def test_a_tenants_key_unloads_nothing_and_says_nothing_of_how_long(tmp_path: Path) -> None:
    keys = ApiKeys(tmp_path)
    key = keys.add("app", tenant="app")
    with served(life(Shelf()), keys=keys) as server:
        headers = {"authorization": f"Bearer {key}"}
        asked = {"model": "first", "messages": USER, "keep_alive": 0, "stream": False, "options": {"num_predict": 2}}
        answer = httpx2.post(server.url + "/api/chat", json=asked, headers=headers)
        assert answer.status_code == 200 and "keep_alive" in answer.headers["x-nemora-ignored-fields"]
        asked = {"model": "first", "prompt": "", "keep_alive": 0}
        assert httpx2.post(server.url + "/api/generate", json=asked, headers=headers).status_code == 403
        assert len(httpx2.get(server.url + "/api/ps", headers=headers).json()["models"]) == 1


@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
def test_an_order_to_load_needs_an_administrators_key_and_a_question_none(tmp_path: Path, path: str) -> None:
    keys = ApiKeys(tmp_path)
    user, admin = keys.add("app", tenant="app"), keys.add("boss", admin=True)
    nothing: dict[str, Any] = {"prompt": ""} if path == "/api/generate" else {"messages": []}
    words: dict[str, Any] = {"prompt": "hi"} if path == "/api/generate" else {"messages": USER}
    with served(life(Shelf()), keys=keys) as server, httpx2.Client(base_url=server.url) as http:

        def send(key: str, **asked: Any) -> httpx2.Response:
            return http.post(path, json=asked, headers={"authorization": f"Bearer {key}"})

        def loaded() -> list[str]:
            models = http.get("/api/ps", headers={"authorization": f"Bearer {user}"}).json()["models"]
            return [model["name"] for model in models]

        for order in ({}, {"keep_alive": 0}, {"keep_alive": -1}):
            for name in ("first", "second", "auto", "nothing"):
                refused = send(user, model=name, **nothing, **order)
                assert refused.status_code == 403 and set(refused.json()) == {"error"}
                assert "loads and unloads no models" in refused.json()["error"]
        assert loaded() == ["first"]
        assert send(admin, model="second", **nothing, keep_alive="5m").json()["done_reason"] == "load"
        assert loaded() == ["second"]
        assert send(admin, model="second", **words).status_code == 403  # it asks no model
        assert send(admin, model="second", **words, nothing=1).status_code == 403
        answer = send(user, model="first", **words, stream=False, options={"num_predict": 2})
        assert answer.status_code == 200 and loaded() == ["first"]
        assert send(admin, model="first", **nothing, keep_alive=0).json()["done_reason"] == "unload"
        until(lambda: loaded() == [])


def test_metrics_tell_what_engines_do_and_go_on_over_reloads(server: Setup, client: ollama.Client) -> None:
    def samples() -> dict[str, float]:
        lines = httpx2.get(server.url + "/metrics").text.splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    client.chat(model="first", messages=USER, options={"num_predict": 3})
    before = samples()
    client.generate(model="first", prompt="", keep_alive=0)
    until(lambda: client.ps().models == [])
    assert samples()['nemora_model_loaded{model="first"}'] == 0
    assert 'nemora_engine_running{model="first"}' not in samples()
    answer = client.chat(model="first", messages=USER, options={"num_predict": 5, "temperature": 0})
    after = samples()

    def more(kind: str) -> float:
        name = f'nemora_engine_tokens_total{{model="first",kind="{kind}"}}'
        return after[name] - before[name]

    assert more("read") + more("cached") == answer.prompt_eval_count and more("written") == 5
    assert after['nemora_engine_seconds_total{model="first",kind="written"}'] > 0
    assert after['nemora_model_loaded{model="first"}'] == 1 and after['nemora_model_loaded{model="second"}'] == 0
    idle = ("running", "waiting", "waiting_tokens", "state_bytes")
    assert [after[f'nemora_engine_{each}{{model="first"}}'] for each in idle] == [0, 0, 0, 0]
    assert after['nemora_engine_memory_bytes{model="first"}'] > 0


def test_a_model_that_judges_too_stays_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    def comes(judge: str | None = None, **local: Any) -> bool:
        paths = Paths(config=tmp_path, cache=tmp_path, data=tmp_path)
        inspection = InspectionSettings(judge=judge)
        return comes_and_goes(Settings(paths=paths, local=LocalSettings(**local), inspection=inspection))

    assert comes() and comes(models=("b",)) and not comes("judge.json")
    assert comes("judge.json", models=("b",)) and comes("judge.json", keep_alive=300.0)


def test_two_models_of_one_name_are_refused_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.server.local_side._load", lambda *_: object())
    for side in ("a", "b"):
        (tmp_path / side / "same").mkdir(parents=True)
    local = LocalSettings(model=str(tmp_path / "a" / "same"), models=(str(tmp_path / "b" / "same"),))
    with pytest.raises(SettingsError, match="two models are called same"):
        local_side(Settings(paths=Paths(config=tmp_path, cache=tmp_path, data=tmp_path), local=local))


def test_tokens_are_told_without_a_swap(shelf: Shelf) -> None:
    """By the loaded model, unless another is named; and never by loading one in its place."""
    made = life(shelf)
    slot = made.gateway.local[0]._slot  # type: ignore[attr-defined]
    with served(made) as server, httpx2.Client(base_url=server.url) as http:

        def told(path: str, **asked: Any) -> httpx2.Response:
            return http.post(path, json=asked)

        told("/v1/chat/completions", model="second", messages=USER, max_tokens=2)
        loads = slot.loads
        for path, asked in (
            ("/v1/tokenize", {"prompt": "hi"}),
            ("/v1/tokenize", {"messages": USER}),
            ("/v1/detokenize", {"tokens": [3, 4]}),
            ("/v1/messages/count_tokens", {"messages": USER}),
        ):
            refused = told(path, model="first", **asked)
            error = refused.json()["error"]
            assert (refused.status_code, error["code"]) == (409, "model_not_loaded")
            assert "The model second is loaded" in error["message"] and error["message"].count(".") == 1
            assert (refused.json().get("type") == "error") == (path == "/v1/messages/count_tokens")
            assert told(path, model="second", **asked).status_code == 200
        for name in ("auto", "local", "second"):
            assert told("/v1/messages/count_tokens", model=name, messages=USER).json()["input_tokens"] > 0
        assert told("/v1/tokenize", prompt="hi").json()["count"] == 2
        assert told("/v1/detokenize", tokens=[3]).status_code == 200
        assert told("/v1/tokenize", model="local", prompt="hi").status_code == 409  # which is the first
        assert slot.loads == loads and slot.loaded("second") is not None


def test_a_prompt_of_token_ids_is_an_ordinary_question_and_swaps(shelf: Shelf) -> None:
    made = life(shelf)
    with served(made) as server, openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0) as client:
        for name in ("second", "first"):
            answer = client.completions.create(model=name, prompt=HI_IDS, max_tokens=4, temperature=0, echo=True)
            again = client.completions.create(model=name, prompt="hi", max_tokens=4, temperature=0, echo=True)
            assert answer.model == name and answer.choices[0].text == again.choices[0].text
            assert answer.choices[0].text.startswith("hi")


def test_tokens_load_a_model_where_none_is(shelf: Shelf) -> None:
    made = life(shelf)
    held = made.gateway.local[0]
    with served(made) as server:
        httpx2.post(server.url + "/api/generate", json={"model": "first", "prompt": "", "keep_alive": 0})
        until(lambda: held.residence() is None)  # type: ignore[attr-defined]
        asked = {"model": "second", "prompt": "hi"}
        assert httpx2.post(server.url + "/v1/tokenize", json=asked).json()["max_model_len"] == CONTEXT
        assert held._slot.loaded("second") is not None  # type: ignore[attr-defined]


def test_a_cloud_models_tokens_are_counted_by_the_loaded_model(shelf: Shelf) -> None:
    made = setup()
    slot = shelf.slot(60.0)
    made.gateway.local = tuple(HeldModel(name, slot, shelf.totals[name]) for name in SALTS)
    with served(made) as server, httpx2.Client(base_url=server.url) as http:
        http.post("/v1/chat/completions", json={"model": "second", "messages": USER, "max_tokens": 2})
        loads = slot.loads
        assert made.cloud is not None
        counted = http.post("/v1/messages/count_tokens", json={"model": made.cloud.model, "messages": USER})
        assert counted.status_code == 200 and slot.loads == loads and slot.loaded("second") is not None
        assert made.cloud.requests == []
