"""The arguments of a model's call as an object, for APIs that have no place for JSON text."""

from __future__ import annotations

import json
import math
from typing import Any

from nemora.core import Json


def object_of(text: str) -> dict[str, Json] | None:
    """The object that `text` says; None where it says none, or would lose something as one: a key that comes twice, a
    number that JSON cannot write, half a character."""
    try:
        value = json.loads(text.strip() or "{}", object_pairs_hook=_pairs, parse_constant=_no, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("the same key twice")
    return dict(pairs)


def _no(_word: str) -> None:
    raise ValueError("not a number of JSON")


def _finite(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ValueError("not a number that can be written")
    return value
