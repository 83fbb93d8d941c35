"""litellm: OpenAI's chat completions, Anthropic's Messages and Ollama through one function."""

from __future__ import annotations

import json
import os
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches prices when it is imported
import litellm
import pydantic
from checks import BASE, CITY, HELLO, KEY, MODEL, NO_MODEL, NUMBER, RAIN, TOLD, TOO_LONG, WEATHER, raises, run, same

litellm.telemetry = False
WAYS: list[dict[str, Any]] = [
    {"model": f"openai/{MODEL}", "api_base": f"{BASE}/v1", "api_key": KEY},
    {"model": f"anthropic/{MODEL}", "api_base": BASE, "api_key": KEY, "max_tokens": 400},
    {"model": f"ollama_chat/{MODEL}", "api_base": BASE},
]
HI: list[Any] = [{"role": "user", "content": "Hi"}]
TOOLS: list[Any] = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]


class Forecast(pydantic.BaseModel):
    city: str
    days: int


def _ask(way: dict[str, Any], **more: Any) -> Any:
    return litellm.completion(**{**way, "messages": HI, **more}, num_retries=0, timeout=60)


def chat() -> None:
    for way in WAYS:
        answer = _ask(way)
        same(answer.choices[0].message.content, HELLO)
        assert answer.usage.completion_tokens > 0


def stream() -> None:
    for way in WAYS:
        pieces = [chunk.choices[0].delta.content or "" for chunk in _ask(way, stream=True)]
        same("".join(pieces), HELLO)


def tools() -> None:
    for way in WAYS:
        message = _ask(way, tools=TOOLS).choices[0].message
        (call,) = message.tool_calls
        same((call.function.name, json.loads(call.function.arguments)), ("weather", {"city": CITY}))
        turns = [*HI, message, {"role": "tool", "tool_call_id": call.id, "name": "weather", "content": RAIN}]
        same(_ask(way, messages=turns, tools=TOOLS).choices[0].message.content, TOLD)


def structured() -> None:
    for way in WAYS:
        text = _ask(way, response_format=Forecast).choices[0].message.content
        same(Forecast.model_validate_json(text), Forecast(city=CITY, days=NUMBER))


def error() -> None:
    for way in WAYS:
        kinds = (litellm.NotFoundError, litellm.APIConnectionError)
        raises(kinds, lambda way=way: _ask({**way, "model": way["model"].replace(MODEL, NO_MODEL)}))
    long: list[Any] = [{"role": "user", "content": TOO_LONG}]
    for way in WAYS[:2]:
        raises(litellm.ContextWindowExceededError, lambda way=way: _ask(way, messages=long))


run(chat=chat, stream=stream, tools=tools, structured=structured, error=error)
