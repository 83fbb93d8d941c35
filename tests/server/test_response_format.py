"""The form of an answer: read from a body, seen by the privacy boundary, and sent on as it was read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nemora.backends.anthropic_body import messages_body
from nemora.backends.openai_body import chat_body
from nemora.core import ChatRequest, Message, ResponseFormat
from nemora.errors import RequestError, UnsupportedField
from nemora.privacy.request_text import is_sent, rewritten, strings_of
from nemora.privacy.segment import segments
from nemora.server.openai_chat import parse_chat_request

CANARY = "CANARY-7f3a"
SCHEMA = {"type": "object", "properties": {"a": {"enum": ["x", "y"], "description": "of what"}}}
WHOLE = {"name": "thing", "description": "a thing", "schema": SCHEMA, "strict": True}
FORM = ResponseFormat("json_schema", schema=SCHEMA, name="thing", description="a thing", strict=True)


def form_of(**fields: Any) -> ResponseFormat | None:
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}], **fields}
    return parse_chat_request(body).request.response_format


def request(form: ResponseFormat) -> ChatRequest:
    return ChatRequest(model="m", messages=(Message("user", "hi"),), response_format=form)


@pytest.mark.parametrize(
    ("fields", "form"),
    [
        ({}, None),
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, ResponseFormat("json_object")),
        ({"response_format": {"type": "json_schema", "json_schema": WHOLE}}, FORM),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}},
            ResponseFormat("json_schema", name="n"),
        ),
        ({"structured_outputs": {"json": SCHEMA}}, ResponseFormat("json_schema", schema=SCHEMA, name="answer")),
        ({"structured_outputs": {"choice": ["a", "b"]}}, ResponseFormat("choice", choices=("a", "b"))),
        ({"guided_json": SCHEMA}, ResponseFormat("json_schema", schema=SCHEMA, name="answer")),
        ({"guided_regex": "a+"}, ResponseFormat("regex", text="a+")),
        ({"guided_grammar": 'start: "a"'}, ResponseFormat("grammar", text='start: "a"')),
        ({"guided_choice": ["a"], "response_format": {"type": "text"}}, ResponseFormat("choice", choices=("a",))),
    ],
)
def test_each_way_to_ask_for_a_form_is_read(fields: dict[str, Any], form: ResponseFormat | None) -> None:
    assert form_of(**fields) == form


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": {"type": CANARY}}, "/response_format/type"),
        ({"response_format": CANARY}, "/response_format"),
        ({"response_format": {"type": "json_object", CANARY: 1}}, "/response_format"),
        ({"response_format": {"type": "json_schema"}}, "/response_format/json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": f"a {CANARY}"}}},
            "/response_format/json_schema/name",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": CANARY}}},
            "/response_format/json_schema/schema",
        ),
        ({"structured_outputs": {}}, "/structured_outputs"),
        ({"structured_outputs": {"json": {}, "regex": "a"}}, "/structured_outputs"),
        ({"structured_outputs": {"choice": []}}, "/structured_outputs/choice"),
        ({"structured_outputs": {"regex": "a" * 20_000}}, "/structured_outputs/regex"),
        ({"guided_regex": "a", "response_format": {"type": "json_object"}}, "/response_format"),
    ],
)
def test_a_wrong_form_is_refused_at_its_pointer_without_content(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        form_of(**fields)
    assert caught.value.param == param and CANARY not in json.dumps(caught.value.public())


def test_every_text_of_a_form_is_read_by_the_boundary_at_a_place_that_is_sent() -> None:
    found = {s.text: s.where for s in segments(request(FORM))}
    assert {"thing", "a thing", "of what", "x", "y", "enum", "properties"} <= found.keys()
    others = segments(request(ResponseFormat("choice", choices=("one", "two"), text="rule")))
    assert {"one", "two", "rule"} <= {s.text for s in others}
    places = [*found.values(), *(s.where for s in others)]
    assert all(is_sent(where) for where in places)


def test_what_is_rewritten_stands_where_it_was_read() -> None:
    for form in (FORM, ResponseFormat("choice", choices=("one", "two"))):
        read = {(s.where, s.text) for s in segments(request(form))}
        assert set(strings_of(request(form)).items()) <= read
    edited = rewritten(request(FORM), lambda _, text: text.upper()).response_format
    assert edited is not None and edited.schema is not None
    assert edited.schema["properties"] == {"a": {"enum": ["X", "Y"], "description": "OF WHAT"}}
    assert edited.schema["type"] == "OBJECT" and edited.description == "A THING" and edited.name == "thing"


def test_a_form_is_sent_on_as_it_was_read() -> None:
    for dialect in ("openai", "compatible"):
        body = chat_body(request(FORM), "m", dialect=dialect)  # type: ignore[arg-type]
        assert body["response_format"] == {"type": "json_schema", "json_schema": WHOLE}
        body = chat_body(request(ResponseFormat("json_object")), "m", dialect=dialect)  # type: ignore[arg-type]
        assert body["response_format"] == {"type": "json_object"}
    for form, sent in (
        (ResponseFormat("regex", text="a"), {"regex": "a"}),
        (ResponseFormat("grammar", text="g"), {"grammar": "g"}),
        (ResponseFormat("choice", choices=("a", "b")), {"choice": ["a", "b"]}),
    ):
        assert chat_body(request(form), "m")["structured_outputs"] == sent
        with pytest.raises(UnsupportedField):
            chat_body(request(form), "m", dialect="openai")


def test_an_api_that_knows_no_form_is_not_asked_for_one() -> None:
    with pytest.raises(UnsupportedField) as caught:
        messages_body(request(ResponseFormat("regex", text="a")), "m")
    assert caught.value.param == "/response_format"
