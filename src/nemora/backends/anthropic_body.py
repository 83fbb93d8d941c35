"""What is sent to a server that speaks Anthropic's Messages: every field re-serialised from the request that was read.

The form: https://docs.anthropic.com/en/api/messages. System texts stand apart; tool results are blocks of a user's
turn; turns of one role that follow each other are one turn. A name in the history has no place there and is left out,
and so are hints of effort, but where the model is to decide on its thinking: only models that can do that know them.
Thinking in the history goes back where this server signed it, and else is left out.
`ChatRequest.unsent` is never looked at here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from nemora.backends.signed_thinking import SignedThinking
from nemora.core import ChatRequest, Json, Message, OpaquePart, ResponseFormat, TextPart, Tool, ToolChoice
from nemora.errors import RequestError, UnsupportedField

MAX_TOKENS = 4096
"""For requests that name no limit: this API must have one."""
ADAPTIVE: Mapping[str, Json] = {"type": "adaptive", "display": "summarized"}
"""Newer models leave the text of their thinking out unless told so; then nobody sees it and it could not go back."""
PICTURES = {f"image/{name}": f"image/{name}" for name in ("png", "jpeg", "gif", "webp")} | {"image/jpg": "image/jpeg"}
"""Media types of pictures that this API takes."""


def messages_body(request: ChatRequest, model: str, signed: SignedThinking | None = None) -> dict[str, Json]:
    """The exact JSON body that answers `request` with `model`. Always streamed.

    `signed` has the signatures of the server's thinking.

    Raises:
        UnsupportedField: the request has something that this API cannot be told; `param` names it.
        RequestError: a tool call's arguments are not a JSON object.
    """
    sampling = request.sampling
    for name in _unknown(request):
        raise UnsupportedField(f"The server of this model knows no {name}; leave it out.", param=f"/{name}")
    thinking = _thinking(request, signed)
    body: dict[str, Json] = {
        "model": model,
        "max_tokens": request.max_tokens or MAX_TOKENS,
        "messages": _turns(request.messages, signed if thinking is not None else None),
        "stream": True,
    }
    system = [m.text() for m in request.messages if m.role in ("system", "developer")]
    optional: dict[str, Json] = {
        "system": "\n\n".join(text for text in system if text) or None,
        "temperature": None if sampling.temperature is None else min(sampling.temperature, 1.0),
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "stop_sequences": list(request.stop) or None,
        "thinking": thinking,
        "output_config": _output_config(request),
    }
    body.update({name: value for name, value in optional.items() if value is not None})
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        choice = _tool_choice(request.tool_choice, request.parallel_tool_calls)
        if choice is not None:
            body["tool_choice"] = choice
    return body


def _output_config(request: ChatRequest) -> dict[str, Json] | None:
    """The form of the answer, and the effort where the model decides on its thinking."""
    config = _form(request.response_format)
    if request.thinking.adaptive and request.thinking.effort is not None:
        config["effort"] = request.thinking.effort
    return config or None


def _form(form: ResponseFormat | None) -> dict[str, Json]:
    """This API knows one form, a schema; name and description have no place in it."""
    if form is None:
        return {}
    if form.form != "json_schema" or form.schema is None:
        raise UnsupportedField(
            "The server of this model knows no form of an answer but a json_schema; send one, or leave it out.",
            param="/response_format",
        )
    return {"format": {"type": "json_schema", "schema": dict(form.schema)}}


def _unknown(request: ChatRequest) -> Iterator[str]:
    """What the request asks for and this API has no field for."""
    sampling = request.sampling
    names = ("seed", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias", "bad_words")
    asked = {name: getattr(sampling, name) for name in (*names, "stop_token_ids", "min_tokens", "ignore_eos")}
    asked |= {
        "logprobs": sampling.logprobs,
        "n": request.choices if request.choices > 1 else None,
        "continue_final_message": request.continue_final or None,
        "add_generation_prompt": None if request.generation_prompt else False,
    }
    return (name for name, value in asked.items() if value not in (None, ()))


def _thinking(request: ChatRequest, signed: SignedThinking | None) -> Json:
    """`thinking`, where a budget is given or it is left to the model; this API has no other way to ask for it.

    With a budget, where a turn that called tools goes on, this API wants what was thought before the calls. Where that
    is not known, because another model made the calls or the server was started since, this turn is answered without
    thinking. What is left to the model has no such rule.
    """
    asked = request.thinking
    if asked.adaptive and asked.limit is None:
        return dict(ADAPTIVE)
    if asked.limit is not None or (asked.enabled and asked.budget is None):
        raise UnsupportedField(
            "The server of this model takes thinking with a budget only: reasoning_budget in chat_template_kwargs, or "
            "thinking with budget_tokens; leave other switches of it out.",
            param="/chat_template_kwargs",
        )
    if asked.budget is None or asked.wanted is False:
        return None
    for message in reversed(request.messages):
        if message.role == "user":
            break
        is_known = signed is not None and bool(signed.blocks(message.reasoning))
        if message.tool_calls and not is_known:
            return None
    return {"type": "enabled", "budget_tokens": asked.budget}


def _turns(messages: tuple[Message, ...], signed: SignedThinking | None) -> list[Json]:
    turns: list[tuple[str, list[Json]]] = []
    for message in messages:
        if message.role in ("system", "developer"):
            continue
        role = "assistant" if message.role == "assistant" else "user"
        thoughts = signed.blocks(message.reasoning) if signed is not None and role == "assistant" else []
        blocks = [*thoughts, *_blocks(message)]
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        elif blocks:
            turns.append((role, blocks))
    return [{"role": role, "content": blocks} for role, blocks in turns]


def _blocks(message: Message) -> list[Json]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id or "", "content": _text_only(message)}]
    blocks: list[Json] = []
    parts = (TextPart(message.content),) if isinstance(message.content, str) else message.content or ()
    for part in parts:
        if isinstance(part, OpaquePart):
            block = document_block(part) if message.role == "user" else None
            if block is None:
                raise UnsupportedField("Such a part cannot be sent to the server of this model.", param="/messages")
            blocks.append(block)
        elif part.text:  # an empty block is an error there
            blocks.append({"type": "text", "text": part.text})
    for call in message.tool_calls:
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": _arguments(call.arguments)})
    return blocks


def carries(request: ChatRequest) -> bool:
    """Whether every part that is not text has a place in this API: in a user's turn, and of a kind that it knows."""
    return all(
        message.role == "user" and document_block(part) is not None
        for message in request.messages
        for part in message.opaque_parts()
    )


