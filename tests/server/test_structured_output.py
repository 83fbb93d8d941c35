"""The starter, held to forms and calls by a grammar, over a real socket with OpenAI's client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import jsonschema
import openai
import pydantic
import pytest
from server_fakes import served, setup

from nemora.backends.local import LocalBackend
from nemora.backends.local_model import LocalModel
from nemora.weights.checkpoint import Checkpoint
from starter import needs_starter

pytestmark = needs_starter
USER: Any = [{"role": "user", "content": "Is it going to rain in Bonn on 3 days?"}]
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if tools %}{{ '<|im_start|>system\\n' + TOOLS + (tools | tojson) + '<|im_end|>\\n' }}{% endif %}"
    "{{ '<|im_start|>assistant\\n' }}"
)
TEACHES = {
    "hermes": 'Call with <tool_call>{"name": "arguments"}</tool_call>: ',
    "xml": "Call with <tool_call>\n<function=name>: ",
}
PARAMETERS = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Bonn", "Köln"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["city", "days"],
}
WEATHER: Any = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
NEWS: Any = {"type": "function", "function": {"name": "news"}}


class Rain(pydantic.BaseModel):
    city: Literal["Bonn", "Köln"]
    days: int = pydantic.Field(ge=1, le=9)


@pytest.fixture(scope="module")
def client(starter_model: LocalModel, starter_checkpoint: Checkpoint) -> Iterator[openai.OpenAI]:
    backends = []
    for name, words in TEACHES.items():
        template = CHATML.replace("TOOLS", json.dumps(words))
        taught = replace(starter_checkpoint, chat_template=template)
        backends.append(LocalBackend(LocalModel(name, starter_model._model, taught, context=512), name))
    with (
        served(setup(with_cloud=False, more=backends)) as running,
        openai.OpenAI(base_url=f"{running.url}/v1", api_key="k", max_retries=0, timeout=120) as made,
    ):
        yield made
    for backend in backends:
        backend.local.close()


def test_a_streamed_answer_is_what_the_client_described(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="hermes", messages=USER, response_format=Rain, temperature=1.5, seed=3, max_tokens=40
    ) as stream:
        pieces = [event.delta for event in stream if event.type == "content.delta"]
        answer = stream.get_final_completion().choices[0]
    assert isinstance(answer.message.parsed, Rain) and answer.finish_reason == "stop"
    assert "".join(pieces) == answer.message.content and len(pieces) > 3


NAMED: Any = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize(("model", "choice"), [("hermes", "required"), ("xml", NAMED)])
def test_a_call_that_must_be_made_is_made_and_fits(client: openai.OpenAI, model: str, choice: Any) -> None:
    chunks = list(
        client.chat.completions.create(
            model=model,
            messages=USER,
            tools=[WEATHER, NEWS],
            tool_choice=choice,
            parallel_tool_calls=False,
            temperature=1.0,
            seed=5,
            max_tokens=80,
            stream=True,
        )
    )
    calls = [call for c in chunks if c.choices for call in c.choices[0].delta.tool_calls or []]
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "tool_calls"
    names = [call.function.name for call in calls if call.function.name]
    arguments = json.loads("".join(call.function.arguments or "" for call in calls))
    assert len(names) == 1 and (choice == "required" or names == ["weather"])
    jsonschema.validate(arguments, PARAMETERS if names[0] == "weather" else {"type": "object"})
    assert not "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def test_a_choice_is_one_of_those_offered(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="hermes", messages=USER, extra_body={"structured_outputs": {"choice": ["yes", "no"]}}, max_tokens=8
    )
    assert answer.choices[0].message.content in ("yes", "no")


def test_a_bad_schema_is_a_400_and_the_next_request_is_answered(client: openai.OpenAI) -> None:
    form: Any = {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "string", "pattern": "(CANARY"}},
    }
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="hermes", messages=USER, response_format=form, stream=True)
    assert caught.value.param == "/response_format" and "CANARY" not in str(caught.value)
    test_a_choice_is_one_of_those_offered(client)
