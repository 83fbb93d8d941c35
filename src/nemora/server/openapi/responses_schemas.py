"""The bodies of OpenAI's Responses, as schemas."""

from __future__ import annotations

from nemora.server import openai_responses, openai_responses_input
from nemora.server.openapi.sampling_schemas import (
    EFFORT,
    NAME_OF_SCHEMA,
    NAME_OF_TOOL,
    SAMPLING,
    STREAMING,
)
from nemora.server.openapi.schema import (
    ANY,
    ANY_OBJECT,
    COUNT,
    FLAG,
    MODEL,
    NULL,
    NUMBER,
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
    or_null,
    ref,
    words,
)
from nemora.server.sampling_fields import MAX_TOKENS

_NEEDED: dict[str, tuple[str, Schema]] = {
    "input_text": ("text", TEXT),
    "output_text": ("text", TEXT),
    "refusal": ("refusal", TEXT),
    "input_image": ("image_url", SOME_TEXT),
    "input_file": ("file_data", SOME_TEXT),
    "input_audio": ("input_audio", ANY_OBJECT),
}
"""What a part of each type must have."""


def _part(kind: str) -> Schema:
    name, schema = _NEEDED[kind]
    return {"type": "object", "properties": {"type": words(kind), name: schema}, "required": ["type", name]}


_PART: Schema = any_of(*map(_part, _NEEDED))
_CONTENT: Schema = any_of(TEXT, array(_PART))
_OWN: dict[str, Schema] = {"id": TEXT, "status": any_of(words(*openai_responses_input.STATUSES), words(""))}
_FORMAT: Schema = any_of(
    body({"type": words("text", "json_object")}),
    body(
        {"type": words("json_schema"), "name": NAME_OF_SCHEMA, "schema": ANY_OBJECT},
        {"description": TEXT, "strict": FLAG},
    ),
)
_TOOL: Schema = body(
    {"type": words("function"), "name": NAME_OF_TOOL},
    {
        "description": TEXT,
        "parameters": ANY_OBJECT,
        "strict": FLAG,
        **neutral(
            {"async": (False,), "defer_loading": (False,), "allowed_callers": (["direct"],), "output_schema": ()}
        ),
    },
)
_CHOICE: Schema = any_of(words("none", "auto", "required"), body({"type": words("function"), "name": NAME_OF_TOOL}))
_REASONING: Schema = body(
    {},
    {
        "effort": EFFORT,
        "context": words("auto", "current_turn", "all_turns"),
        **neutral({"summary": ("auto",), "generate_summary": ("auto",), "mode": ("standard",)}),
    },
)
_METADATA: Schema = {
    "type": "object",
    "maxProperties": 16,
    "propertyNames": {"maxLength": 64},
    "additionalProperties": {"type": "string", "maxLength": 512},
}
_FIELDS: dict[str, Schema] = {
    **{name: SAMPLING[name] for name in ("temperature", "top_p", "top_k", "min_p", "seed")},
    **STREAMING,
    "instructions": TEXT,
    "previous_response_id": SOME_TEXT,
    "store": FLAG,
    "include": array(words(*sorted(openai_responses.INCLUDE_NOTHING))),
    "metadata": _METADATA,
    "tools": array(_TOOL),
    "tool_choice": _CHOICE,
    "parallel_tool_calls": FLAG,
    "reasoning": _REASONING,
    "text": body({}, {"format": _FORMAT, **neutral({"verbosity": ("medium",)})}),
    "max_output_tokens": integer(1, MAX_TOKENS),
}
_REPEATED: dict[str, Schema] = {
    "max_tool_calls": integer(0, MAX_TOKENS),
    "safety_identifier": TEXT,
    "prompt_cache_key": TEXT,
    "user": TEXT,
}
"""Without effect, but the response says them again."""


def _texts(kind: str) -> Schema:
    return array(body({"type": words(kind), "text": TEXT}))


