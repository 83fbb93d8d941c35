"""The bodies of Anthropic's Messages, as schemas."""

from __future__ import annotations

from nemora.server import anthropic_content, anthropic_messages
from nemora.server.openapi.sampling_schemas import NAME_OF_TOOL
from nemora.server.openapi.schema import (
    ANY,
    ANY_OBJECT,
    COUNT,
    FLAG,
    MODEL,
    SOME_TEXT,
    TEXT,
    Schema,
    answer,
    any_of,
    array,
    body,
    ignored,
    integer,
    known_only,
    neutral,
    number,
    or_null,
    ref,
    words,
)
from nemora.server.sampling_fields import MAX_STOPS, MAX_TOKENS
from nemora.server.thinking_fields import MAX_BUDGET

_CACHED: dict[str, Schema] = {"cache_control": ANY_OBJECT}
_TEXT_BLOCK: Schema = body({"type": words("text"), "text": TEXT}, {**_CACHED, "citations": {"const": []}})


def _source(media_types: tuple[str, ...]) -> tuple[Schema, ...]:
    return (
        body({"type": words("base64"), "media_type": words(*media_types), "data": SOME_TEXT}),
        body({"type": words("url"), "url": SOME_TEXT}),
        body({"type": words("file"), "file_id": SOME_TEXT}),
    )


_IMAGE: Schema = body({"type": words("image"), "source": any_of(*_source(anthropic_content.PICTURES))}, _CACHED)
_DOCUMENT: Schema = body(
    {
        "type": words("document"),
        "source": any_of(
            *_source(("application/pdf",)),
            body({"type": words("text"), "media_type": words("text/plain"), "data": TEXT}),
            body({"type": words("content"), "content": any_of(TEXT, array(any_of(_TEXT_BLOCK, _IMAGE)))}),
        ),
    },
    {**_CACHED, "title": TEXT, "context": TEXT, "citations": body({}, {"enabled": {"const": False}})},
)
_RESULT: Schema = body(
    {"type": words("tool_result"), "tool_use_id": SOME_TEXT},
    {**_CACHED, "content": any_of(TEXT, array(any_of(_TEXT_BLOCK, _IMAGE, _DOCUMENT))), "is_error": FLAG},
)
_SAID: Schema = any_of(
    _TEXT_BLOCK,
    body({"type": words("thinking"), "thinking": TEXT}, {**_CACHED, "signature": TEXT}),
    body({"type": words("redacted_thinking")}, {**_CACHED, "data": ANY}),
    body(
        {"type": words("tool_use"), "id": SOME_TEXT, "name": NAME_OF_TOOL, "input": ANY_OBJECT},
        {**_CACHED, "caller": {"const": {"type": "direct"}}},
    ),
)
_TURN: Schema = any_of(
    body(
        {
            "role": words("user"),
            "content": any_of(TEXT, array(any_of(_TEXT_BLOCK, _IMAGE, _DOCUMENT, _RESULT), 1)),
        }
    ),
    body({"role": words("assistant"), "content": any_of(TEXT, array(_SAID, 1))}),
    body({"role": words("system"), "content": any_of(TEXT, array(_TEXT_BLOCK))}),
)
_TOOL: Schema = body(
    {"name": NAME_OF_TOOL, "input_schema": ANY_OBJECT},
    {
        **_CACHED,
        "type": words("custom"),
        "description": TEXT,
        "strict": FLAG,
        "eager_input_streaming": FLAG,
        **neutral({"defer_loading": (False,), "input_examples": ([],), "allowed_callers": (["direct"],)}),
    },
)
_PARALLEL: dict[str, Schema] = {"disable_parallel_tool_use": FLAG}
_FORM: Schema = body({"type": words("json_schema"), "schema": ANY_OBJECT})
_DISPLAY: dict[str, Schema] = {"display": words("summarized", "omitted")}
_FIELDS: dict[str, Schema] = {
    "system": any_of(TEXT, array(_TEXT_BLOCK)),
    "stream": FLAG,
    "tools": array(_TOOL),
    "tool_choice": any_of(
        body({"type": words(*anthropic_messages.CHOICES)}, _PARALLEL),
        body({"type": words("tool"), "name": NAME_OF_TOOL}, _PARALLEL),
    ),
    "thinking": any_of(
        body({"type": words("enabled"), "budget_tokens": integer(1, MAX_BUDGET)}, _DISPLAY),
        body({"type": words("adaptive")}, _DISPLAY),
        body({"type": words("disabled")}),
    ),
    "output_config": body(
        {}, {"effort": words(*anthropic_messages.EFFORTS), "format": _FORM, **neutral({"task_budget": ()})}
    ),
    "output_format": _FORM,
    "temperature": number(0, 1),
    "top_p": number(0, 1, above=True),
    "top_k": integer(0, MAX_TOKENS),
    "stop_sequences": array(SOME_TEXT, most=MAX_STOPS),
    "max_tokens": integer(1, MAX_TOKENS),
}


def _request(*, counting: bool) -> Schema:
    required: dict[str, Schema] = {"model": MODEL, "messages": array(ref("MessagesTurn"), 1)}
    if not counting:
        required["max_tokens"] = _FIELDS["max_tokens"]
    return body(
        required,
        {
            **known_only(_FIELDS, anthropic_messages.READ - required.keys()),
            **ignored(anthropic_messages.IGNORED),
            **neutral(anthropic_messages.NEUTRAL),
        },
    )


def schemas() -> dict[str, Schema]:
    """By name."""
    return {
        "MessagesTurn": _TURN,
        "MessagesRequest": _request(counting=False),
        "CountRequest": _request(counting=True),
        "TokenCount": answer({"input_tokens": COUNT}),
        "MessagesAnswer": answer(
            {
                "id": TEXT,
                "type": words("message"),
                "role": words("assistant"),
                "model": TEXT,
                "content": array(
                    any_of(
                        answer({"type": words("text"), "text": TEXT}),
                        answer({"type": words("thinking"), "thinking": TEXT, "signature": TEXT}),
                        answer({"type": words("tool_use"), "id": TEXT, "name": TEXT, "input": ANY_OBJECT}),
                    )
                ),
                "stop_reason": words("end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"),
                "stop_sequence": or_null(TEXT),
                "usage": answer(
                    {
                        "input_tokens": COUNT,
                        "cache_creation_input_tokens": COUNT,
                        "cache_read_input_tokens": COUNT,
                        "output_tokens": COUNT,
                    }
                ),
            }
        ),
    }
