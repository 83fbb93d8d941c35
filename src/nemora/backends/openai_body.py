"""What is sent to an OpenAI-compatible server: every field re-serialised from the request that was read.

Nothing of the client's own bytes passes through. `ChatRequest.unsent` is never looked at here.
"""

from __future__ import annotations

import json
from typing import Literal

from nemora.backends.response_form import form_fields
from nemora.core import ChatRequest, Effort, Json, Message, Sampling, TextPart, Thinking, Tool, ToolChoice
from nemora.errors import UnsupportedField

Dialect = Literal["openai", "compatible"]
"""OpenAI's own service knows `max_completion_tokens` and no reasoning in history; the servers that imitate it
know `max_tokens`, and reasoning as `reasoning_content`, but often no `developer` role."""

EFFORTS: tuple[tuple[int, Effort], ...] = ((2048, "low"), (8192, "medium"))
"""The effort up to a budget of so many tokens; above, "high"."""


def chat_body(request: ChatRequest, model: str, *, dialect: Dialect = "compatible") -> dict[str, Json]:
    """The exact JSON body that answers `request` with `model`. Always streamed, with usage.

    Raises:
        UnsupportedField: a prompt is to end in another way than with the assistant's turn, which OpenAI's service
            does not know.
    """
    body: dict[str, Json] = {
        "model": model,
        "messages": [_message(message, dialect) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = _tool_choice(request.tool_choice)
        if request.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = request.parallel_tool_calls
    if request.response_format is not None:
        body.update(form_fields(request.response_format, dialect))
    optional: dict[str, Json] = {
        **_sampling(request.sampling),
        **_prompt_end(request, dialect),
        "n": request.choices if request.choices != 1 else None,
        "max_completion_tokens" if dialect == "openai" else "max_tokens": request.max_tokens,
        "stop": list(request.stop) or None,
        "reasoning_effort": _effort(request.thinking, dialect),
        "chat_template_kwargs": _template_settings(request.thinking) if dialect == "compatible" else None,
        "thinking_token_budget": request.thinking.limit if dialect == "compatible" else None,
    }
    body.update({name: value for name, value in optional.items() if value is not None})
    return body


def _sampling(sampling: Sampling) -> dict[str, Json]:
    """OpenAI's fields and those that servers of open models have beside them, which are vLLM's."""
    bias = sampling.logit_bias or {}
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "seed": sampling.seed,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "repetition_penalty": sampling.repetition_penalty,
        "logit_bias": {str(token_id): value for token_id, value in bias.items()} or None,
        "bad_words": list(sampling.bad_words) or None,
        "stop_token_ids": list(sampling.stop_token_ids) or None,
        "min_tokens": sampling.min_tokens,
        "ignore_eos": sampling.ignore_eos,
        "logprobs": True if sampling.logprobs is not None else None,
        "top_logprobs": sampling.logprobs or None,
    }


def _prompt_end(request: ChatRequest, dialect: Dialect) -> dict[str, Json]:
    """`priority` and `cache_salt` stay here: they say nothing of the answer."""
    if request.generation_prompt and not request.continue_final:
        return {}
    name = "continue_final_message" if request.continue_final else "add_generation_prompt"
    if dialect == "openai":
        raise UnsupportedField(f"The server of this model knows no {name}; leave it out.", param=f"/{name}")
    return {"add_generation_prompt": False, "continue_final_message": request.continue_final or None}


def _effort(thinking: Thinking, dialect: Dialect) -> Effort | None:
    """The effort; OpenAI's service knows no budget, so there one becomes an effort, as other gateways have it. Without
    either its models decide themselves, so nothing is said where that is asked for."""
    if thinking.effort is not None or thinking.budget is None or thinking.wanted is False or dialect != "openai":
        return thinking.effort
    return next((effort for most, effort in EFFORTS if thinking.budget <= most), "high")


def _template_settings(thinking: Thinking) -> dict[str, Json] | None:
    """What servers of open models pass to the chat template. Flags and a number only, never text."""
    settings: dict[str, Json] = {
        "enable_thinking": True if thinking.adaptive else thinking.enabled,
        "reasoning_budget": thinking.budget,
        "truncate_history_thinking": None if thinking.keep_history is None else not thinking.keep_history,
    }
    return {name: value for name, value in settings.items() if value is not None} or None


def encode(body: dict[str, Json]) -> bytes:
    """The bytes of `body` as they are sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def _message(message: Message, dialect: Dialect) -> dict[str, Json]:
    role = "system" if message.role == "developer" and dialect == "compatible" else message.role
    sent: dict[str, Json] = {"role": role, "content": content_of(message)}
    if message.name is not None:
        sent["name"] = message.name
    if message.reasoning is not None and dialect == "compatible":
        sent["reasoning_content"] = message.reasoning
    if message.tool_calls:
        sent["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        sent["tool_call_id"] = message.tool_call_id
    return sent


def content_of(message: Message) -> Json:
    """The content of a message in the form in which it came: text, or parts."""
    if message.content is None or isinstance(message.content, str):
        return message.content
    return [
        {"type": "text", "text": part.text} if isinstance(part, TextPart) else dict(part.raw)
        for part in message.content
    ]


def _tool(tool: Tool) -> Json:
    function: dict[str, Json] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = dict(tool.parameters)
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice) -> Json:
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode
