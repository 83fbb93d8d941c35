"""OpenAI's Python client, Responses."""

from __future__ import annotations

import json
from typing import Any

import openai
import pydantic
from checks import BASE, CITY, HELLO, KEY, MODEL, NO_MODEL, NUMBER, RAIN, TOLD, TOO_LONG, WEATHER, raises, run, same

client = openai.OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0, timeout=60)
TOOLS: list[Any] = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}]


class Forecast(pydantic.BaseModel):
    city: str
    days: int


def chat() -> None:
    answer = client.responses.create(model=MODEL, input="Hi", instructions="Be short.")
    same((answer.output_text, answer.status), (HELLO, "completed"))
    again = client.responses.create(model=MODEL, input="And again", previous_response_id=answer.id)
    same(again.output_text, HELLO)
    same(client.responses.retrieve(again.id).output_text, HELLO)
    assert [item.type for item in client.responses.input_items.list(again.id)].count("message") == 3
    client.responses.delete(answer.id)
    raises(openai.NotFoundError, lambda: client.responses.retrieve(answer.id))


def stream() -> None:
    pieces, last = [], None
    for event in client.responses.create(model=MODEL, input="Hi", stream=True):
        pieces += [event.delta] if event.type == "response.output_text.delta" else []
        last = event
    same("".join(pieces), HELLO)
    assert len(pieces) > 3 and last is not None and last.type == "response.completed"
    with client.responses.stream(model=MODEL, input="Hi") as events:
        kinds = [event.type for event in events]
        same(events.get_final_response().output_text, HELLO)
    assert "response.output_text.done" in kinds


def tools() -> None:
    answer = client.responses.create(model=MODEL, input="Hi", tools=TOOLS)
    (call,) = [item for item in answer.output if item.type == "function_call"]
    same((call.name, json.loads(call.arguments)), ("weather", {"city": CITY}))
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": RAIN}
    kept = client.responses.create(model=MODEL, input=[result], previous_response_id=answer.id, tools=TOOLS)
    same(kept.output_text, TOLD)
    turns: list[Any] = [{"role": "user", "content": "Hi"}, *answer.output, result]
    same(client.responses.create(model=MODEL, input=turns, tools=TOOLS, store=False).output_text, TOLD)


def structured() -> None:
    answer = client.responses.parse(model=MODEL, input="Hi", text_format=Forecast)
    same(answer.output_parsed, Forecast(city=CITY, days=NUMBER))


def error() -> None:
    unknown: Any = raises(openai.NotFoundError, lambda: client.responses.create(model=NO_MODEL, input="Hi"))
    same(unknown.code, "model_not_found")
    long: Any = raises(openai.BadRequestError, lambda: client.responses.create(model=MODEL, input=TOO_LONG))
    same(long.code, "context_length_exceeded")


run(chat=chat, stream=stream, tools=tools, structured=structured, error=error)
