"""pydantic-ai over chat completions and over Responses."""

from __future__ import annotations

import asyncio
from typing import Any

import pydantic
from checks import BASE, CITY, HELLO, KEY, MODEL, NO_MODEL, NUMBER, RAIN, TOLD, TOO_LONG, raises, run, same
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

PROVIDER = OpenAIProvider(base_url=f"{BASE}/v1", api_key=KEY)
MODELS: tuple[Any, ...] = (OpenAIChatModel(MODEL, provider=PROVIDER), OpenAIResponsesModel(MODEL, provider=PROVIDER))


class Forecast(pydantic.BaseModel):
    """The forecast."""

    city: str
    days: int


def chat() -> None:
    for model in MODELS:
        answer = Agent(model, instructions="Be short.").run_sync("Hi")
        same(answer.output, HELLO)
        more = Agent(model).run_sync("And again", message_history=answer.all_messages())
        same(more.output, HELLO)


def stream() -> None:
    async def told(model: Any) -> list[str]:
        async with Agent(model).run_stream("Hi") as answer:
            return [piece async for piece in answer.stream_text(delta=True, debounce_by=None)]

    for model in MODELS:
        pieces = asyncio.run(told(model))
        same("".join(pieces), HELLO)
        assert len(pieces) > 3


def tools() -> None:
    for model in MODELS:
        agent = Agent(model)

        @agent.tool_plain
        def weather(city: str) -> str:
            return RAIN if city == CITY else ""

        same(agent.run_sync("Hi").output, TOLD)


def structured() -> None:
    for model in MODELS:
        for form in (NativeOutput(Forecast), ToolOutput(Forecast)):
            same(Agent(model, output_type=form).run_sync("Hi").output, Forecast(city=CITY, days=NUMBER))


def error() -> None:
    unknown: Any = raises(ModelHTTPError, lambda: Agent(OpenAIChatModel(NO_MODEL, provider=PROVIDER)).run_sync("Hi"))
    same(unknown.status_code, 404)
    long: Any = raises(ModelHTTPError, lambda: Agent(MODELS[0]).run_sync(TOO_LONG))
    same(long.status_code, 400)


run(chat=chat, stream=stream, tools=tools, structured=structured, error=error)