def _items() -> Schema:
    """Items of the input."""
    message: dict[str, Schema] = {"content": _CONTENT}
    roles = [role for role in openai_responses_input.ROLES if role != "assistant"]
    own = {**_OWN, "type": words("message")}
    phase = {"phase": words(*openai_responses_input.PHASES)}
    return any_of(
        body({"role": words(*roles), **message}, own),
        body({"role": words("assistant"), **message}, {**own, **phase}),
        body(
            {"type": words("function_call"), "call_id": SOME_TEXT, "name": NAME_OF_TOOL, "arguments": TEXT},
            {**_OWN, **neutral({"namespace": (), "caller": (), "async": ()})},
        ),
        body(
            {"type": words("function_call_output"), "call_id": SOME_TEXT, "output": _CONTENT},
            {**_OWN, **neutral({"namespace": (), "caller": (), "name": ()})},
        ),
        body(
            {"type": words("reasoning")},
            {
                **_OWN,
                "summary": _texts("summary_text"),
                "content": _texts("reasoning_text"),
                **neutral({"encrypted_content": ()}),
            },
        ),
    )


def _output() -> Schema:
    own: dict[str, Schema] = {"id": TEXT, "status": words("in_progress", "completed", "incomplete")}
    text = answer({"type": words("output_text"), "text": TEXT, "annotations": array(ANY), "logprobs": array(ANY)})
    thought = answer({"type": words("reasoning_text"), "text": TEXT})
    return any_of(
        answer({"type": words("message"), **own, "role": words("assistant"), "content": array(text)}),
        answer({"type": words("function_call"), **own, "call_id": TEXT, "name": TEXT, "arguments": TEXT}),
        answer(
            {
                "type": words("reasoning"),
                **own,
                "summary": array(ANY),
                "content": array(thought),
                "encrypted_content": NULL,
            }
        ),
    )


def _usage() -> Schema:
    return or_null(
        answer(
            {
                "input_tokens": COUNT,
                "input_tokens_details": answer({"cached_tokens": COUNT, "cache_write_tokens": COUNT}),
                "output_tokens": COUNT,
                "output_tokens_details": answer({"reasoning_tokens": COUNT}),
                "total_tokens": COUNT,
            }
        )
    )


def schemas() -> dict[str, Schema]:
    """By name."""
    error = answer({"code": TEXT, "message": TEXT})
    reasons = words("max_output_tokens", "content_filter")
    return {
        "ResponsesItem": _items(),
        "ResponsesRequest": body(
            {"model": MODEL, "input": any_of(TEXT, array(ref("ResponsesItem"), 1))},
            {
                **known_only(_FIELDS, openai_responses.READ - {"model", "input"}),
                **ignored(openai_responses.IGNORED),
                **_REPEATED,
                **neutral(openai_responses.NEUTRAL),
            },
        ),
        "Response": answer(
            {
                "id": TEXT,
                "object": words("response"),
                "created_at": COUNT,
                "completed_at": or_null(COUNT),
                "status": words("completed", "incomplete", "in_progress", "failed"),
                "error": or_null(error),
                "incomplete_details": or_null(answer({"reason": reasons})),
                "model": TEXT,
                "output": array(_output()),
                "usage": _usage(),
                "store": FLAG,
                "instructions": or_null(TEXT),
                "previous_response_id": or_null(TEXT),
                "tools": array(ANY_OBJECT),
                "tool_choice": _CHOICE,
                "parallel_tool_calls": FLAG,
                "temperature": NUMBER,
                "top_p": NUMBER,
                "max_output_tokens": or_null(COUNT),
                "max_tool_calls": or_null(COUNT),
                "reasoning": answer({"effort": or_null(EFFORT), "summary": NULL}),
                "safety_identifier": or_null(TEXT),
                "prompt_cache_key": or_null(TEXT),
                "user": or_null(TEXT),
                "service_tier": words("default"),
                "truncation": words("disabled"),
                "top_logprobs": COUNT,
                "presence_penalty": NUMBER,
                "frequency_penalty": NUMBER,
                "background": FLAG,
                "metadata": _METADATA,
                "text": answer({"format": ANY_OBJECT}),
            }
        ),
        "DeletedResponse": answer({"id": TEXT, "object": words("response"), "deleted": FLAG}),
        "InputItems": answer(
            {"object": words("list"), "data": array(ANY_OBJECT), "first_id": TEXT, "last_id": TEXT, "has_more": FLAG}
        ),
    }
