"""OpenAI's own types, with every field that they do not name refused."""

from __future__ import annotations

from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
OPEN_RESPONSES = {"store", "presence_penalty", "frequency_penalty"}
"""Of a response: fields that the OpenResponses schema requires and OpenAI's client does not name."""


def no_more_than_named(value: Any) -> None:
    if isinstance(value, BaseModel):
        extra = set(value.model_extra or ())
        assert extra == (OPEN_RESPONSES if isinstance(value, Response) else set()), (type(value).__name__, extra)
        for name in type(value).model_fields:
            no_more_than_named(getattr(value, name))
    elif isinstance(value, list | tuple):
        for item in value:
            no_more_than_named(item)


def strict_event(value: dict[str, Any]) -> Any:
    """An event as the client's type for it, after a check of every field."""
    event = EVENTS.validate_python(value)
    assert event.type == value["type"]
    no_more_than_named(event)
    return event


def strict_response(value: dict[str, Any]) -> Response:
    response = Response.model_validate(value)
    no_more_than_named(response)
    return response
