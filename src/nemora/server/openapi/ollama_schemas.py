"""The bodies of Ollama's API, as schemas."""

from __future__ import annotations

from nemora.server import embeddings, ollama_request
from nemora.server.openapi.sampling_schemas import NAME_OF_TOOL, STOP, TOOLS
from nemora.server.openapi.schema import (
    ANY_OBJECT,
    COUNT,
    FLAG,
    MODEL,
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
    number,
    words,
)
from nemora.server.sampling_fields import MAX_TOKENS

_IMAGES: Schema = array(SOME_TEXT)
_OPTIONS: dict[str, Schema] = {
    "temperature": number(0, 2),
    "top_p": number(0, 1, above=True),
    "top_k": integer(0, MAX_TOKENS),
    "min_p": number(0, 1),
    "seed": integer(-(2**63), 2**63 - 1),
    "num_predict": {"type": "integer", "minimum": -2, "maximum": MAX_TOKENS, "not": {"const": 0}},
    "stop": STOP,
    "repeat_penalty": number(0, 10, above=True),
    "presence_penalty": number(-2, 2),
    "frequency_penalty": number(-2, 2),
}
_FIELDS: dict[str, Schema] = {
    "tools": TOOLS,
    "think": any_of(FLAG, words(*ollama_request.EFFORTS)),
    "stream": FLAG,
    "options": body(
        {},
        {
            **known_only(_OPTIONS, ollama_request.READ_OPTIONS),
            **neutral(ollama_request.NEUTRAL_OPTIONS),
            **ignored(ollama_request.WITHOUT_EFFECT),
        },
    ),
    "keep_alive": {
        "type": ["string", "number", "null"],
        "description": "Seconds, or a text such as 5m, that the model stays loaded; 0 unloads it, -1 keeps it.",
    },
    "format": any_of(words("", "json"), ANY_OBJECT),
    "prompt": TEXT,
    "system": TEXT,
    "images": _IMAGES,
    **neutral(ollama_request.NEUTRAL),
}
_CALL: Schema = body(
    {
        "function": body(
            {"name": NAME_OF_TOOL},
            {"arguments": ANY_OBJECT, "index": integer(0, MAX_TOKENS), "description": {}},
        )
    },
    {"id": TEXT, "type": {}},
)
_SAID: dict[str, Schema] = {
    "content": TEXT,
    "thinking": TEXT,
    "images": _IMAGES,
    "tool_name": TEXT,
    "tool_call_id": TEXT,
}
_MESSAGES: Schema = array(
    any_of(
        body({"role": words("system", "user", "tool")}, {**_SAID, "tool_calls": array(_CALL, most=0)}),
        body({"role": words("assistant")}, {**_SAID, "tool_calls": array(_CALL)}),
    )
)
_CALLED: Schema = answer({"id": TEXT, "function": answer({"name": TEXT, "arguments": ANY_OBJECT})})
_REASONED: dict[str, Schema] = {"thinking": TEXT, "tool_calls": array(_CALLED, 1)}
_ENDED: dict[str, Schema] = {
    "done_reason": words("stop", "length", "load"),
    **dict.fromkeys(("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"), COUNT),
    **dict.fromkeys(("prompt_eval_count", "eval_count"), COUNT),
}
_HEAD: dict[str, Schema] = {"model": TEXT, "created_at": TEXT, "done": FLAG}
_DETAILS: Schema = answer(
    {
        **dict.fromkeys(("parent_model", "format", "family", "parameter_size", "quantization_level"), TEXT),
        "families": array(TEXT),
    }
)
_ENTRY: dict[str, Schema] = {
    **dict.fromkeys(("name", "model", "modified_at", "digest"), TEXT),
    "size": COUNT,
    "details": _DETAILS,
}


def _request(fields: frozenset[str]) -> Schema:
    unsupported = dict.fromkeys(ollama_request.UNSUPPORTED, ())
    found = {**known_only(_FIELDS, fields - {"model", "messages"}), **neutral(unsupported)}
    return body({"model": MODEL}, {**found, **({"messages": _MESSAGES} if "messages" in fields else {})})


def schemas() -> dict[str, Schema]:
    """By name."""
    named: Schema = {
        "type": "object",
        "properties": {"model": MODEL},
        "required": ["model"],
        "description": "Other fields are not looked at.",
    }
    pull = body({"model": MODEL}, {**ignored(("name",)), "stream": FLAG, **neutral({"insecure": (False,)})})
    texts = any_of(SOME_TEXT, array(SOME_TEXT, 1, embeddings.MOST_TEXTS))
    embed: dict[str, Schema] = {
        "truncate": {"const": False},
        "keep_alive": {"type": ["string", "number", "null"], "description": "As in /api/chat."},
        **ignored(("options",)),
    }
    message = answer({"role": words("assistant"), "content": TEXT}, _REASONED)
    return {
        "OllamaChatRequest": _request(ollama_request.CHAT),
        "OllamaChat": answer({**_HEAD, "message": message}, _ENDED),
        "OllamaGenerateRequest": _request(ollama_request.GENERATE),
        "OllamaGenerated": answer({**_HEAD, "response": TEXT}, {**_REASONED, **_ENDED}),
        "OllamaNamed": named,
        "OllamaTags": answer({"models": array(answer(_ENTRY))}),
        "OllamaLoaded": answer(
            {"models": array(answer({**_ENTRY, "expires_at": TEXT, "size_vram": COUNT, "context_length": COUNT}))}
        ),
        "OllamaVersion": answer({"version": TEXT}),
        "OllamaModel": answer(
            {
                **dict.fromkeys(("modelfile", "parameters", "template", "modified_at"), TEXT),
                "details": _DETAILS,
                "model_info": ANY_OBJECT,
                "capabilities": array(TEXT),
            }
        ),
        "OllamaPullRequest": pull,
        "OllamaPulled": answer({"status": TEXT}, {"digest": TEXT, "total": COUNT, "completed": COUNT}),
        "OllamaEmbedRequest": body(
            {"model": MODEL, "input": texts},
            {**known_only(embed, set(embeddings.OLLAMA_FIELDS) - {"model", "input"}), **neutral({"dimensions": ()})},
        ),
        "OllamaEmbeddings": answer(
            {
                "model": TEXT,
                "embeddings": array(array(NUMBER)),
                "total_duration": COUNT,
                "load_duration": COUNT,
                "prompt_eval_count": COUNT,
            }
        ),
    }
