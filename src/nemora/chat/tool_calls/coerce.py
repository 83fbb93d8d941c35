"""Values that a model wrote as plain text, as the JSON values that a tool's schema asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import NoReturn

from nemora.core import Json

Schema = Mapping[str, Json]
_INTEGER = re.compile(r"[+-]?\d{1,400}(?:\.0+)?", re.ASCII)
_WORDS: Mapping[str, tuple[str, Json]] = {
    "null": ("null", None),
    "None": ("null", None),
    "true": ("boolean", True),
    "True": ("boolean", True),
    "false": ("boolean", False),
    "False": ("boolean", False),
}
"""Chat templates write Python's spelling into the history, so models answer in either."""


def property_schema(schema: Schema | None, key: str) -> tuple[Json, Schema]:
    """The schema of an argument (None: it has none), and the whole one, into which its references lead."""
    if schema is None:
        return None, {}
    properties = schema.get("properties")
    return (properties.get(key) if isinstance(properties, dict) else None), schema


def coerced(text: str, schema: Json, root: Schema) -> Json:
    """`text` as the first of null, boolean, integer, number, array, object that `schema` allows and that it spells.

    Where a string is allowed it stays text, but for the null of an optional one; so it does without a schema, and when
    it spells nothing that is allowed: whether a value fits is for the tool to say.
    """
    types = set(types_of(schema, root))
    word = text.strip()
    if word in _WORDS:
        kind, value = _WORDS[word]
        if kind in types and (kind == "null" or "string" not in types):
            return value
    if not types or "string" in types:
        return text
    if types & {"integer", "number"} and _INTEGER.fullmatch(word):
        return int(word.partition(".")[0])
    value = _json(word)
    if isinstance(value, float) and "number" in types:
        return value
    if (isinstance(value, list) and "array" in types) or (isinstance(value, dict) and "object" in types):
        return value
    return text


def types_of(schema: Json, root: Schema) -> Iterator[str]:
    """Names of all types that a schema allows, as far as they can be told. Each part of it is looked at once."""
    left, seen = [schema], set[int]()
    while left:
        part = left.pop()
        if not isinstance(part, dict) or id(part) in seen:
            continue
        seen.add(id(part))
        yield from _own_types(part)
        for choice in ("anyOf", "oneOf", "allOf"):
            inner = part.get(choice)
            left += inner if isinstance(inner, list) else []
        reference = part.get("$ref")
        if isinstance(reference, str):
            left.append(led_to(reference, root))


def _own_types(schema: dict[str, Json]) -> Iterator[str]:
    named = schema.get("type")
    if named is not None:
        yield from (name for name in (named if isinstance(named, list) else [named]) if isinstance(name, str))
        return
    constants = schema.get("enum")
    for constant in constants if isinstance(constants, list) else []:
        yield _type_of(constant)
    if "const" in schema:
        yield _type_of(schema["const"])
    if "properties" in schema:
        yield "object"
    if "items" in schema:
        yield "array"


def led_to(reference: Json, root: Schema) -> Json:
    """The schema to which a `$ref` leads within `root`; None where it leads elsewhere or to none."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    value: Json | Schema = root
    for step in reference.removeprefix("#/").split("/"):
        value = value.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(value, Mapping) else None
    return value if isinstance(value, dict) else None


def _type_of(value: Json) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    kinds: tuple[tuple[type, str], ...] = ((str, "string"), (int, "integer"), (float, "number"), (list, "array"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "object")


def _json(text: str) -> Json:
    """The value that is spelt; None for what is no JSON, not finite, or too deep."""
    try:
        value: Json = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return None if isinstance(value, float) and value in (float("inf"), float("-inf")) else value


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