def document_block(part: OpaquePart) -> Json:
    """A document or picture that was read, as a block of these very bytes; None for a kind that has no block."""
    inline = part.inline()
    if inline is None or part.read is None:
        return None
    source: dict[str, Json] = {"type": "base64", "data": inline.encoded}
    if part.read.kind == "image" and (media_type := PICTURES.get(inline.media_type)) is not None:
        return {"type": "image", "source": {**source, "media_type": media_type}}
    if part.read.kind == "pdf":
        return {"type": "document", "source": {**source, "media_type": "application/pdf"}}
    text = (inline.data() or b"").decode("utf-8", "replace")
    if any(passage.text == text for passage in part.read.passages):  # what was read is what is sent
        return {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}}
    return None


def _text_only(message: Message) -> str:
    if isinstance(message.content, tuple) and any(isinstance(part, OpaquePart) for part in message.content):
        raise UnsupportedField("Only text can be sent to the server of this model.", param="/messages")
    return message.text()


def _arguments(text: str) -> Json:
    try:
        value: Json = json.loads(text or "{}")
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")  # NaN or half a character is no JSON
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise RequestError("The arguments of a tool call must be a JSON object.", param="/messages")
    return value


def _tool(tool: Tool) -> Json:
    sent: dict[str, Json] = {
        "name": tool.name,
        "input_schema": {"type": "object", "properties": {}} if tool.parameters is None else dict(tool.parameters),
    }
    if tool.description is not None:
        sent["description"] = tool.description
    return sent


def _tool_choice(choice: ToolChoice | None, parallel: bool | None) -> Json:
    if choice is None and parallel is None:
        return None
    mode = "auto" if choice is None else choice.mode
    sent: dict[str, Json] = {"type": {"required": "any", "named": "tool"}.get(mode, mode)}
    if choice is not None and choice.mode == "named":
        sent["name"] = choice.name
    if parallel is False and mode != "none":
        sent["disable_parallel_tool_use"] = True
    return sent
