"""Llama-Nemotron v1.5 and Nemotron Nano v2: `<TOOLCALL>[{"name": …, "arguments": {…}}, …]</TOOLCALL>`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nemora.chat.tool_calls.call_rules import CallableTool, CallRules, Literal, json_objects
from nemora.chat.tool_calls.tagged import TaggedCalls

TAGS = MARKUP = ("<TOOLCALL>", "</TOOLCALL>")


def recognises(template: str) -> bool:
    """Whether a chat template teaches this format."""
    return "<TOOLCALL>[" in template


def parser(offered: Collection[str]) -> TaggedCalls:
    """A parser for one answer."""
    return TaggedCalls(*MARKUP, offered)


def rules(tools: Sequence[CallableTool], literal: Literal, *, many: bool) -> CallRules:
    """The grammar of calls of these tools."""
    objects = 'object (", " object)*' if many else "object"
    return CallRules(f'body: "[" {objects} "]" {literal(TAGS[1])}\n{json_objects(tools, "arguments")}', TAGS)
