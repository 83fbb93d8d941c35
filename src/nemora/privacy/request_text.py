"""The strings of a request that may be rewritten, by the JSON pointers under which `segment` reads them.

What is not listed here (tool names, ids, keys and numbers of schemas) binds a request together and is left alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from nemora.core import ChatRequest, Json, Message, Part, ResponseFormat, TextPart, Tool, ToolCall
from nemora.privacy.segment import is_plain_key

Edit = Callable[[str, str], str]
"""Pointer and text to the text that takes its place."""

SENT = frozenset(
    (
        *("model", "messages", "tools", "tool_choice", "stop", "seed", "top_k", "max_tokens", "chat_template_kwargs"),
        *("response_format", "structured_outputs"),
        *("bad_words", "stop_token_ids", "logit_bias", "min_tokens", "top_logprobs", "n", "thinking_token_budget"),
    )
)
"""The first words of pointers into what is sent."""


def rewritten(request: ChatRequest, edit: Edit) -> ChatRequest:
    """`request` with each of its strings replaced by what `edit` makes of it, and without what is never sent."""
    words = tuple(edit(f"/bad_words/{i}", word) for i, word in enumerate(request.sampling.bad_words))
    return dataclasses.replace(
        request,
        sampling=dataclasses.replace(request.sampling, bad_words=words),
        cache_salt=None,
        tools=tuple(_tool(f"/tools/{i}/function", t, edit) for i, t in enumerate(request.tools)),
        response_format=None if request.response_format is None else _response_format(request.response_format, edit),
        stop=tuple(edit(f"/stop/{i}", stop) for i, stop in enumerate(request.stop)),
        messages=tuple(_message(f"/messages/{i}", m, edit) for i, m in enumerate(request.messages)),
        unsent={},
    )


def strings_of(request: ChatRequest) -> dict[str, str]:
    """Those strings by their pointers: what stays the same from turn to turn first, then the messages."""
    found: dict[str, str] = {}

    def note(where: str, text: str) -> str:
        found[where] = text
        return text

    rewritten(request, note)
    return found


def is_sent(where: str) -> bool:
    """Whether a pointer leads into what is sent. Fields that are never sent have words of their own."""
    return where.split("/")[1] in SENT if where else False


def _message(where: str, message: Message, edit: Edit) -> Message:
    content: str | tuple[Part, ...] | None = message.content
    if isinstance(content, str):
        content = edit(f"{where}/content", content)
    elif content is not None:
        content = tuple(
            TextPart(edit(f"{where}/content/{i}/text", part.text)) if isinstance(part, TextPart) else part
            for i, part in enumerate(content)
        )
    calls = tuple(
        ToolCall(call.id, call.name, edit(f"{where}/tool_calls/{i}/function/arguments", call.arguments))
        for i, call in enumerate(message.tool_calls)
    )
    return dataclasses.replace(
        message,
        content=content,
        name=None if message.name is None else edit(f"{where}/name", message.name),
        reasoning=None if message.reasoning is None else edit(f"{where}/reasoning", message.reasoning),
        tool_calls=calls,
    )


def _tool(where: str, tool: Tool, edit: Edit) -> Tool:
    parameters = _schema(f"{where}/parameters", tool.parameters, edit)
    description = None if tool.description is None else edit(f"{where}/description", tool.description)
    return dataclasses.replace(tool, description=description, parameters=parameters)


def _response_format(form: ResponseFormat, edit: Edit) -> ResponseFormat:
    """A grammar is a program of its own, so neither a regular expression nor a rule is edited."""
    where = "/response_format/json_schema"
    return dataclasses.replace(
        form,
        schema=_schema(f"{where}/schema", form.schema, edit),
        description=None if form.description is None else edit(f"{where}/description", form.description),
        choices=tuple(edit(f"/structured_outputs/choice/{i}", choice) for i, choice in enumerate(form.choices)),
    )


def _schema(where: str, schema: Mapping[str, Json] | None, edit: Edit) -> Mapping[str, Json] | None:
    changed = None if schema is None else _json(where, dict(schema), edit)
    return changed if isinstance(changed, Mapping) else schema


def _json(where: str, value: Json, edit: Edit) -> Json:
    """A key that is no plain word is not part of a pointer, so what lies below it cannot be told apart, or edited."""
    if isinstance(value, str):
        return edit(where, value)
    if isinstance(value, Mapping):
        return {k: _json(f"{where}/{k}", v, edit) if is_plain_key(k) else v for k, v in value.items()}
    if isinstance(value, list):
        return [_json(f"{where}/{i}", v, edit) for i, v in enumerate(value)]
    return value
