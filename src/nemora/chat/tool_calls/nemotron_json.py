"""Llama-Nemotron v1.5 and Nemotron Nano v2: `<TOOLCALL>[{"name": …, "arguments": {…}}, …]</TOOLCALL>`."""

from __future__ import annotations

from collections.abc import Collection

from nemora.chat.tool_calls.tagged import TaggedCalls

TAGS = MARKUP = ("<TOOLCALL>", "</TOOLCALL>")


def recognises(template: str) -> bool:
    """Whether a chat template teaches this format."""
    return "<TOOLCALL>[" in template


def parser(offered: Collection[str]) -> TaggedCalls:
    """A parser for one answer."""
    return TaggedCalls(*MARKUP, offered)
