"""Legacy completions and tokens, by a real local model behind a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai.types import Completion
from server_fakes import SECRET, Setup, served, setup

from nemora.backends.local import LocalBackend
from nemora.backends.openai import OpenAIBackend
from nemora.core import ChatRequest, Message
from nemora.errors import RequestError, UnsupportedField
from nemora.privacy.segment import segments
from nemora.server.crossing import choose
from nemora.server.openai_completions import parse_completion_request
from nemora.settings import RemoteServer
from scripted_model import ScriptedModel, scripted

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>' }}{% endif %}"
)
LETTERS = [chr(ord("a") + n) for n in range(26)] + ["Ġ", "Ċ", "Ã", "©"]
TOKENIZER: dict[str, Any] = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *LETTERS],
    "tokenizer.ggml.token_type": [3, 3, 3] + [1] * 30,
    "tokenizer.ggml.merges": [],
    "tokenizer.ggml.eos_token_id": 2,
}
IDS = {letter: 3 + n for n, letter in enumerate(LETTERS)}
HALF, E_ACUTE = 31, (31, 32)
"""The first byte of é, and both."""


def ids(text: str) -> list[int]:
    return [IDS[{" ": "Ġ", "\n": "Ċ"}.get(letter, letter)] for letter in text]


@pytest.fixture(scope="module")
def model() -> LocalBackend:
    return LocalBackend(scripted("letters", TOKENIZER, template=CHATML), "engine")


@pytest.fixture(scope="module")
def server(model: LocalBackend) -> Iterator[Setup]:
    with served(setup(more=[model])) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Setup) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def http(server: Setup) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url) as made:
        yield made


def plan(backend: LocalBackend, prompt: str, says: str) -> None:
    """Let the model say a text after a prompt that it reads as it stands."""
    model = backend.local._model
    assert isinstance(model, ScriptedModel)
    model.start, model.script = len(ids(prompt)), ids(says)


def test_a_text_is_continued_as_it_stands(server: Setup, client: openai.OpenAI, model: LocalBackend) -> None:
    plan(model, "once upon", " a time")
    answer = client.completions.create(model="letters", prompt="once upon", temperature=0)
    assert isinstance(answer, Completion) and not answer.model_extra and not answer.choices[0].model_extra
    assert answer.object == "text_completion" and answer.id.startswith("cmpl-") and answer.model == "letters"
    assert answer.choices[0].text == " a time" and answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None and answer.usage.prompt_tokens == len("once upon")
    assert [row.endpoint for row in server.rows() if row.kind == "decision"][-1] == "/v1/completions"


def test_sixteen_tokens_are_the_most_where_the_client_names_none(client: openai.OpenAI, model: LocalBackend) -> None:
    plan(model, "a", "b" * 40)
    answer = client.completions.create(model="letters", prompt=["a"], temperature=0)
    assert answer.choices[0].text == "b" * 16 and answer.choices[0].finish_reason == "length"
    ask: dict[str, Any] = {"model": "letters", "prompt": "a", "temperature": 0}
    assert client.completions.create(**ask, max_tokens=3).choices[0].text == "bbb"
    assert client.completions.create(**ask, max_tokens=99, stop=["bbbb"]).choices[0].text == ""


def test_a_stream_of_completions_says_the_same(client: openai.OpenAI, model: LocalBackend) -> None:
    plan(model, "once", " upon a time")
    chunks = list(
        client.completions.create(
            model="letters",
            prompt="once",
            stream=True,
            max_tokens=40,
            temperature=0,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == " upon a time"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage.completion_tokens == len(" upon a time") and len({chunk.id for chunk in chunks}) == 1


def test_several_prompts_are_continued_each_by_itself_and_in_their_order(
    server: Setup, client: openai.OpenAI, model: LocalBackend
) -> None:
    """All as long, since the model's script begins after so many tokens."""
    plan(model, "one", " more")
    prompts = ["one", "two", "six"]
    ask: dict[str, Any] = {"model": "letters", "prompt": prompts, "n": 2, "temperature": 0, "max_tokens": 9}
    answer = client.completions.create(**ask)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3, 4, 5]
    assert {choice.text for choice in answer.choices} == {" more"} and answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (9, 6 * len(" more"))
    echoed = client.completions.create(**ask, echo=True)
    assert [choice.text for choice in echoed.choices] == [f"{prompt} more" for prompt in prompts for _ in range(2)]
    texts, ends = [""] * 6, [0] * 6
    for chunk in client.completions.create(**ask, echo=True, stream=True):
        (choice,) = chunk.choices
        texts[choice.index] += choice.text
        ends[choice.index] += choice.finish_reason is not None
    assert texts == [choice.text for choice in echoed.choices] and ends == [1] * 6
    assert server.cloud.requests == []


def test_every_prompt_is_a_message_that_the_boundary_reads() -> None:
    request = parse_completion_request({"model": "m", "prompt": ["a", SECRET], "n": 2}).request
    assert [message.text() for message in request.messages] == ["a", SECRET] and request.choices == 4
    assert SECRET in [part.text for part in segments(request)]


