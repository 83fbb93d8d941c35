"""Sampling through the official OpenAI client, a real socket and the real engine; its model is a few lines."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from server_fakes import SECRET, Setup, served, setup

from fake_model import FakeModel
from letters import letters_checkpoint
from nemora.backends.local import LocalBackend
from nemora.backends.local_model import LocalModel
from nemora.core import Delta, StopReason, TokenLogprob

USER = [{"role": "user", "content": "hi"}]
NO_END = {"2": -100, "0": -100, "1": -100}


@pytest.fixture(scope="module")
def server() -> Iterator[Setup]:
    local = LocalBackend(LocalModel("letters", FakeModel(), letters_checkpoint()), name="engine")
    with served(setup(more=[local])) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Setup) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0) as made:
        yield made


def ask(client: openai.OpenAI, **fields: Any) -> Any:
    given: dict[str, Any] = {"messages": USER, "temperature": 1, "max_tokens": 12, "logit_bias": NO_END, **fields}
    return client.chat.completions.create(model="letters", **given)


def said(client: openai.OpenAI, **fields: Any) -> str:
    return ask(client, **fields).choices[0].message.content


def test_several_answers_share_a_prompt_and_each_seed_gives_its_own_again(client: openai.OpenAI) -> None:
    answer = ask(client, n=4, seed=5)
    texts = [choice.message.content for choice in answer.choices]
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3] and len(set(texts)) == 4
    assert answer.usage.completion_tokens == 48 and answer.usage.prompt_tokens == ask(client).usage.prompt_tokens
    assert texts[0] == said(client, seed=5) == said(client, seed=5)
    assert texts == [choice.message.content for choice in ask(client, n=4, seed=5).choices]
    assert texts[0] != said(client, seed=6)


def test_streamed_answers_come_mixed_and_are_the_same(client: openai.OpenAI) -> None:
    whole = [choice.message.content for choice in ask(client, n=3, seed=5).choices]
    texts, ends, order, usage = ["", "", ""], {}, [], None
    for chunk in ask(client, n=3, seed=5, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            assert choice.index not in ends
            order.append(choice.index)
            texts[choice.index] += choice.delta.content or ""
            if choice.finish_reason is not None:
                ends[choice.index] = choice.finish_reason
    assert texts == whole and ends == dict.fromkeys(range(3), "length")
    assert usage is not None and usage.completion_tokens == 36
    assert order != sorted(order)


@pytest.mark.parametrize("stream", [False, True])
def test_logprobs_have_openais_shape_and_are_those_of_the_text(client: openai.OpenAI, stream: bool) -> None:
    answer = ask(client, seed=1, logprobs=True, top_logprobs=3, stream=stream)
    choices = [choice for chunk in answer for choice in chunk.choices] if stream else answer.choices
    entries = [entry for choice in choices if choice.logprobs is not None for entry in choice.logprobs.content]
    text = "".join((choice.delta if stream else choice.message).content or "" for choice in choices)
    assert bytes(byte for entry in entries for byte in entry.bytes).decode() == text == said(client, seed=1)
    for entry in entries:
        assert entry.logprob <= entry.top_logprobs[0].logprob <= 0 and len(entry.top_logprobs) == 3
        assert math.fsum(math.exp(each.logprob) for each in entry.top_logprobs) <= 1 + 1e-6
    assert len({entry.token for entry in entries}) > 1


def test_bias_bad_words_and_stop_ids_are_obeyed(client: openai.OpenAI) -> None:
    assert said(client, logit_bias={"3": 100}, temperature=0) == "a" * 12
    kept = said(client, logit_bias={**NO_END, "3": 30, "4": 29.5}, temperature=0, extra_body={"bad_words": ["aa"]})
    assert "aa" not in kept and kept.count("a") > 3
    stopped = ask(client, logit_bias={"3": 100}, extra_body={"stop_token_ids": [3]})
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == ("", "stop")
    least = ask(client, logit_bias={"3": 100}, extra_body={"stop_token_ids": [3], "min_tokens": 4})
    assert least.usage.completion_tokens >= 4 and "a" not in least.choices[0].message.content[:4]
    ended = ask(client, logit_bias={"2": 100})
    assert ended.usage.completion_tokens == 0
    assert ask(client, logit_bias={"2": 100}, extra_body={"ignore_eos": True}).usage.completion_tokens == 12


def test_a_penalty_makes_repetition_rarer(client: openai.OpenAI) -> None:
    liked = {**NO_END, "3": 9}
    plain = said(client, seed=2, logit_bias=liked).count("a")
    for fields in ({"frequency_penalty": 2}, {"extra_body": {"repetition_penalty": 50}}):
        assert said(client, seed=2, logit_bias=liked, **fields).count("a") < plain


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logit_bias": {"31": 1}}, "logit_bias"),
        ({"extra_body": {"thinking_token_budget": 4}}, None),
        ({"extra_body": {"min_tokens": 13}}, "min_tokens"),
        ({"messages": [*USER, {"role": "user", "content": "x"}], "extra_body": {"continue_final_message": True}}, None),
    ],
)
def test_what_the_model_cannot_do_is_one_clear_error(client: openai.OpenAI, fields: Any, param: str | None) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, **fields)
    assert param is None or refused.value.param == param


def test_a_final_message_goes_on(client: openai.OpenAI) -> None:
    history = [*USER, {"role": "assistant", "content": "well"}]
    plain = ask(client, messages=history)
    going = ask(client, messages=history, extra_body={"continue_final_message": True, "add_generation_prompt": False})
    # Neither the end of its turn nor the beginning of another.
    assert going.usage.prompt_tokens == plain.usage.prompt_tokens - 2


def test_priority_and_salt_are_for_the_engine_and_change_no_answer(client: openai.OpenAI) -> None:
    fields = {"priority": -3, "cache_salt": "x"}
    assert said(client, seed=4, extra_body=fields) == said(client, seed=4)


def test_a_secret_in_a_bad_word_or_a_salt_keeps_a_request_here(server: Setup, client: openai.OpenAI) -> None:
    asked = {"model": "auto", "messages": USER}
    raw = client.chat.completions.with_raw_response
    assert raw.create(**asked, extra_body={"bad_words": ["tree"]}).headers["x-nemora-route"] == "cloud"  # type: ignore[arg-type]
    for fields in ({"bad_words": [SECRET]}, {"cache_salt": SECRET}):
        assert raw.create(**asked, extra_body=fields).headers["x-nemora-route"] == "local"  # type: ignore[arg-type]


def test_chances_and_answers_of_a_cloud_come_through(server: Setup, client: openai.OpenAI) -> None:
    async def mixed(_request: object) -> Any:
        yield Delta(text="b", index=1)
        yield Delta(text="a", logprobs=(TokenLogprob("a", -0.25, b"a"),))
        yield Delta(finish=StopReason.STOP, index=1)
        yield Delta(finish=StopReason.STOP)

    server.cloud.script = mixed
    answer = client.chat.completions.create(model="big", messages=USER, n=2, logprobs=True)  # type: ignore[arg-type]
    assert [choice.message.content for choice in answer.choices] == ["a", "b"]
    assert answer.choices[0].logprobs is not None and answer.choices[1].logprobs is None
    server.cloud.script = lambda _request: _only_one()
    with pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model="big", messages=USER, n=2)  # type: ignore[arg-type]


async def _only_one() -> Any:
    yield Delta(text="a", finish=StopReason.STOP)
