"""OpenAI's Python client, chat completions: works with versions 1, 2 and 3 of it."""

from __future__ import annotations

import json
from typing import Any

import openai
import pydantic
from checks import BASE, CITY, HELLO, KEY, MODEL, NO_MODEL, NUMBER, RAIN, TOLD, TOO_LONG, WEATHER, raises, run, same

client = openai.OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0, timeout=60)
HI: list[Any] = [{"role": "user", "content": "Hi"}]
TOOLS: list[Any] = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER, "strict": True}}]


class Forecast(pydantic.BaseModel):
    city: str
    days: int


def chat() -> None:
    assert MODEL in [model.id for model in client.models.list()]
    same(client.models.retrieve(MODEL).id, MODEL)
    answer = client.chat.completions.create(model=MODEL, messages=HI)
    same((answer.choices[0].message.content, answer.choices[0].finish_reason), (HELLO, "stop"))
    assert answer.usage is not None and answer.usage.completion_tokens > 0
    two = client.chat.completions.create(model=MODEL, messages=HI, n=2, logprobs=True, top_logprobs=2)
    same([choice.message.content for choice in two.choices], [HELLO, HELLO])
    assert two.choices[1].logprobs is not None and two.choices[1].logprobs.content
    text = client.completions.create(model=MODEL, prompt="Once", max_tokens=40)
    same(text.choices[0].text, " and so on")


def stream() -> None:
    usage: Any = {"include_usage": True}
    chunks = list(client.chat.completions.create(model=MODEL, messages=HI, stream=True, stream_options=usage))
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    same("".join(pieces), HELLO)
    assert len(pieces) > 3 and chunks[-1].usage is not None
    texts = client.completions.create(model=MODEL, prompt="Once", max_tokens=40, stream=True)
    same("".join(chunk.choices[0].text for chunk in texts), " and so on")


def tools() -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HI, tools=TOOLS, parallel_tool_calls=False)
    same(answer.choices[0].finish_reason, "tool_calls")
    message = answer.choices[0].message
    assert message.tool_calls
    call = message.tool_calls[0]
    same((call.function.name, json.loads(call.function.arguments)), ("weather", {"city": CITY}))
    turns = [*HI, message, {"role": "tool", "tool_call_id": call.id, "content": RAIN}]
    same(client.chat.completions.create(model=MODEL, messages=turns, tools=TOOLS).choices[0].message.content, TOLD)
    _streamed_call()


def _streamed_call() -> None:
    api = client.chat.completions if hasattr(client.chat.completions, "stream") else client.beta.chat.completions
    with api.stream(model=MODEL, messages=HI, tools=TOOLS, tool_choice="required") as stream:
        kinds = {event.type for event in stream}
        message = stream.get_final_completion().choices[0].message
    assert "tool_calls.function.arguments.done" in kinds and message.tool_calls
    same(message.tool_calls[0].function.parsed_arguments, {"city": CITY})
    turns = [*HI, message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": RAIN}]
    same(client.chat.completions.create(model=MODEL, messages=turns, tools=TOOLS).choices[0].message.content, TOLD)


def structured() -> None:
    api = client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
    answer = api.parse(model=MODEL, messages=HI, response_format=Forecast)
    same(answer.choices[0].message.parsed, Forecast(city=CITY, days=NUMBER))
    free = client.chat.completions.create(model=MODEL, messages=HI, response_format={"type": "json_object"})
    same(json.loads(free.choices[0].message.content or ""), {})


def error() -> None:
    unknown = raises(openai.NotFoundError, lambda: client.chat.completions.create(model=NO_MODEL, messages=HI))
    same(getattr(unknown, "code", None), "model_not_found")
    long: list[Any] = [{"role": "user", "content": TOO_LONG}]
    for streamed in (False, True):
        found: Any = raises(
            openai.BadRequestError,
            lambda streamed=streamed: client.chat.completions.create(model=MODEL, messages=long, stream=streamed),
        )
        same(found.code, "context_length_exceeded")


run(chat=chat, stream=stream, tools=tools, structured=structured, error=error)
