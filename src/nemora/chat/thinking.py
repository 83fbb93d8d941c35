"""Reasoning switched on or off for one request, in the way that a model's chat template knows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nemora.core import Message, TextPart, Thinking
from nemora.errors import UnsupportedField

Switch = Literal["variable", "word", "detailed", "literal"]
SETTINGS = ("enable_thinking", "truncate_history_thinking", "low_effort", "medium_effort", "reasoning_budget")
"""Variables of templates that are set here, and `reasoning_effort`. No others: a client cannot name one."""
_LOW = ("minimal", "low")
_PARAM = "/chat_template_kwargs"


@dataclass(frozen=True, slots=True)
class ThinkingControl:
    """What a chat template knows of thinking.

    `switch`: the variable `enable_thinking`; `/think` and `/no_think` in the system turn (Super v1.5, Nano v2); a
    system turn `detailed thinking on` (Llama-Nemotron v1); or `{'reasoning': True}` in it (Nemotron-H-8B-Reasoning).
    None: it thinks always or never. `variables` are those of SETTINGS that the template reads.
    """

    switch: Switch | None = None
    variables: frozenset[str] = frozenset()

    @classmethod
    def of(cls, source: str, variables: Collection[str], *, is_v1: bool = False) -> ThinkingControl:
        """By what stands in a template. `is_v1`: it is a Llama-Nemotron v1's, which has no word of it."""
        known = frozenset(variables) & {*SETTINGS, "reasoning_effort"}
        if "enable_thinking" in known:
            return cls("variable", known)
        if "/no_think" in source:
            return cls("word", known)
        if is_v1 or "detailed thinking o" in source:
            return cls("detailed", known)
        return cls("literal" if "{'reasoning': " in source.replace("\\'", "'") else None, known)

    def check(self, thinking: Thinking, *, reasons: bool) -> None:
        """Refuse what cannot be had; a hint of effort is none of it. `reasons`: the model has reasoning tags.

        Raises:
            UnsupportedField: naming the field.
        """
        if thinking.enabled and not reasons:
            raise UnsupportedField("The local model does not think; do not ask it to.", param=_PARAM)
        if thinking.wanted is False and reasons and self.switch is None:
            raise UnsupportedField("The local model's thinking cannot be switched off.", param=_PARAM)
        if thinking.keep_history and "truncate_history_thinking" not in self.variables:
            raise UnsupportedField("The local model's earlier reasoning cannot be kept in the prompt.", param=_PARAM)
        asked = thinking.limit is not None or (thinking.budget is not None and not thinking.budget_is_hint)
        if asked and not reasons:
            raise UnsupportedField("The local model does not think; leave its budget out.", param=_PARAM)

    def settings(self, thinking: Thinking) -> dict[str, bool | int | str]:
        """Values for those of the template's variables that the request sets."""
        effort = thinking.effort
        values: dict[str, bool | int | str | None] = {
            "enable_thinking": thinking.wanted,
            "truncate_history_thinking": None if thinking.keep_history is None else not thinking.keep_history,
            "low_effort": True if effort in _LOW else None,
            "medium_effort": True if effort in (*_LOW, "medium") else None,
            "reasoning_budget": thinking.budget,
            "reasoning_effort": effort if effort != "none" else None,
        }
        return {name: value for name, value in values.items() if value is not None and name in self.variables}

    def switched(self, messages: Sequence[Message], thinking: Thinking) -> Sequence[Message]:
        """The messages with the words by which the template switches. Words that a client wrote itself stay."""
        if thinking.wanted is None or self.switch in (None, "variable"):
            return messages
        if self.switch == "detailed":
            return _detailed(messages, "on" if thinking.wanted else "off")
        word = "/think" if thinking.wanted else "/no_think"
        if self.switch == "literal":
            word = f"{{'reasoning': {thinking.wanted}}}"
        # A text that is "/think" and nothing else would be taken for a part of a tag, and kept from the template.
        return _with_word(messages, f" {word}")


def _with_word(messages: Sequence[Message], word: str) -> Sequence[Message]:
    if not messages or messages[0].role not in ("system", "developer"):
        return [Message("system", word), *messages]
    return [_with_text(messages[0], after=word), *messages[1:]]


def _detailed(messages: Sequence[Message], state: str) -> Sequence[Message]:
    """The switch must be the whole system turn, so a client's instructions move to the first turn of the user."""
    switch = Message("system", f"detailed thinking {state}")
    if not messages or messages[0].role not in ("system", "developer"):
        return [switch, *messages]
    instructions, turns = messages[0].text().strip(), list(messages[1:])
    at = next((n for n, message in enumerate(turns) if message.role == "user"), None)
    if at is None or instructions in ("", "detailed thinking on", "detailed thinking off"):
        return [switch, *turns]
    turns[at] = _with_text(turns[at], before=f"{instructions}\n\n")
    return [switch, *turns]


def _with_text(message: Message, *, before: str = "", after: str = "") -> Message:
    if isinstance(message.content, tuple):
        return replace(message, content=(TextPart(before), *message.content, TextPart(after)))
    return replace(message, content=before + (message.content or "") + after)
