"""Ollama's Python client."""

from __future__ import annotations

import json
from typing import Any

import ollama
from checks import (
    BASE,
    CITY,
    FORECAST,
    HELLO,
    MODEL,
    NO_MODEL,
    NUMBER,
    RAIN,
    TOLD,
    TOO_LONG,
    raises,
    run,
    same,
)

client = ollama.Client(host=BASE)
HI: list[Any] = [{"role": "user", "content": "Hi"}]


def weather(city: str) -> str:
    """The weather.

    Args:
        city: where.
    """
    return RAIN if city == CITY else ""


def chat() -> None:
    assert MODEL in [model.model for model in client.list().models]
    assert client.show(MODEL).capabilities
    client.pull(MODEL)
    assert client.ps().models
    answer = client.chat(MODEL, HI, options={"num_predict": 200})
    same((answer.message.content, answer.done_reason), (HELLO, "stop"))
    same(client.generate(MODEL, "Hi").response, HELLO)


def stream() -> None:
    pieces = list(client.chat(MODEL, HI, stream=True, think=True))
    same("".join(piece.message.content or "" for piece in pieces), HELLO)
    assert len(pieces) > 3 and any(piece.message.thinking for piece in pieces) and pieces[-1].eval_count
    same("".join(piece.response for piece in client.generate(MODEL, "Hi", stream=True)), HELLO)


def tools() -> None:
    answer = client.chat(MODEL, HI, tools=[weather])
    assert answer.message.tool_calls
    call = answer.message.tool_calls[0].function
    same((call.name, dict(call.arguments)), ("weather", {"city": CITY}))
    told: dict[str, Any] = {"role": "tool", "tool_name": "weather", "content": weather(**call.arguments)}
    turns = [*HI, answer.message, told]
    same(client.chat(MODEL, turns, tools=[weather]).message.content, TOLD)
    same("".join(p.message.content or "" for p in client.chat(MODEL, turns, tools=[weather], stream=True)), TOLD)


def structured() -> None:
    answer = client.chat(MODEL, HI, format=FORECAST)
    same(json.loads(answer.message.content or ""), {"city": CITY, "days": NUMBER})
    same(json.loads(client.generate(MODEL, "Hi", format="json").response), {})


def error() -> None:
    found: Any = raises(ollama.ResponseError, lambda: client.chat(NO_MODEL, HI))
    same(found.status_code, 404)
    long: list[Any] = [{"role": "user", "content": TOO_LONG}]
    found = raises(ollama.ResponseError, lambda: list(client.chat(MODEL, long, stream=True)))
    same(found.status_code, 400)


run(chat=chat, stream=stream, tools=tools, structured=structured, error=error)
