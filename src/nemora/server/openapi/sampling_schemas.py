"""The fields that several APIs of OpenAI's kind share: sampling, the form of an answer, tools, usage."""

from __future__ import annotations

from nemora.server.openai_chat import TOOL_NAME
from nemora.server.openapi.schema import (
    ANY_OBJECT,
    COUNT,
    FLAG,
    NULL,
    NUMBER,
    SOME_TEXT,
    TEXT,
    Schema,
    answer,
    any_of,
    array,
    body,
    integer,
    number,
    or_null,
    words,
)
from nemora.server.response_format import MAX_CHOICES, MAX_PATTERN, NAME
from nemora.server.sampling_fields import MAX_ID, MAX_IDS, MAX_STOPS, MAX_TOKENS, MAX_TOP_LOGPROBS, MAX_WORDS
from nemora.server.thinking_fields import EFFORTS, MAX_BUDGET

NAME_OF_TOOL: Schema = {"type": "string", "pattern": f"^{TOOL_NAME.pattern}$"}
STOP: Schema = any_of(SOME_TEXT, array(SOME_TEXT, most=MAX_STOPS))
EFFORT: Schema = words(*EFFORTS)
SAMPLING: dict[str, Schema] = {
    "temperature": number(0, 2),
    "top_p": number(0, 1, above=True),
    "top_k": integer(1, MAX_TOKENS),
    "min_p": number(0, 1),
    "seed": integer(-(2**63), 2**63 - 1),
    "frequency_penalty": number(-2, 2),
    "presence_penalty": number(-2, 2),
    "repetition_penalty": number(0, 100, above=True),
    "logit_bias": {
        "type": "object",
        "maxProperties": MAX_IDS,
        "propertyNames": {"pattern": "^[0-9]{1,7}$"},
        "additionalProperties": number(-100, 100),
    },
    "bad_words": array(SOME_TEXT, most=MAX_WORDS),
    "stop_token_ids": array(integer(0, MAX_ID), most=MAX_IDS),
    "min_tokens": integer(0, MAX_TOKENS),
    "ignore_eos": FLAG,
    "logprobs": FLAG,
    "top_logprobs": integer(0, MAX_TOP_LOGPROBS),
    "max_tokens": integer(1, MAX_TOKENS),
    "max_completion_tokens": integer(1, MAX_TOKENS),
    "stop": STOP,
}
STREAMING: dict[str, Schema] = {
    "stream": FLAG,
    "stream_options": body({}, {"include_usage": FLAG, "include_obfuscation": {"const": False}}),
}
THINKING: dict[str, Schema] = {
    "reasoning_effort": EFFORT,
    "thinking_budget": integer(0, MAX_BUDGET),
    "thinking_token_budget": integer(0, MAX_BUDGET),
    "chat_template_kwargs": body(
        {},
        {
            "enable_thinking": FLAG,
            "reasoning_budget": integer(1, MAX_BUDGET),
            "truncate_history_thinking": FLAG,
            "low_effort": FLAG,
            "medium_effort": FLAG,
        },
    ),
}
NAMED_SCHEMA: dict[str, Schema] = {"description": TEXT, "strict": FLAG, "schema": ANY_OBJECT}
NAME_OF_SCHEMA: Schema = {"type": "string", "pattern": f"^{NAME.pattern}$"}
PATTERN: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_PATTERN}
CHOICES: Schema = array(SOME_TEXT, 1, MAX_CHOICES)
FORM: dict[str, Schema] = {
    "response_format": any_of(
        body({"type": words("text", "json_object")}),
        body({"type": words("json_schema"), "json_schema": body({"name": NAME_OF_SCHEMA}, NAMED_SCHEMA)}),
    ),
    "structured_outputs": body(
        {}, {"json": ANY_OBJECT, "json_object": FLAG, "regex": PATTERN, "grammar": PATTERN, "choice": CHOICES}
    ),
    "guided_json": ANY_OBJECT,
    "guided_regex": PATTERN,
    "guided_grammar": PATTERN,
    "guided_choice": CHOICES,
}
TOOLS: Schema = array(
    body(
        {
            "type": words("function"),
            "function": body({"name": NAME_OF_TOOL}, {"description": TEXT, "parameters": ANY_OBJECT, "strict": FLAG}),
        }
    )
)
TOOL_CHOICE: Schema = any_of(
    words("none", "auto", "required"),
    body({"type": words("function"), "function": body({"name": NAME_OF_TOOL})}),
)
FINISH: Schema = words("stop", "length", "tool_calls", "content_filter")
USAGE: Schema = or_null(
    answer(
        {
            "prompt_tokens": COUNT,
            "completion_tokens": COUNT,
            "total_tokens": COUNT,
            "prompt_tokens_details": answer({"cached_tokens": COUNT}),
            "completion_tokens_details": answer({"reasoning_tokens": COUNT}),
        }
    )
)
_TOKEN: dict[str, Schema] = {"token": TEXT, "logprob": NUMBER, "bytes": array(integer(0, 255))}
LOGPROBS: Schema = or_null(
    answer({"content": array(answer({**_TOKEN, "top_logprobs": array(answer(_TOKEN))})), "refusal": NULL})
)
