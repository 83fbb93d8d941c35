"""Which grammar an answer has to follow: by the form that is asked for, and by tools that must be called."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from nemora.chat.format import Format
from nemora.chat.grammar import Grammar, Part, param_of, quoted, response_part
from nemora.chat.grammar_compiler import GrammarCompiler
from nemora.chat.grammar_mask import GrammarMask
from nemora.chat.reasoning_mask import ReasoningMask, ReasoningVocabulary
from nemora.chat.tokenizer import Tokenizer
from nemora.chat.tool_calls.call_rules import PARAM, CallableTool
from nemora.core import ChatRequest, Tool

NewMask: TypeAlias = Callable[[], GrammarMask | ReasoningMask]
"""Makes the mask of one answer. Several answers to one request need one each."""


class AnswerGrammars:
    """Makes masks for one model's answers. Thread-safe; not for an event loop. Nothing is built before it is needed."""

    def __init__(self, tokenizer: Tokenizer, format: Format, vocab_size: int) -> None:
        self._format = format
        self._tokenizer = tokenizer
        self._vocab_size = vocab_size
        self._compiler = GrammarCompiler(tokenizer, vocab_size)

    @functools.cached_property
    def _reasoning(self) -> ReasoningVocabulary | None:
        tags, visible = self._format.reasoning, self._format.visible_ids(self._tokenizer)
        if tags is None:
            return None
        return ReasoningVocabulary(self._tokenizer, tags, vocab_size=self._vocab_size, visible=visible)

    def new_mask(self, request: ChatRequest, tools: Sequence[Tool], tail: str, owner: str = "") -> NewMask | None:
        """What makes masks for answers to `request`; None where everything may be said.

        Args:
            tools: those that are offered.
            tail: end of the prompt, which may have opened or closed the reasoning.
            owner: whose request it is; grammars that were compiled are kept for their owner only.

        Raises:
            RequestError: the form or the schema of a tool cannot be enforced; `param` names its field.
        """
        grammar = answer_grammar(request, tools, self._format, self._tokenizer.special.ids)
        if grammar is None:
            return None
        compiled = self._compiler.compile(grammar, owner)
        tags, vocabulary = self._format.reasoning, self._reasoning
        if tags is None or vocabulary is None:
            return compiled
        inside = tags.opened_by(tail)
        if not inside and (request.thinking.wanted is False or tail.rstrip().endswith(tags.close)):
            return compiled
        may_end = not _must_call(request) and request.response_format is None
        return lambda: ReasoningMask(compiled, vocabulary, inside=inside, may_end=may_end)

    def close(self) -> None:
        """End the child processes."""
        self._compiler.close()


def answer_grammar(
    request: ChatRequest, tools: Sequence[Tool], format: Format, special: Mapping[str, int]
) -> Grammar | None:
    """The grammar of the text after reasoning; None where everything may be said.

    Where a tool must be called, the form of a text does not count: there is none. Where one may be called, the
    arguments of tools that are `strict` fit their schema, and a form leaves the choice between calls and a text of it.

    Args:
        special: the vocabulary's special tokens, by their text.

    Raises:
        RequestError: the form or the schema of a tool cannot be enforced.
    """

    def literal(text: str) -> str:
        return f"<[{special[text]}]>" if text in special else quoted(text)

    form = request.response_format
    text: list[Part] = [] if form is None else [response_part(form)]
    must_call = _must_call(request)
    if format.call_rules is None or not tools or not (must_call or form is not None or any(t.strict for t in tools)):
        return Grammar.of(text, param_of(form)) if form is not None else None
    choice = request.tool_choice
    if must_call and choice is not None and choice.name is not None:
        tools = [tool for tool in tools if tool.name == choice.name]
    callable_tools = [
        CallableTool(tool.name, (tool.parameters or {}) if must_call or tool.strict else None) for tool in tools
    ]
    many = request.parallel_tool_calls is not False and not (choice is not None and choice.mode == "named")
    rules = format.call_rules(callable_tools, literal, many=many)
    if must_call:
        return Grammar.of([{"lark_grammar": rules.answer(literal, many=many)}], PARAM)
    lark = rules.answer_or_text(literal, "@text" if text else None)
    return Grammar.of([{"lark_grammar": lark}, *({"name": "text", **part} for part in text)], PARAM)


def may_need_grammar(request: ChatRequest) -> bool:
    """Whether a request may have to follow a grammar, which takes long to compile."""
    return request.response_format is not None or _must_call(request) or any(tool.strict for tool in request.tools)


def _must_call(request: ChatRequest) -> bool:
    return request.tool_choice is not None and request.tool_choice.mode in ("required", "named")
