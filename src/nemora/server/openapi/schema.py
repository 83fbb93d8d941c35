"""JSON schemas in few words. A field that need not be there may be null as well: that is how the server reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from nemora.core import Json

Schema = dict[str, Json]

ANY: Schema = {}
TEXT: Schema = {"type": "string"}
SOME_TEXT: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}
ANY_OBJECT: Schema = {"type": "object"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
NULL: Schema = {"type": "null"}
MODEL: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 256,
    "description": "auto, local, or a name that GET /v1/models lists.",
    "examples": ["auto"],
}


def integer(lowest: int, highest: int) -> Schema:
    return {"type": "integer", "minimum": lowest, "maximum": highest}


def number(lowest: float, highest: float, *, above: bool = False) -> Schema:
    """From `lowest`, or with `above` from the first number over it."""
    return {"type": "number", "exclusiveMinimum" if above else "minimum": lowest, "maximum": highest}


def words(*known: str) -> Schema:
    return {"type": "string", "enum": list(known)}


def array(items: Schema, least: int = 0, most: int | None = None) -> Schema:
    found: Schema = {"type": "array", "items": items}
    if least:
        found["minItems"] = least
    return found if most is None else {**found, "maxItems": most}


def any_of(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def or_null(schema: Schema) -> Schema:
    """`schema`, or null."""
    return schema if not schema else any_of(schema, NULL)


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def neutral(fields: Mapping[str, tuple[Json, ...]]) -> dict[str, Schema]:
    """Fields of which only the values that ask for nothing are accepted."""
    said = "Not supported: only values that ask for nothing."
    return {name: {"enum": [None, *values], "description": said} for name, values in fields.items()}


def ignored(names: Iterable[str]) -> dict[str, Schema]:
    """Fields that are accepted and change nothing."""
    return {name: {"description": "Accepted without effect."} for name in sorted(names)}


def body(
    required: Mapping[str, Schema],
    optional: Mapping[str, Schema] | None = None,
    *,
    absent: Mapping[str, Schema] | None = None,
) -> Schema:
    """An object of a request, with no other fields. Those of `absent` may be left out, and may not be null."""
    optional = {name: or_null(schema) for name, schema in (optional or {}).items()}
    fields: dict[str, Json] = {**required, **optional, **(absent or {})}
    return {
        "type": "object",
        "properties": fields,
        **({"required": list(required)} if required else {}),
        "additionalProperties": False,
    }


def answer(fields: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object of an answer, with no other fields."""
    properties: dict[str, Json] = {**fields, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(fields), "additionalProperties": False}


def known_only(schemas: Mapping[str, Schema], names: Collection[str]) -> dict[str, Schema]:
    """The schemas of exactly these fields. A field without one is a mistake of ours, and is said so."""
    missing = set(names) - schemas.keys()
    if missing:
        raise KeyError(f"no schema for {', '.join(sorted(missing))}")
    return {name: schemas[name] for name in sorted(names)}
