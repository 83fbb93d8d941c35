"""Embeddings by the official clients over real sockets."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import ollama
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server_fakes import SECRET, Setup, served, setup

from nemora.backends.embedding_model import EmbeddingModel
from nemora.errors import LocalModelDown, RequestError
from nemora.server.api_keys import ApiKeys
from nemora.server.embedder import Embedder
from nemora.server.embeddings import parse_ollama, parse_openai
from starter import CACHE
from tiny_bert import write_bert

MINILM = CACHE / "models" / "minilm-l6"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> EmbeddingModel:
    folder = tmp_path_factory.mktemp("models")
    return EmbeddingModel.load(str(write_bert(folder / "tiny-bert")), cache=folder)


@pytest.fixture(scope="module")
def server(model: EmbeddingModel) -> Iterator[Setup]:
    made = setup()
    made.gateway.embedder = Embedder(model)
    with served(made) as running:
        yield running


@pytest.fixture
def client(server: Setup) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0) as made:
        yield made


def post(server: Setup, **body: Any) -> httpx2.Response:
    return httpx2.post(server.url + "/v1/embeddings", json={"model": "tiny-bert", "input": "a"} | body)


def test_the_official_client_gets_a_vector_for_each_text_in_both_encodings(
    client: openai.OpenAI, model: EmbeddingModel
) -> None:
    texts = ["a b", "c", "a b"]
    expected = model.embed(texts)
    for form in ("float", "base64"):
        answer = client.embeddings.create(model="tiny-bert", input=texts, encoding_format=form)
        assert [each.index for each in answer.data] == [0, 1, 2] and answer.usage.total_tokens == expected.tokens
        vectors = [
            np.frombuffer(base64.b64decode(each.embedding), "<f4") if form == "base64" else each.embedding
            for each in answer.data
        ]
        np.testing.assert_allclose(np.array(vectors), expected.vectors.numpy(), atol=1e-6)
    one = client.embeddings.create(model="local", input="c").data
    np.testing.assert_allclose(one[0].embedding, expected.vectors[1].numpy(), atol=1e-5)


def test_ollamas_client_gets_the_same(server: Setup, model: EmbeddingModel) -> None:
    client = ollama.Client(host=server.url)
    answer = client.embed(model="tiny-bert:latest", input=["a b", "c"])
    np.testing.assert_allclose(answer.embeddings, model.embed(["a b", "c"]).vectors.numpy(), atol=1e-6)
    with pytest.raises(ollama.ResponseError, match="no embedding model"):
        client.embed(model="big", input="a")
    client._client.close()


def test_the_model_is_listed(client: openai.OpenAI) -> None:
    assert "tiny-bert" in [each.id for each in client.models.list()]


def test_what_is_refused_is_named(server: Setup) -> None:
    wrong = {
        "/dimensions": {"dimensions": 8},
        "/encoding_format": {"encoding_format": "int8"},
        "/input_type": {"input_type": "query"},
        "/input/0": {"input": [1, 2]},
        "/input/1": {"input": ["a", ""]},
        "/input": {"input": []},
    }
    for where, body in wrong.items():
        answer = post(server, **body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, where)
    assert post(server, model="big").status_code == 404
    too_long = post(server, input=["a", "b " * 63])
    assert too_long.json()["error"]["code"] == "context_length_exceeded"
    assert "65 tokens" in too_long.text and "64 tokens" in too_long.text
    assert post(server, user="me").headers["x-nemora-ignored-fields"] == "user"


def test_nothing_leaves_and_nothing_is_written_down(server: Setup, caplog: pytest.LogCaptureFixture) -> None:
    before = len(server.rows())
    assert post(server, input=SECRET).status_code == 200
    assert len(server.rows()) == before and not server.cloud.requests and SECRET not in caplog.text


def test_keys_and_limits_are_those_of_every_endpoint(model: EmbeddingModel, tmp_path: Path) -> None:
    made, keys = setup(), ApiKeys(tmp_path / "data")
    made.gateway.embedder = Embedder(model)
    limited, admin = keys.add("one", tokens=3), keys.add("two", admin=True)
    with served(made, keys=keys) as running:

        def status(key: str) -> int:
            headers = {"x-api-key": key} if key else {}
            body = {"model": "local", "input": "a b c"}
            return httpx2.post(running.url + "/v1/embeddings", json=body, headers=headers).status_code

        assert [status(key) for key in ("", admin, limited, limited)] == [401, 403, 200, 429]


def test_closing_tells_those_who_wait_for_the_model_and_leaves_no_task(model: EmbeddingModel) -> None:
    loading, go_on = threading.Event(), threading.Event()

    def load() -> EmbeddingModel:
        loading.set()
        assert go_on.wait(60)
        return model

    async def play() -> None:
        embedder = Embedder(model, load=load)
        await embedder.load()
        embedder.unload()
        for _ in range(2000):
            if embedder.residence() is None:
                break
            await asyncio.sleep(0.005)
        waiting = asyncio.create_task(embedder.embed(["a"]))
        assert await asyncio.to_thread(loading.wait, 60)
        closing = asyncio.create_task(embedder.close())
        with pytest.raises(LocalModelDown):
            await waiting  # although the model is still being loaded
        go_on.set()
        await closing
        with pytest.raises(LocalModelDown):
            await embedder.embed(["a"])
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(play())


def test_without_a_model_the_endpoints_say_how_it_is_set() -> None:
    with served(setup()) as running:
        answer = post(running)
        assert answer.status_code == 404 and "[embeddings]" in answer.json()["error"]["message"]
        assert "[embeddings]" in httpx2.post(running.url + "/api/embed", json={}).json()["error"]


@pytest.mark.skipif(not MINILM.is_dir(), reason="all-MiniLM-L6-v2 is not in the cache: run `nemora pull minilm-l6`")
def test_minilm_finds_what_is_alike() -> None:
    model = EmbeddingModel.load(str(MINILM), cache=CACHE)
    vectors = model.embed(["A cat sleeps on the sofa.", "A kitten naps on the couch.", "Interest rates rose again."])
    likeness = vectors.vectors @ vectors.vectors.T
    assert model.size == 384 and likeness[0, 1] > 0.6 > 0.2 > likeness[0, 2]


KEYS = st.sampled_from(["model", "input", "encoding_format", "input_type", "user", "dimensions", "truncate", "x"])
WORDS = st.sampled_from(["local", "float", "base64", "query", "CANARY-9c1", ""])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(ANYTHING, st.sampled_from([parse_openai, parse_ollama]))
def test_any_body_is_read_or_refused_without_an_echo(body: Any, parse: Any) -> None:
    try:
        parsed = parse(body)
    except RequestError as error:
        parsed, said = None, f"{error.message} {error.param}"
    if parsed is None:
        assert "CANARY-9c1" not in said
    else:
        assert parsed.texts and all(parsed.texts)
