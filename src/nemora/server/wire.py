"""Bytes from a client to JSON values, strictly.

What Python's own reader lets through and a second reader might understand differently is refused:
duplicate keys, NaN, lone surrogates, data after the value. So is what could exhaust this process:
deep nesting, absurd numbers, millions of tiny objects. No message repeats any of the content.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from nemora.core import Json
from nemora.errors import RequestError

MAX_DEPTH = 64
MAX_CONTAINERS = 500_000
MAX_INTEGER = 2**64 - 1

# A string (also one that never ends, so that each quote is scanned once), or a bracket.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(data: bytes) -> Json:
    """The JSON value that `data` holds.

    Raises:
        RequestError: not UTF-8, not JSON, or one of the things named above.
    """
    if not data.strip():
        raise RequestError("The body is empty; send a JSON object.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(f"The body is not valid UTF-8 at byte {error.start}; send JSON encoded as UTF-8.") from None
    _check_nesting(text)
    value = _decode(text)
    if _SURROGATE_ESCAPE.search(text):
        _refuse_lone_surrogates(value)
    return value


def _decode(text: str) -> Json:
    try:
        value: Json = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
        )
    except json.JSONDecodeError as error:
        problem = "holds more than one JSON value" if error.msg.startswith("Extra data") else "is not valid JSON"
        raise RequestError(f"The body {problem}, at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise _too_deep() from None
    return value


def _check_nesting(text: str) -> None:
    """Refuse deep nesting before anything recursive sees the text."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = containers = 0
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            containers += 1
            if depth > MAX_DEPTH:
                raise _too_deep()
            if containers > MAX_CONTAINERS:
                raise RequestError(f"The body holds more than {MAX_CONTAINERS} lists and objects; send fewer.")
        elif first in "]}":
            depth -= 1


def _too_deep() -> RequestError:
    return RequestError(f"The body is nested deeper than {MAX_DEPTH} levels; send it flatter.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise RequestError("An object in the body holds the same key twice; send each key once.")
    return result


def _constant(_: str) -> Json:
    raise RequestError("The body holds NaN or Infinity, which are not JSON; send finite numbers.")


def _integer(digits: str) -> int:
    if len(digits) > 21 or abs(value := int(digits)) > MAX_INTEGER:
        raise RequestError("The body holds an integer beyond 64 bits; send a smaller one, or text.")
    return value


def _float(digits: str) -> float:
    value = float(digits) if len(digits) <= 400 else math.inf
    if not math.isfinite(value):
        raise RequestError("The body holds a number that is too large or too long; send a smaller one, or text.")
    return value


def _refuse_lone_surrogates(value: Json) -> None:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            _check_encodable(item)
        elif isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, dict):
            for key, inner in item.items():
                _check_encodable(key)
                pending.append(inner)


def _check_encodable(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise RequestError(
            "A string in the body holds half of a surrogate pair, which is not text; send whole characters."
        ) from None
