"""openai-agents, over Responses (its default) and chat completions."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pydantic
from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from checks import BASE, CITY, HELLO, KEY, MODEL, NO_MODEL, NUMBER, RAIN, TOLD, TOO_LONG, raises, run, same

set_tracing_disabled(True)


def _models(name: str = MODEL) -> tuple[Any, ...]:
    """A client for each: it belongs to one event loop."""
    client = openai.AsyncOpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0)
    return OpenAIResponsesModel(name, client), OpenAIChatCompletionsModel(name, client)


class Forecast(pydantic.BaseModel):
    city: str
    days: int


@function_tool
def weather(city: str) -> str:
    """The weather."""
    return RAIN if city == CITY else ""


def _answers(asked: str = "Hi", *, name: str = MODEL, **more: Any) -> list[Any]:
    agents = [Agent("Helper", instructions="Be short.", model=model, **more) for model in _models(name)]

    async def all_of_them() -> list[Any]:
        return [(await Runner.run(agent, asked)).final_output for agent in agents]

    return asyncio.run(all_of_them())


def chat() -> None:
    same(_answers(), [HELLO, HELLO])


def stream() -> None:
    async def pieces(model: Any) -> list[str]:
        told = Runner.run_streamed(Agent("Helper", model=model), "Hi")
        return [
            event.data.delta
            async for event in told.stream_events()
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
        ]

    async def both() -> list[list[str]]:
        return [await pieces(model) for model in _models()]

    for found in asyncio.run(both()):
        same("".join(found), HELLO)
        assert len(found) > 3


def tools() -> None:
    same(_answers(tools=[weather]), [TOLD, TOLD])


def structured() -> None:
    expected = Forecast(city=CITY, days=NUMBER)
    same(_answers(output_type=Forecast), [expected, expected])


def error() -> None:
    raises(openai.NotFoundError, lambda: _answers(name=NO_MODEL))
    raises(openai.BadRequestError, lambda: _answers(TOO_LONG))


run(chat=chat, stream=stream, tools=tools, structured=structured, error=error)
