"""Renders a chat template in a worker process: a template is somebody else's program.

It runs in jinja2's immutable sandbox, with the few globals that templates of the Hugging Face hub expect. Time and
memory are the worker's business; the size of the result is bounded here.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nemora.errors import RequestError, TemplateError

MAX_CHARACTERS = 64 * 1024 * 1024
SHOWN_REFUSAL = 200


class Refusal(Exception):
    """The template called `raise_exception`."""


class GenerationTag(Extension):
    """`{% generation %}` marks what a model wrote, for training. Here only its body counts."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's own name for it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def start(source: str) -> Callable[[dict[str, Any]], Any]:
    """The worker's factory. Nothing of the template runs yet: compiling it already may take long."""
    compiled: list[jinja2.Template] = []

    def answer(call: dict[str, Any]) -> Any:
        try:
            if call["what"] == "variables":
                return sorted(meta.find_undeclared_variables(environment().parse(source)))
            if not compiled:
                compiled.append(environment().from_string(source))
            return _render(compiled[0], call["variables"])
        except Refusal as refusal:
            raise RequestError(_refusal(str(refusal), source)) from None
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(f"The model's chat template has a syntax error in line {error.lineno}.") from None
        except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise TemplateError(
                f"The model's chat template cannot render this conversation ({type(error).__name__})."
            ) from None
        except (MemoryError, RecursionError) as error:
            raise TemplateError(f"The model's chat template asks for too much ({type(error).__name__}).") from None

    return answer


def environment() -> ImmutableSandboxedEnvironment:
    """The sandbox. White space is treated as transformers does."""
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, GenerationTag], autoescape=False
    )
    del env.globals["lipsum"]
    env.globals["raise_exception"] = _raise_exception
    env.globals["strftime_now"] = _strftime_now
    env.filters["tojson"] = _tojson
    return env


def _render(template: jinja2.Template, variables: dict[str, Any]) -> str:
    pieces: list[str] = []
    size = 0
    for piece in template.generate(**variables):
        size += len(piece)
        if size > MAX_CHARACTERS:
            raise TemplateError(f"The model's chat template writes more than {MAX_CHARACTERS} characters.")
        pieces.append(piece)
    return "".join(pieces)


def _refusal(message: str, source: str) -> str:
    """The template's own words if they stand in it literally; otherwise they might be made of the client's text."""
    if message and message in source and len(message) <= SHOWN_REFUSAL and message.isprintable():
        return f"The model's chat template refuses this conversation: {message}"
    return "The model's chat template refuses this conversation."


def _raise_exception(message: object = "") -> None:
    raise Refusal(str(message))


def _strftime_now(format: str) -> str:
    return datetime.datetime.now().strftime(format)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
