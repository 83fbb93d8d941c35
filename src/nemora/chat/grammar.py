"""What an answer may say, as a grammar for llguidance.

A grammar is a list of llguidance's own grammars, the first of which is the whole answer:
https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import llguidance

from nemora.core import Json, ResponseFormat
from nemora.errors import RequestError

MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 64
JSON_OPTIONS: Mapping[str, Json] = {
    "whitespace_pattern": r"\n[ \t]{0,32}| ",  # bounded: small models else write white space and nothing more
    "coerce_one_of": False,
    "lenient": False,
}
"""How JSON is written. These stand where a client could set options of its own, so that it cannot."""
ANY_OBJECT: Mapping[str, Json] = {"type": "object"}

Part: TypeAlias = dict[str, Json]
"""One of llguidance's grammars: a JSON schema or rules in Lark's syntax, perhaps with a name."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """A grammar for a whole answer. `source` is llguidance's JSON; `param` the field of the request it comes from."""

    source: str
    param: str

    @classmethod
    def of(cls, parts: list[Part], param: str) -> Grammar:
        """The grammar whose first part is the answer; the others are what it refers to as `@name`.

        Raises:
            RequestError: it is too large or too deep.
        """
        source = json.dumps({"grammars": parts}, ensure_ascii=False)
        if len(source) > MAX_CHARACTERS:
            raise RequestError(
                f"{param} makes a grammar of more than {MAX_CHARACTERS} characters; make it smaller.", param=param
            )
        return cls(source, param)


def response_part(form: ResponseFormat) -> Part:
    """The grammar of a text in this form.

    Raises:
        RequestError: it is too deep.
    """
    if form.form == "choice":
        return {"lark_grammar": "start: " + " | ".join(map(quoted, form.choices))}
    if form.form == "regex":
        return {"lark_grammar": f"start: {regex(form.text or '')}"}
    if form.form == "grammar":
        return {"lark_grammar": form.text}
    return {"json_schema": with_options(ANY_OBJECT if form.schema is None else form.schema, param_of(form))}


def param_of(form: ResponseFormat) -> str:
    """The field in which a client asks for this form."""
    return "/response_format" if form.form in ("json_object", "json_schema") else "/structured_outputs"


def with_options(schema: Mapping[str, Json], param: str) -> dict[str, Json]:
    """A schema with our own options for llguidance.

    Raises:
        RequestError: it is too deep.
    """
    if _is_deep(dict(schema)):
        raise RequestError(f"{param} holds a schema that is nested more than {MAX_DEPTH} deep.", param=param)
    return {**schema, "x-guidance": dict(JSON_OPTIONS)}


def quoted(text: str) -> str:
    """A string in Lark's syntax."""
    return json.dumps(text, ensure_ascii=False)


def regex(pattern: str) -> str:
    """A regular expression in Lark's syntax. It has to match all of a text; classes are those of ECMAScript."""
    return f"/{llguidance.regex_to_lark(pattern, use_ascii='dw')}/"


def json_rule(schema: Mapping[str, Json], param: str) -> str:
    """A JSON value in Lark's syntax; all that stands to the right of a rule's colon."""
    return "%json " + json.dumps(with_options(schema, param), ensure_ascii=False)


def _is_deep(value: Json) -> bool:
    level: list[Json] = [value]
    for _ in range(MAX_DEPTH):
        inner = [v for v in level if isinstance(v, dict | list)]
        level = [item for v in inner for item in (v.values() if isinstance(v, dict) else v)]
        if not level:
            return False
    return any(isinstance(v, dict | list) for v in level)
