"""The form that a client asks of an answer, read: OpenAI's `response_format`, and what vLLM has beside it."""

from __future__ import annotations

import re
from typing import Literal

from nemora.core import Json, ResponseFormat
from nemora.errors import RequestError, UnsupportedField
from nemora.server.fields import a_list, an_object, flag, only, optional_text, text

FIELDS = frozenset(
    {"response_format", "structured_outputs", "guided_json", "guided_regex", "guided_grammar", "guided_choice"}
)
"""The fields of a request that are read here."""
OLD_NAMES = {"guided_json": "json", "guided_regex": "regex", "guided_grammar": "grammar", "guided_choice": "choice"}
"""Fields of earlier vLLM, and what they are called within `structured_outputs`."""
MAX_CHOICES = 1000
MAX_PATTERN = 16 * 1024
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def response_format_of(table: dict[str, Json]) -> ResponseFormat | None:
    """The form that a body asks for; None for free text.

    Raises:
        RequestError: a wrong value, or several forms at once; `param` names the field.
    """
    found = [
        _openai(table.get("response_format")),
        _structured(table.get("structured_outputs"), "/structured_outputs"),
        *(_one(new, table[old], f"/{old}") for old, new in OLD_NAMES.items() if table.get(old) is not None),
    ]
    forms = [form for form in found if form is not None]
    if len(forms) > 1:
        raise RequestError("The answer can have one form only; send /response_format alone.", param="/response_format")
    return forms[0] if forms else None


def _openai(value: Json) -> ResponseFormat | None:
    if value is None:
        return None
    where = "/response_format"
    table = an_object(value, where)
    kind = table.get("type")
    if kind == "text":
        only(table, {"type"}, where)
        return None
    if kind == "json_object":
        only(table, {"type"}, where)
        return ResponseFormat("json_object")
    if kind != "json_schema":
        raise UnsupportedField(f"{where}/type must be text, json_object or json_schema.", param=f"{where}/type")
    only(table, {"type", "json_schema"}, where)
    return named_schema(an_object(table.get("json_schema"), f"{where}/json_schema"), f"{where}/json_schema")


def named_schema(inner: dict[str, Json], where: str) -> ResponseFormat:
    """A schema with its name, as OpenAI has it. Raises `RequestError`."""
    only(inner, {"name", "description", "schema", "strict"}, where)
    name = text(inner.get("name"), f"{where}/name")
    if not NAME.fullmatch(name):
        raise RequestError(f"{where}/name must be 1 to 64 letters, digits or any of _ - .", param=f"{where}/name")
    schema = inner.get("schema")
    return ResponseFormat(
        "json_schema",
        schema=None if schema is None else an_object(schema, f"{where}/schema"),
        name=name,
        description=optional_text(inner.get("description"), f"{where}/description"),
        strict=flag(inner.get("strict"), f"{where}/strict"),
    )


def _structured(value: Json, where: str) -> ResponseFormat | None:
    if value is None:
        return None
    table = an_object(value, where)
    only(table, {"json", "json_object", "regex", "grammar", "choice"}, where)
    given = {key: inner for key, inner in table.items() if inner is not None and inner is not False}
    if len(given) != 1:
        raise RequestError(f"{where} must hold one of json, json_object, regex, grammar, choice.", param=where)
    ((key, inner),) = given.items()
    return _one(key, inner, f"{where}/{key}")


def _one(key: str, value: Json, where: str) -> ResponseFormat:
    if key == "json":
        return ResponseFormat("json_schema", schema=an_object(value, where), name="answer")
    if key == "json_object":
        flag(value, where)
        return ResponseFormat("json_object")
    if key == "choice":
        choices = a_list(value, where)
        if not 0 < len(choices) <= MAX_CHOICES:
            raise RequestError(f"{where} must hold 1 to {MAX_CHOICES} strings.", param=where)
        read = tuple(text(choice, f"{where}/{i}", empty=False) for i, choice in enumerate(choices))
        return ResponseFormat("choice", choices=read)
    form: Literal["regex", "grammar"] = "regex" if key == "regex" else "grammar"
    return ResponseFormat(form, text=text(value, where, empty=False, longest=MAX_PATTERN))
