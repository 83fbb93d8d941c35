"""Anthropic's Python client."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pydantic
from checks import (
    BASE,
    CITY,
    FORECAST,
    HELLO,
    KEY,
    MODEL,
    NO_MODEL,
    NUMBER,
    RAIN,
    TOLD,
    TOO_LONG,
    WEATHER,
    raises,
    run,
    same,
)

client = anthropic.Anthropic(base_url=BASE, api_key=KEY, max_retries=0, timeout=60)
ASK: dict[str, Any] = {"model": MODEL, "max_tokens": 400, "messages": [{"role": "user", "content": "Hi"}]}
TOOLS: list[Any] = [{"name": "weather", "input_schema": WEATHER}]


class Forecast(pydantic.BaseModel):
    city: str
    days: int


def _text(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def chat() -> None:
    assert MODEL in [model.id for model in client.models.list()]
    answer = client.messages.create(**ASK, system="Be short.")
    same((_text(answer), answer.stop_reason), (HELLO, "end_turn"))
    counted = client.messages.count_tokens(model=MODEL, messages=ASK["messages"], system="Be short.")
    same(counted.input_tokens, answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0))


def stream() -> None:
    with client.messages.stream(**ASK) as told:
        pieces = list(told.text_stream)
        final = told.get_final_message()
    same(("".join(pieces), _text(final)), (HELLO, HELLO))
    assert len(pieces) > 3 and final.usage.output_tokens > 0
    thinking = {"type": "enabled", "budget_tokens": 1024}
    with client.messages.stream(**{**ASK, "max_tokens": 2048}, thinking=thinking) as told:
        same([block.type for block in told.get_final_message().content], ["thinking", "text"])


def tools() -> None:
    answer = client.messages.create(**ASK, tools=TOOLS)
    (use,) = [block for block in answer.content if block.type == "tool_use"]
    same((answer.stop_reason, use.name, use.input), ("tool_use", "weather", {"city": CITY}))
    result = {"type": "tool_result", "tool_use_id": use.id, "content": RAIN}
    turns = [*ASK["messages"], {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    with client.messages.stream(**{**ASK, "messages": turns}, tools=TOOLS) as told:
        same(_text(told.get_final_message()), TOLD)


def structured() -> None:
    form = {"format": {"type": "json_schema", "schema": FORECAST}}
    body: dict[str, Any] = {"extra_body": {"output_config": form}}
    same(json.loads(_text(client.messages.create(**ASK, **body))), {"city": CITY, "days": NUMBER})
    if hasattr(client.messages, "parse"):
        parsed = client.messages.parse(**ASK, output_format=Forecast)
        same(parsed.parsed_output, Forecast(city=CITY, days=NUMBER))


def error() -> None:
    raises(anthropic.NotFoundError, lambda: client.messages.create(**{**ASK, "model": NO_MODEL}))
    long = {**ASK, "messages": [{"role": "user", "content": TOO_LONG}]}
    found = raises(anthropic.BadRequestError, lambda: client.messages.create(**long))
    assert "prompt is too long" in str(found)


run(chat=chat, stream=stream, tools=tools, structured=structured, error=error)
