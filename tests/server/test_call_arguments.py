"""Arguments that are no object come as text in every API that wants an object, and never break an answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from starlette.responses import JSONResponse

from nemora.core import Delta, StopReason, ToolCallDelta
from nemora.server.call_arguments import object_of
from nemora.server.ollama_answer import OllamaWriter

NO_OBJECTS = ['{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', "[" * 9999, '{"a": 1, "a": 2}', "[1]", "{", '"a"']


async def called(arguments: str) -> AsyncIterator[Delta]:
    yield Delta(tool_call=ToolCallDelta(0, "c", "f", arguments))
    yield Delta(finish=StopReason.TOOL_CALLS)


@pytest.mark.parametrize("arguments", NO_OBJECTS)
def test_what_is_no_object_is_kept_as_text_and_can_be_sent(arguments: str) -> None:
    assert object_of(arguments) is None
    whole = asyncio.run(OllamaWriter("m", chat=True).whole(called(arguments)))
    message = json.loads(bytes(JSONResponse(whole).body))["message"]
    assert message["tool_calls"][0]["function"]["arguments"] == {"arguments": arguments}


@pytest.mark.parametrize("text", ["", " ", "{}", '{"a": [1, 2.5, null, "é"]}'])
def test_an_object_is_one(text: str) -> None:
    assert object_of(text) == json.loads(text.strip() or "{}")
