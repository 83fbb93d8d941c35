"""langchain-openai: chat completions, and Responses where it says so."""

from __future__ import annotations

from typing import Any

import openai
import pydantic
from checks import BASE, CITY, HELLO, KEY, MODEL, NO_MODEL, NUMBER, RAIN, TOLD, TOO_LONG, raises, run, same
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


def _model(**more: Any) -> Any:
    return ChatOpenAI(**{"model": MODEL, "base_url": f"{BASE}/v1", "api_key": KEY, "max_retries": 0, **more})


MODELS = (_model(), _model(use_responses_api=True))


class Forecast(pydantic.BaseModel):
    """The forecast."""

    city: str
    days: int


@tool
def weather(city: str) -> str:
    """The weather."""
    return RAIN if city == CITY else ""


def chat() -> None:
    for model in MODELS:
        answer = model.invoke("Hi")
        same(answer.text, HELLO)
        assert answer.usage_metadata["output_tokens"] > 0


def stream() -> None:
    for model in MODELS:
        pieces = list(model.stream("Hi"))
        same("".join(piece.text for piece in pieces), HELLO)
        assert len(pieces) > 3


def tools() -> None:
    for model in MODELS:
        bound = model.bind_tools([weather])
        answer = bound.invoke("Hi")
        (call,) = answer.tool_calls
        same((call["name"], call["args"]), ("weather", {"city": CITY}))
        told = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
        same(bound.invoke([HumanMessage("Hi"), answer, told]).text, TOLD)
        forced = model.bind_tools([weather], tool_choice="weather", strict=True)
        same(forced.invoke("Hi").tool_calls[0]["name"], "weather")


def structured() -> None:
    for model in MODELS:
        for method in ("json_schema", "function_calling"):
            asked = model.with_structured_output(Forecast, method=method)
            same(asked.invoke("Hi"), Forecast(city=CITY, days=NUMBER))


def error() -> None:
    raises(openai.NotFoundError, lambda: _model(model=NO_MODEL).invoke("Hi"))
    raises(openai.BadRequestError, lambda: MODELS[0].invoke(TOO_LONG))


run(chat=chat, stream=stream, tools=tools, structured=structured, error=error)
