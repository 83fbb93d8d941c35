"""The bodies of Nemora's own endpoints, and errors in the shape of each API, as schemas."""

from __future__ import annotations

from nemora.server import decisions_request
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
    integer,
    neutral,
    or_null,
    words,
)

_OVERRIDE: Schema = answer({"token": TEXT, "reasons": array(TEXT), "expires_in": COUNT})


def errors() -> dict[str, Schema]:
    """By name."""
    common: dict[str, Schema] = {"message": TEXT, "type": TEXT}
    return {
        "Error": answer({"error": answer({**common, "param": or_null(TEXT), "code": TEXT}, {"override": _OVERRIDE})}),
        "AnthropicError": answer(
            {
                "type": words("error"),
                "error": answer({**common, "code": TEXT}, {"override": _OVERRIDE}),
                "request_id": or_null(TEXT),
            }
        ),
        "OllamaError": answer({"error": TEXT}, {"override": _OVERRIDE}),
    }


def schemas() -> dict[str, Schema]:
    """By name."""
    return {
        "Live": answer({"status": words("live")}),
        "Ready": answer({"status": words("ready")}),
        "PolicyHealth": answer(
            {
                "status": words("current", "outdated"),
                "policy": TEXT,
                "since": COUNT,
                **dict.fromkeys(("problem", "shadow", "shadow_problem"), or_null(TEXT)),
            }
        ),
        "RecordedDecision": ANY_OBJECT,
        "DecisionsRequest": _decisions_request(),
        "Decisions": answer(
            {
                "object": words("decisions"),
                "model": TEXT,
                "answers": array(_answer(), 1),
                "usage": answer({"prompt_tokens": COUNT, "completion_tokens": COUNT, "total_tokens": COUNT}),
            }
        ),
    }


def _decisions_request() -> Schema:
    text = body({"type": words("text"), "text": TEXT})
    content = any_of(TEXT, array(text))
    message = body(
        {"role": words(*decisions_request.ROLES), "content": content},
        neutral({"tool_calls": (), "name": (), "tool_call_id": ()}),
    )
    name: Schema = {"type": "string", "minLength": 1, "maxLength": decisions_request.LONGEST_NAME}
    question: Schema = {
        "type": "string",
        "maxLength": decisions_request.LONGEST_QUESTION,
        "pattern": r"\S",
    }
    option: Schema = {"type": "string", "minLength": 1, "maxLength": decisions_request.LONGEST_OPTION}
    farthest = decisions_request.FARTHEST
    own: dict[str, dict[str, Schema]] = {
        "predicate": {},
        "choice": {"options": array(option, 2, decisions_request.MOST_OPTIONS)},
        "score": dict.fromkeys(("from", "to"), integer(-farthest, farthest)),
    }
    questions = [
        body({"type": words(kind), "question": question, **own[kind]}, absent={"id": name})
        for kind in decisions_request.KINDS
    ]
    inputs = any_of(SOME_TEXT, array(message, 1, decisions_request.MOST_MESSAGES))
    return body(
        {"input": inputs, "questions": array(any_of(*questions), 1, decisions_request.MOST_QUESTIONS)},
        neutral(dict.fromkeys(decisions_request.UNSUPPORTED, ())),
        absent={"model": MODEL, "calibrate": or_null(FLAG)},
    )


def _answer() -> Schema:
    chance: Schema = {"type": "number", "minimum": 0, "maximum": 1.000001}
    chances: Schema = {"type": "object", "additionalProperties": chance}
    own: dict[str, dict[str, Schema]] = {
        "predicate": {"answer": FLAG, "probability": chance},
        "choice": {"answer": TEXT, "probabilities": chances},
        "score": {"answer": {"type": "integer"}, "mean": NUMBER, "probabilities": chances},
    }
    return any_of(*(answer({"id": TEXT, "type": words(kind), **fields}) for kind, fields in own.items()))
