"""Arguments in Nemotron 3's tool calls as a grammar: text as it is, everything else as JSON.

A value counts as what the reader makes of it (`coerce`): where a string is allowed, all that is written stays text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nemora.chat.grammar import MAX_CHARACTERS, json_rule, quoted, regex
from nemora.chat.tool_calls.call_rules import PARAM, CallableTool, arguments_schema, refuse
from nemora.chat.tool_calls.coerce import Schema, coerced, led_to, types_of
from nemora.core import Json

TEXT = r"/(?s:.*)/ & ~/(?s:.*)(<\/parameter>|<\/function>\s*<\/tool_call>)(?s:.*)/"
"""Text that nothing in it ends."""
END_VALUE = r'END_VALUE: "\n</parameter>\n"'

ANNOTATIONS = frozenset(
    (
        *("title", "description", "default", "examples", "$schema", "$comment", "deprecated", "readOnly", "writeOnly"),
        *("format", "contentEncoding", "contentMediaType"),
    )
)
"""Keywords that no value of ours has to fit: JSON schema lets `format` say what a text means, not what it may be."""
_TABLE_KEYS = ANNOTATIONS | {"type", "properties", "required", "additionalProperties", "$defs", "definitions", "$id"}
_TEXT_KEYS = ANNOTATIONS | {"type", "minLength", "maxLength", "pattern"}
_KEY = re.compile(r"[^<>\n]{1,200}")
_MAX_LENGTH = 10_000


def xml_function(rule: str, tool: CallableTool) -> list[str]:
    """Rules of `<function=NAME>` with its parameters, in the order of the schema.

    Raises:
        RequestError: the schema says what these rules cannot.
    """
    head, end = quoted(f"<function={tool.name}>\n"), '"</function>"'
    if tool.parameters is None:
        return [
            f"{rule}: {head} ({rule}_key {rule.upper()})* {end}",
            f"{rule}_key: /<parameter=[^<>\\n]{{1,200}}>\\n/",
            f'{rule.upper()}: VALUE "\\n</parameter>\\n"',
        ]
    schema = arguments_schema(tool.parameters)
    definitions = json.dumps([schema.get(name) for name in ("$defs", "definitions")])
    properties_ = schema.get("properties")
    # Each parameter's rules repeat the definitions.
    if len(definitions) * (len(properties_) if isinstance(properties_, dict) else 1) > MAX_CHARACTERS:
        refuse(f"the definitions of a schema, for each parameter once, have more than {MAX_CHARACTERS} characters")
    _only(schema, _TABLE_KEYS, "a schema of parameters")
    properties, names = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(names, list):
        refuse("properties must be an object, and required a list")
    wanted = {**properties, **{n: True for n in names if isinstance(n, str) and n not in properties}}
    lines, sequence = [], [head]
    for number, (key, value) in enumerate(wanted.items()):
        if _KEY.fullmatch(key) is None:
            refuse("the name of a parameter has a line end or an angle bracket")
        name = f"{rule}_{number}"
        lines += _parameter(name, key, value, schema)
        sequence.append(name if key in names else f"{name}?")
    return [f"{rule}: {' '.join(sequence)} {end}", *lines]


def _parameter(rule: str, key: str, schema: Json, root: Schema) -> list[str]:
    head = quoted(f"<parameter={key}>\n")
    types = set(types_of(schema, root))
    if types and "string" not in types:
        assert isinstance(schema, dict)  # it has types
        definitions = {name: root[name] for name in ("$defs", "definitions") if name in root}
        value = json_rule({**definitions, **schema}, PARAM)
        return [f"{rule}: {head} {rule}_value END_VALUE", f"{rule}_value: {value}"]
    texts = list(dict.fromkeys(_texts(schema, _Whole(schema, root))))
    if "null" in types:
        texts.append('"null"')
    if not texts:
        refuse("no text can satisfy the schema of a parameter")
    # One lexeme with the end: a text by itself would take as much as it can, and some of the end too.
    return [f"{rule}: {head} {rule.upper()}", f'{rule.upper()}: ({" | ".join(texts)}) "\\n</parameter>\\n"']


@dataclass(slots=True)
class _Whole:
    """The schema of a parameter, by which a text is read, the root, and how many schemas in it may be looked at."""

    schema: Json
    root: Schema
    left: int = 100


def _texts(schema: Json, whole: _Whole) -> Iterator[str]:
    """Terminals of the texts that fit."""
    whole.left -= 1
    if whole.left < 0:
        refuse("a schema of a parameter refers to itself, or to too many others")
    if schema is False:
        return
    if not isinstance(schema, Mapping):
        yield "VALUE"
        return
    if "$ref" in schema or "anyOf" in schema or "oneOf" in schema or "allOf" in schema:
        yield from _combined(schema, whole)
    elif "enum" in schema or "const" in schema:
        _only(schema, ANNOTATIONS | {"type", "enum", "const"}, "a parameter with fixed values")
        constants = schema["enum"] if "enum" in schema else [schema["const"]]
        yield from (quoted(text) for text in _constants(constants, schema, whole))
    elif "string" in set(types_of(schema, whole.root)) or "type" not in schema:
        if "type" in schema:
            _only(schema, _TEXT_KEYS | _OTHER_TYPES, "a parameter that is text")
        elif schema.keys() & {"not", "if", "then", "else"}:
            refuse("a parameter without a type has conditions")
        yield _text(schema)


_OTHER_TYPES = frozenset(
    (
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "items", "prefixItems"),
        *("minItems", "maxItems", "uniqueItems", "properties", "required", "additionalProperties"),
    )
)
"""Keywords that say nothing of a text: what is written where one is allowed stays text."""


def _combined(schema: Schema, whole: _Whole) -> Iterator[str]:
    keywords = schema.keys() & {"$ref", "anyOf", "oneOf", "allOf"}
    _only(schema, ANNOTATIONS | keywords | {"type"}, "a parameter that is text")
    keyword = keywords.pop()
    inner = schema[keyword]
    if keyword == "$ref":
        yield from _texts(led_to(inner, whole.root), whole)
        return
    options = inner if isinstance(inner, list) else []
    texts = [list(_texts(option, whole)) for option in options]
    if keywords or (keyword == "allOf" and len(options) != 1) or (keyword == "oneOf" and sum(map(bool, texts)) > 1):
        refuse("a parameter that is text combines schemas in a way that cannot be enforced; use anyOf alone")
    yield from (text for option in texts for text in option)


def _constants(constants: Json, schema: Json, whole: _Whole) -> Iterator[str]:
    """How constants are written, those of them that are read as themselves."""
    for constant in constants if isinstance(constants, list) else []:
        text = constant if isinstance(constant, str) else json.dumps(constant, ensure_ascii=False)
        read = coerced(text, whole.schema, whole.root)
        if read == constant and type(read) is type(constant) and "</" not in text:
            yield text


def _text(schema: Schema) -> str:
    low, high = (schema.get(key) for key in ("minLength", "maxLength"))
    parts = ["VALUE"]
    if low is not None or high is not None:
        low = 0 if low is None else low
        if not isinstance(low, int) or not (high is None or isinstance(high, int)) or low > _MAX_LENGTH:
            refuse(f"minLength and maxLength must be whole numbers, the first at most {_MAX_LENGTH}")
        if low > 0 or (high is not None and high <= _MAX_LENGTH):
            parts.append(f"/(?s:.{{{low},{'' if high is None or high > _MAX_LENGTH else high}}})/")
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        parts.append(_searched(pattern))
    return f"({' & '.join(parts)})" if len(parts) > 1 else parts[0]


def _searched(pattern: str) -> str:
    """JSON schema looks for a pattern anywhere in a text; a grammar's must be the whole text."""
    begins, ends = pattern.startswith("^"), re.search(r"(?<!\\)(?:\\\\)*\$\Z", pattern) is not None
    inner = pattern[begins : len(pattern) - ends]
    if (begins or ends) and _has_choice(inner):
        refuse("a pattern with ^ or $ has options side by side; put them in brackets")
    return regex(f"{'' if begins else '(?s:.*)'}(?:{inner}){'' if ends else '(?s:.*)'}")


def _has_choice(pattern: str) -> bool:
    """Whether `|` stands outside of all brackets."""
    depth = 0
    for mark in re.findall(r"\\.|\[(?:\\.|[^\]\\])*\]|[()|]", pattern, re.DOTALL):
        depth += {"(": 1, ")": -1}.get(mark, 0)
        if mark == "|" and depth == 0:
            return True
    return False


def _only(schema: Schema, known: frozenset[str], what: str) -> None:
    if not schema.keys() <= known:
        named = sorted(schema.keys() & {"allOf", "anyOf", "oneOf", "not", "$ref", "if", "enum", "const", *_OTHER_TYPES})
        refuse(f"{what} uses {' and '.join(named) or 'a keyword'}, which cannot be enforced here")
