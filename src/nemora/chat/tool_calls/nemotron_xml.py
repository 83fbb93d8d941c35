"""Nemotron 3 and Qwen3-Coder: a call as tags, one block for each, values as plain text over any number of lines.

    <tool_call>
    <function=NAME>
    <parameter=KEY>
    VALUE
    </parameter>
    </function>
    </tool_call>

A value may hold any of these tags but for two sequences, which nothing tells from the real ones: `</parameter>` with
the next `<parameter=…>`, and `</function>` with `</tool_call>`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from nemora.chat.tool_calls.call import Call, Offered
from nemora.chat.tool_calls.call_rules import CallableTool, CallRules, Literal
from nemora.chat.tool_calls.coerce import coerced, property_schema
from nemora.chat.tool_calls.tagged import TaggedCalls
from nemora.chat.tool_calls.xml_arguments import END_VALUE, TEXT, xml_function
from nemora.core import Json

TAGS = MARKUP = ("<tool_call>", "</tool_call>")
FUNCTION, END_FUNCTION = "<function=", "</function>"
_HEADER = re.compile(r"\s*<function=([^<>\n]+)>")
_END = re.compile(r"</function>\s*</tool_call>")
_PARAMETER = re.compile(r"\s*<parameter=([^<>\n]+)>(.*?)</parameter>(?=\s*(?:<parameter=[^<>\n]+>|\Z))", re.DOTALL)


def recognises(template: str) -> bool:
    """Whether a chat template teaches this format."""
    return "<tool_call>" in template and FUNCTION in template


def parser(offered: Offered) -> XmlCalls:
    """A parser for one answer."""
    return XmlCalls(offered)


def rules(tools: Sequence[CallableTool], literal: Literal, *, many: bool) -> CallRules:
    """The grammar of calls of these tools."""
    functions = "function: " + " | ".join(f"function_{number}" for number in range(len(tools)))
    lines = [f'body: "\\n" function "\\n" {literal(TAGS[1])}', functions, f"VALUE: {TEXT}", END_VALUE]
    for number, tool in enumerate(tools):
        lines += xml_function(f"function_{number}", tool)
    return CallRules("\n".join(lines), TAGS)


class XmlCalls(TaggedCalls):
    """Finds blocks of one call each. A `ToolCallParser`."""

    def __init__(self, offered: Offered) -> None:
        super().__init__(*MARKUP, offered)
        self._schemas = offered

    def _body(self, found: list[str | Call]) -> bool:
        begun = self._held.lstrip()
        if not begun.startswith(FUNCTION) and not FUNCTION.startswith(begun):
            found.append(self._open)  # the tag alone: what follows is read like any text
            self._inside = self._after_call = False
            return True
        end = _END.search(self._held, self._search_from)
        if end is None:
            self._search_from = self._first_possible_end()
            return False
        call = read_block(self._held[: end.start()], self._schemas)
        self._end_block(found, None if call is None else [call], end.end())
        return True

    def _unclosed(self, body: str) -> list[Call] | None:
        inner, closed, rest = body.rpartition(END_FUNCTION)
        call = read_block(inner, self._schemas) if closed and not rest.strip() else None
        return None if call is None else [call]

    def _first_possible_end(self) -> int:
        """Where an end may begin that is not all there yet."""
        last = self._held.rfind(END_FUNCTION, self._search_from)
        if last >= 0 and self._close.startswith(self._held[last + len(END_FUNCTION) :].lstrip()):
            return last
        return max(self._search_from, len(self._held) - len(END_FUNCTION) + 1)


def read_block(text: str, offered: Offered) -> Call | None:
    """The call in `<function=NAME>` and its parameters; None if it is malformed or was not offered."""
    header = _HEADER.match(text)
    if header is None or header[1] not in offered:
        return None
    schema = offered[header[1]]
    arguments: dict[str, Json] = {}
    position = header.end()
    while (match := _PARAMETER.match(text, position)) is not None:
        key, value = match.groups()
        if key in arguments:
            return None
        arguments[key] = coerced(_without_line_ends(value), *property_schema(schema, key))
        position = match.end()
    if text[position:].strip():
        return None
    return Call(header[1], json.dumps(arguments, ensure_ascii=False))


def _without_line_ends(value: str) -> str:
    """A value stands on lines of its own: the line ends beside its tags are not part of it."""
    return value.removeprefix("\n").removesuffix("\n")
