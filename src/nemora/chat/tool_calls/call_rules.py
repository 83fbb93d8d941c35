"""Calls of offered tools as a grammar: what every format's rules are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

from nemora.chat.grammar import ANY_OBJECT, json_rule, quoted
from nemora.core import Json
from nemora.errors import RequestError, UnsupportedField

PARAM = "/tools"
Literal = Callable[[str], str]
"""Text in Lark's syntax; where it is one special token of the vocabulary, that token."""


@dataclass(frozen=True, slots=True)
class CallableTool:
    """A tool that may be called. `parameters`: what its arguments have to fit; None where any object will do."""

    name: str
    parameters: Mapping[str, Json] | None


@dataclass(frozen=True, slots=True)
class CallRules:
    """A format's rules in Lark's syntax.

    `rules` define `body`: what follows the opening tag, with the closing tag. Without tags, a call is a body.
    `joint` stands between two calls.
    """

    rules: str
    tags: tuple[str, str] | None = None
    joint: str = "\n"

    def answer(self, literal: Literal, *, many: bool) -> str:
        """An answer that is one call, or with `many` one or more."""
        call = f"call: {self._open(literal)} body"
        start = f"start: call ({quoted(self.joint)} call)*" if many else "start: call"
        return f"{start}\n{call}\n{self.rules}"

    def answer_or_text(self, literal: Literal, text: str | None) -> str:
        """An answer that is text with calls in it; or one or more calls, or else `text` (a rule)."""
        if text is not None:
            return f"start: call ({quoted(self.joint)} call)* | {text}\ncall: {self._open(literal)} body\n{self.rules}"
        if self.tags is None:
            raise UnsupportedField(
                "The local model writes tool calls without tags, so strict holds only with tool_choice required.",
                param=PARAM,
            )
        opening = literal(self.tags[0])
        if opening.startswith("<"):
            return f"start: TEXT? ({opening} body TEXT?)*\nTEXT: /(?s:.+)/\n{self.rules}"
        # A lexeme that is lazy ends where the tag first does.
        tag = self.tags[0].replace("/", "\\/")
        begun = f"begun[lazy]: /(?s:.*){tag}/"
        return f"start: (begun body)* TEXT\n{begun}\nTEXT: /(?s:.*)/\n{self.rules}"

    def _open(self, literal: Literal) -> str:
        return literal(self.tags[0]) if self.tags is not None else ""


class RulesOf(Protocol):
    """What makes a format's rules for these tools; with `many`, one block may hold several calls."""

    def __call__(self, tools: Sequence[CallableTool], literal: Literal, *, many: bool) -> CallRules: ...


def json_objects(tools: Sequence[CallableTool], key: str) -> str:
    """Rules of `object`: a call as `{"name": …, key: {…}}`."""
    rules = ["object: " + " | ".join(f"object_{number}" for number in range(len(tools)))]
    for number, tool in enumerate(tools):
        head = f'{{"name": {quoted(tool.name)}, "{key}": '
        rules.append(f'object_{number}: {quoted(head)} arguments_{number} "}}"')
        rules.append(f"arguments_{number}: {json_rule(arguments_schema(tool.parameters), PARAM)}")
    return "\n".join(rules)


def arguments_schema(parameters: Mapping[str, Json] | None) -> Mapping[str, Json]:
    """A schema of the arguments of a call: an object, and without keys that the tool does not name.

    JSON schema permits any further key where nothing is said of them; a function takes only its own.

    Raises:
        RequestError: it is the schema of something else.
    """
    if parameters is None:
        return ANY_OBJECT
    types = parameters.get("type", "object")
    if "object" not in (types if isinstance(types, list) else [types]):
        refuse("the schema of a tool's parameters must be an object's")
    closed: dict[str, Json] = {"additionalProperties": False} if isinstance(parameters.get("properties"), dict) else {}
    if closed and parameters.keys() & {"allOf", "anyOf", "oneOf", "$ref", "patternProperties"}:
        closed = {}
    return {**closed, **parameters, "type": "object"}


def refuse(why: str) -> NoReturn:
    """Refuse the tools of a request."""
    raise RequestError(f"{PARAM} cannot be enforced: {why}.", param=PARAM)
