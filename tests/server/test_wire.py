"""Strict JSON: what is refused, and that no refusal repeats content."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.errors import RequestError
from nemora.server.wire import MAX_DEPTH, parse_json

CANARY = "CANARY-7f3a"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not valid JSON, at line 1"),
        (b'{"a": "CANARY-7f3a}', "not valid JSON"),
        (b'{"CANARY-7f3a": 1, "CANARY-7f3a": 2}', "same key twice"),
        (b'{"a": {"b": 1, "b": 1}}', "same key twice"),
        (b'{"a": 1} {"CANARY-7f3a": 2}', "more than one JSON value"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "NaN"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": 0.' + b"1" * 500 + b"}", "too long"),
        (b'{"a": ' + b"9" * 21 + b"}", "64 bits"),
        (b'{"a": ' + b"9" * 5000 + b"}", "64 bits"),
        (b'{"a": "\xff"}', "UTF-8 at byte 7"),
        ('{"a": "CANARY-7f3a"}'.encode("utf-16"), "UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "not valid JSON"),
        (b'{"a": "\\ud83d CANARY-7f3a"}', "surrogate"),
        (b'{"\\uDC00": 1}', "surrogate"),
        (b'{"a": ["x", {"b": "\\udfff"}]}', "surrogate"),
        (b"[" * 100_000, "deeper"),
        (b'{"a":' * 100_000, "deeper"),
        (b"[" * 65 + b"]" * 65, "deeper"),
        (b"[" + b"[]," * 600_000 + b"[]]", "more than 500000 lists"),
    ],
)
def test_bad_json_is_refused_in_one_sentence_without_content(body: bytes, says: str) -> None:
    with pytest.raises(RequestError) as raised:
        parse_json(body)
    assert says in raised.value.message
    assert CANARY not in raised.value.message
    assert raised.value.__cause__ is None


def test_nesting_up_to_the_limit_is_read() -> None:
    body = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert json.dumps(parse_json(body)).encode() == body


def test_brackets_inside_strings_are_not_nesting() -> None:
    text = '[{"' * 10_000
    assert parse_json(json.dumps({"a": text}).encode()) == {"a": text}


def test_many_escaped_quotes_are_scanned_once() -> None:
    body = b"[" + b"[]," * 70 + b'"' + b'\\"' * 500_000  # a scan from each quote would take minutes
    with pytest.raises(RequestError):
        parse_json(body)


def test_surrogate_pairs_are_text() -> None:
    assert parse_json(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def test_largest_integers_pass() -> None:
    assert parse_json(str(2**64 - 1).encode()) == 2**64 - 1


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
@settings(max_examples=200, deadline=None)
def test_what_json_writes_is_read_back(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=200) | st.text(alphabet='[]{}":,\\u0dD8 1.eE-ntf', max_size=60).map(str.encode))
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_a_value_or_a_request_error(data: bytes) -> None:
    try:
        value = parse_json(data)
    except RequestError:
        return
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8")
