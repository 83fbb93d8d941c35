"""Hermes and Qwen: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, one block for each call."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nemora.chat.tool_calls.call_rules import CallableTool, CallRules, Literal, json_objects
from nemora.chat.tool_calls.tagged import TaggedCalls

TAGS = MARKUP = ("<tool_call>", "</tool_call>")


def recognises(template: str) -> bool:
    """Whether a chat template teaches this format, and not its XML cousin with `<function=NAME>`."""
    return "<tool_call>" in template and "<function=" not in template and '"arguments"' in template.replace("\\", "")


def parser(offered: Collection[str]) -> TaggedCalls:
    """A parser for one answer."""
    return TaggedCalls(*MARKUP, offered)


def rules(tools: Sequence[CallableTool], literal: Literal, *, many: bool) -> CallRules:
    """The grammar of calls of these tools."""
    body = f'body: "\\n"? object "\\n"? {literal(TAGS[1])}'
    return CallRules(f"{body}\n{json_objects(tools, 'arguments')}", TAGS)
