"""The bodies of OpenAI's chat completions, completions, embeddings and models, and of vLLM's tokens, as schemas.

What fields there are is taken from the lists by which bodies are read, so that the two cannot differ.
"""

from __future__ import annotations

from nemora.core import Json
from nemora.server import embeddings, openai_chat, openai_completions, tokenization
from nemora.server.openapi.sampling_schemas import (
    FINISH,
    FORM,
    LOGPROBS,
    NAME_OF_TOOL,
    SAMPLING,
    STREAMING,
    THINKING,
    TOOL_CHOICE,
    TOOLS,
    USAGE,
)
from nemora.server.openapi.schema import (
    ANY,
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
from nemora.server.sampling_fields import MAX_TOKENS, MAX_TOP_LOGPROBS

_EMPTY: Schema = {"enum": [None, []]}
_CALL: Schema = body(
    {"id": SOME_TEXT, "function": body({"name": NAME_OF_TOOL, "arguments": TEXT}, {"parsed_arguments": ANY})},
    {"index": integer(0, MAX_TOKENS)},
    absent={"type": words("function")},
)
_PART: Schema = any_of(
    body({"type": words("text"), "text": TEXT}),
    {"type": "object", "properties": {"type": words(*openai_chat.OPAQUE_PARTS)}, "required": ["type"]},
)
_CONTENT: Schema = any_of(TEXT, array(_PART, 1))
_MESSAGE: dict[str, Schema] = {
    "content": _CONTENT,
    "name": or_null(TEXT),
    "reasoning": or_null(any_of(TEXT, _EMPTY)),
    "reasoning_content": or_null(TEXT),
    "tool_calls": or_null(array(_CALL)),
    "parsed": ANY,
    "provider_specific_fields": ANY,
    "tool_call_id": SOME_TEXT,
    "refusal": _EMPTY,
    "annotations": _EMPTY,
}


def _message(role: str) -> Schema:
    """A message of one role. Fields that are null or empty may be on any: clients send dumped answers back."""
    fields: dict[str, Json] = dict.fromkeys(openai_chat.EMPTY_ANYWHERE, _EMPTY)
    fields |= {name: _MESSAGE[name] for name in openai_chat.MESSAGE_FIELDS[role] - {"role"}}
    fields["role"] = words(role)
    needed = {"assistant": ["role"], "tool": ["role", "content", "tool_call_id"]}.get(role, ["role", "content"])
    if role == "assistant":
        fields["content"] = or_null(_CONTENT)
    return {"type": "object", "properties": fields, "required": list(needed), "additionalProperties": False}


_CHAT_FIELDS: dict[str, Schema] = {
    **SAMPLING,
    **STREAMING,
    **THINKING,
    **FORM,
    "tools": TOOLS,
    "tool_choice": TOOL_CHOICE,
    "parallel_tool_calls": FLAG,
    "n": integer(1, openai_chat.MAX_CHOICES),
    "priority": integer(-openai_chat.MAX_PRIORITY, openai_chat.MAX_PRIORITY),
    "cache_salt": {"type": "string", "minLength": 1, "maxLength": openai_chat.MAX_SALT},
    "add_generation_prompt": FLAG,
    "continue_final_message": FLAG,
}
_MESSAGES: Schema = array(ref("ChatMessage"), 1)
_CHOICE_HEAD: dict[str, Schema] = {"index": COUNT}
_SAID_CALL: Schema = answer(
    {"id": TEXT, "type": words("function"), "function": answer({"name": TEXT, "arguments": TEXT})}
)
_REASONED: dict[str, Schema] = {"reasoning": TEXT, "reasoning_content": TEXT}


def _head(kind: str) -> dict[str, Schema]:
    return {"id": TEXT, "object": words(kind), "created": COUNT, "model": TEXT, "system_fingerprint": NULL}


def schemas() -> dict[str, Schema]:
    """By name."""
    return {
        "ChatMessage": any_of(*(_message(role) for role in openai_chat.MESSAGE_FIELDS)),
        "ChatRequest": body(
            {"model": MODEL, "messages": _MESSAGES},
            {
                **known_only(_CHAT_FIELDS, openai_chat.READ - {"model", "messages"}),
                **ignored(openai_chat.IGNORED),
                **neutral(openai_chat.NEUTRAL),
            },
        ),
        "ChatCompletion": answer(
            {
                **_head("chat.completion"),
                "choices": array(
                    answer(
                        {
                            **_CHOICE_HEAD,
                            "message": answer(
                                {"role": words("assistant"), "content": or_null(TEXT), "refusal": NULL},
                                {**_REASONED, "tool_calls": array(_SAID_CALL, 1)},
                            ),
                            "logprobs": LOGPROBS,
                            "finish_reason": FINISH,
                        }
                    ),
                    1,
                ),
                "usage": USAGE,
            }
        ),
        "CompletionRequest": body(
            {"model": MODEL, "prompt": _prompt()},
            {
                **known_only(
                    {
                        **SAMPLING,
                        **STREAMING,
                        "n": integer(1, openai_chat.MAX_CHOICES),
                        "echo": FLAG,
                        "logprobs": integer(0, MAX_TOP_LOGPROBS),
                    },
                    openai_completions.READ - {"model", "prompt"},
                ),
                **ignored(openai_completions.IGNORED),
                **neutral(openai_completions.NEUTRAL),
            },
        ),
        "Completion": answer(
            {
                **_head("text_completion"),
                "choices": array(
                    answer({**_CHOICE_HEAD, "text": TEXT, "logprobs": _text_logprobs(), "finish_reason": FINISH}), 1
                ),
                "usage": USAGE,
            }
        ),
        **_embeddings(),
        **_tokens(),
        **_models(),
    }


def _text_logprobs() -> Schema:
    return or_null(
        answer(
            {
                "tokens": array(TEXT),
                "token_logprobs": array(NUMBER),
                "top_logprobs": array({"type": "object", "additionalProperties": NUMBER}),
                "text_offset": array(COUNT),
            }
        )
    )


def _embeddings() -> dict[str, Schema]:
    texts = any_of(SOME_TEXT, array(SOME_TEXT, 1, embeddings.MOST_TEXTS))
    fields: dict[str, Schema] = {
        "encoding_format": words("float", "base64"),
        "input_type": words(*embeddings.KINDS),
        **ignored(("user",)),
    }
    return {
        "EmbeddingRequest": body(
            {"model": MODEL, "input": texts},
            {
                **known_only(fields, set(embeddings.OPENAI_FIELDS) - {"model", "input"}),
                **neutral({"dimensions": (), "truncate": ()}),
            },
        ),
        "Embeddings": answer(
            {
                "object": words("list"),
                "data": array(
                    answer({"object": words("embedding"), "index": COUNT, "embedding": any_of(array(NUMBER), TEXT)})
                ),
                "model": TEXT,
                "usage": answer({"prompt_tokens": COUNT, "total_tokens": COUNT}),
            }
        ),
    }


def _prompt() -> Schema:
    ids, most = array(integer(0, MAX_TOKENS), 1), openai_completions.MAX_ANSWERS
    return any_of(SOME_TEXT, array(SOME_TEXT, 1, most), ids, array(ids, 1, most))


def _tokens() -> dict[str, Schema]:
    chat = {"tools": TOOLS, **known_only(THINKING, {"chat_template_kwargs", "reasoning_effort"})}
    options = neutral(tokenization.NEUTRAL)
    ids = array(integer(0, MAX_TOKENS), most=tokenization.MAX_IDS)
    return {
        "TokenizeRequest": any_of(
            body({"prompt": TEXT}, {"model": MODEL, **options}),
            body({"messages": _MESSAGES}, {"model": MODEL, **chat, **options}),
        ),
        "Tokens": answer({"count": COUNT, "max_model_len": COUNT, "tokens": array(COUNT), "token_strs": NULL}),
        "DetokenizeRequest": body({"tokens": ids}, {"model": MODEL}),
        "DetokenizedText": answer({"prompt": TEXT}),
    }


def _models() -> dict[str, Schema]:
    model = answer({"id": TEXT, "object": words("model"), "created": COUNT, "owned_by": TEXT})
    return {"Model": model, "ModelList": answer({"object": words("list"), "data": array(ref("Model"))})}