def test_token_ids_are_continued_as_their_text_is(client: openai.OpenAI, model: LocalBackend) -> None:
    plan(model, "one", " more")
    ask: dict[str, Any] = {"model": "letters", "temperature": 0, "max_tokens": 9, "echo": True, "n": 2}
    texts = client.completions.create(**ask, prompt=["one", "two"])
    told = client.completions.create(**ask, prompt=[ids("one"), ids("two")])
    assert [choice.text for choice in told.choices] == [choice.text for choice in texts.choices]
    assert told.usage is not None and texts.usage is not None
    assert told.usage.prompt_tokens == texts.usage.prompt_tokens
    one = client.completions.create(**ask, prompt=ids("one"))
    assert [choice.text for choice in one.choices] == ["one more"] * 2
    pieces = ["", ""]
    for chunk in client.completions.create(**ask, prompt=ids("one"), stream=True):
        pieces[chunk.choices[0].index] += chunk.choices[0].text
    assert pieces == ["one more"] * 2


def test_the_text_of_token_ids_is_read_and_the_model_gets_these_very_ids(
    server: Setup, client: openai.OpenAI, model: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the text is none that would become these ids again."""
    decided, given = [], []
    answer, submit = server.gateway.answer, model.local.engine.submit
    monkeypatch.setattr(server.gateway, "answer", lambda asked, **more: decided.append(asked) or answer(asked, **more))
    monkeypatch.setattr(
        model.local.engine, "submit", lambda got, *a, **more: given.append(got) or submit(got, *a, **more)
    )
    prompts = [[1, *ids("one"), 2], [*ids("caf"), *E_ACUTE]]
    client.completions.create(model="letters", prompt=prompts, max_tokens=1)
    (request,) = decided
    assert [message.text() for message in request.messages] == ["<|im_start|>one<|im_end|>", "café"]
    assert {"<|im_start|>one<|im_end|>", "café"} <= {part.text for part in segments(request)}
    assert given == prompts


@pytest.mark.parametrize(("name", "status"), [("big", 400), ("far", 400), (SECRET, 404), ("tiny", 400), ("auto", 400)])
def test_token_ids_go_to_no_model_that_is_not_here(server: Setup, http: httpx2.Client, name: str, status: int) -> None:
    """The fake models of this side, too, are none of this process."""
    asked = len(server.local.requests)
    response = http.post("/v1/completions", json={"model": name, "prompt": [3, 4]})
    assert response.status_code == status and SECRET not in response.text
    assert server.cloud.requests == [] and len(server.local.requests) == asked


def test_ids_that_do_not_say_what_was_read_are_not_continued(model: LocalBackend) -> None:
    for text in ("", "abd", "abc "):
        request = ChatRequest(model="m", messages=(Message("user", text),), raw=True, prompt_ids=(tuple(ids("abc")),))
        with pytest.raises(RequestError, match="not those of the text"):
            model.local.prepare(request)


def test_logprobs_are_those_of_the_text_whole_and_streamed(client: openai.OpenAI, model: LocalBackend) -> None:
    plan(model, "once", " upon")
    ask: dict[str, Any] = {"model": "letters", "prompt": "once", "temperature": 0, "logprobs": 2}
    found = client.completions.create(**ask).choices[0]
    rated = found.logprobs
    assert rated is not None and rated.tokens is not None and rated.text_offset is not None
    assert "".join(rated.tokens).startswith(found.text) and found.text == " upon"
    assert [found.text[at] for at in rated.text_offset[:5]] == list(found.text)
    assert rated.token_logprobs is not None and rated.top_logprobs is not None
    for token, logprob, top in zip(rated.tokens, rated.token_logprobs, rated.top_logprobs, strict=True):
        assert len(top) == 2 and top[token] == logprob == max(top.values()) <= 0
    pieces = [chunk.choices[0].logprobs for chunk in client.completions.create(**ask, stream=True)]
    streamed = [piece for piece in pieces if piece is not None]
    assert [token for piece in streamed for token in piece.tokens or []] == rated.tokens
    assert [at for piece in streamed for at in piece.text_offset or []] == rated.text_offset
    none = client.completions.create(**{**ask, "logprobs": 0}).choices[0].logprobs
    assert none is not None and none.top_logprobs == [{}] * len(rated.tokens)


def test_penalties_and_bias_are_obeyed(client: openai.OpenAI, model: LocalBackend) -> None:
    plan(model, "once", " upon")
    ask: dict[str, Any] = {"model": "letters", "prompt": "once", "temperature": 0, "max_tokens": 3}
    biased = client.completions.create(**ask, logit_bias={str(IDS["z"]): 100}, frequency_penalty=0.1)
    assert biased.choices[0].text == "zzz"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ["a", ""]}, "/prompt"),
        ({"prompt": []}, "/prompt"),
        ({"prompt": ["a"] * 65}, "/prompt"),
        ({"prompt": ["a"] * 33, "n": 2}, "/prompt"),
        ({"prompt": [[]]}, "/prompt"),
        ({"prompt": [[5], []]}, "/prompt"),
        ({"prompt": [[5]] * 65}, "/prompt"),
        ({"prompt": ["a", [5]]}, "/prompt"),
        ({"prompt": ["a", 5]}, "/prompt"),
        ({"prompt": [5, [5]]}, "/prompt"),
        ({"prompt": 5}, "/prompt"),
        ({"prompt": [True]}, "/prompt"),
        ({"prompt": [None]}, "/prompt"),
        ({"prompt": [5, -1]}, "/prompt/0"),
        ({"prompt": [[5], [5, 1.5]]}, "/prompt/1"),
        ({"prompt": [[5], [5, None]]}, "/prompt"),
        ({"prompt": [5, 33]}, "/prompt"),
        ({"prompt": [HALF]}, "/prompt"),
        ({"prompt": [[5], [*E_ACUTE, HALF]]}, "/prompt"),
        ({"prompt": ""}, "/prompt"),
        ({"prompt": None}, "/prompt"),
        ({"echo": True, "logprobs": 1}, "/echo"),
        ({"echo": 1}, "/echo"),
        ({"suffix": "b"}, "/suffix"),
        ({"best_of": 2}, "/best_of"),
        ({"n": 17}, "/n"),
        ({"logprobs": 21}, "/logprobs"),
        ({"logprobs": True}, "/logprobs"),
        ({"max_tokens": 0}, "/max_tokens"),
        ({SECRET: 1}, None),
    ],
)
def test_what_completions_do_not_support_is_refused_by_name(
    http: httpx2.Client, fields: dict[str, Any], param: str | None
) -> None:
    response = http.post("/v1/completions", json={"model": "letters", "prompt": "a", **fields})
    assert response.status_code == 400 and response.json()["error"]["param"] == param
    assert SECRET not in response.text


def test_a_raw_text_goes_to_no_other_server(server: Setup) -> None:
    """Neither to a cloud nor to a trusted server, which would answer it as a chat."""
    raw = ChatRequest(model="auto", messages=(Message("user", "hi"),), raw=True)
    trusted = RemoteServer(name="box", base_url="http://127.0.0.1:9/v1", model="m", trust="local")

    async def ask() -> None:
        backend = OpenAIBackend(trusted)
        try:
            async for _ in backend.stream(raw):
                pass
        finally:
            await backend.close()

    with pytest.raises(UnsupportedField):
        asyncio.run(ask())
    assert choose(None, None, raw, [server.cloud]).backend is None  # type: ignore[arg-type]


def test_tokens_are_those_that_the_model_reads(http: httpx2.Client, model: LocalBackend) -> None:
    told = http.post("/v1/tokenize", json={"model": "letters", "prompt": "abc d"}).json()
    assert told == {"count": 5, "max_model_len": 8192, "tokens": ids("abc d"), "token_strs": None}
    messages = [{"role": "user", "content": "abc"}]
    told = http.post("/v1/tokenize", json={"model": "letters", "messages": messages}).json()
    prepared = model.local.prepare(ChatRequest(model="letters", messages=(Message("user", "abc"),)))
    assert told["tokens"] == prepared.ids and told["count"] == len(prepared.ids)


def test_a_prompt_that_does_not_fit_is_counted_all_the_same(http: httpx2.Client) -> None:
    told = http.post("/v1/tokenize", json={"prompt": "a" * 9000}).json()
    assert told["count"] == 9000 > told["max_model_len"]


def test_tokens_become_the_text_that_they_came_from(http: httpx2.Client) -> None:
    for text in ("abc d\nef", ""):
        tokens = http.post("/v1/tokenize", json={"prompt": text}).json()["tokens"]
        assert http.post("/v1/detokenize", json={"model": "letters", "tokens": tokens}).json() == {"prompt": text}
    special = http.post("/v1/detokenize", json={"tokens": [1, *ids("a"), 2]}).json()
    assert special == {"prompt": "<|im_start|>a<|im_end|>"}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("tokenize", {"model": "big", "prompt": "a"}, 404),
        ("tokenize", {"model": "far", "prompt": "a"}, 404),
        ("tokenize", {"model": SECRET, "prompt": "a"}, 404),
        ("tokenize", {"prompt": "a", "messages": []}, 400),
        ("tokenize", {}, 400),
        ("tokenize", {"prompt": "a", "tools": []}, 400),
        ("tokenize", {"prompt": "a", "add_special_tokens": False}, 400),
        ("tokenize", {"messages": [{"role": "user", "content": "a"}], "chat_template": SECRET}, 400),
        ("tokenize", {"prompt": "a", SECRET: 1}, 400),
        ("detokenize", {"tokens": [33]}, 400),
        ("detokenize", {"tokens": [-1]}, 400),
        ("detokenize", {"tokens": [None]}, 400),
        ("detokenize", {"tokens": "a"}, 400),
        ("detokenize", {"tokens": [1], "model": "big"}, 404),
    ],
)
def test_tokens_of_other_models_and_other_fields_are_refused(
    server: Setup, http: httpx2.Client, path: str, body: dict[str, Any], status: int
) -> None:
    response = http.post(f"/v1/{path}", json=body)
    assert response.status_code == status and set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert SECRET not in response.text and server.cloud.requests == []
