"""Llama 3.1: the whole answer is `{"name": …, "parameters": {…}}`, perhaps after `<|python_tag|>`.

Several calls are separated by `;` or white space.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from nemora.chat.tool_calls.call import Call, read_calls
from nemora.chat.tool_calls.call_rules import CallableTool, CallRules, Literal, json_objects

PYTHON_TAG = "<|python_tag|>"
MARKUP = (PYTHON_TAG,)
TAGS = None


def recognises(template: str) -> bool:
    """Whether a chat template teaches this format."""
    return "<|start_header_id|>" in template and '"parameters"' in template.replace("\\", "")


def parser(offered: Collection[str]) -> WholeAnswer:
    """A parser for one answer."""
    return WholeAnswer(offered)


def rules(tools: Sequence[CallableTool], literal: Literal, *, many: bool) -> CallRules:
    """The grammar of calls of these tools."""
    return CallRules(f"body: object\n{json_objects(tools, 'parameters')}", joint="; ")


class WholeAnswer:
    """Holds an answer back if it begins like a call; every other answer passes at once. A `ToolCallParser`."""

    def __init__(self, offered: Collection[str]) -> None:
        self._offered = offered
        self._held = ""
        self._is_text = False

    def feed(self, text: str) -> list[str | Call]:
        if self._is_text:
            return [text] if text else []
        self._held += text
        begun = self._held.lstrip()
        if not begun or begun.startswith(("{", PYTHON_TAG)) or PYTHON_TAG.startswith(begun):
            return []
        self._is_text = True
        held, self._held = self._held, ""
        return [held]

    def flush(self) -> list[str | Call]:
        held, self._held = self._held, ""
        if not held:
            return []
        calls = self._calls(held.strip().removeprefix(PYTHON_TAG))
        return list(calls) if calls else [held]

    def _calls(self, text: str) -> list[Call] | None:
        """JSON objects one after the other; None if anything else is there."""
        decoder, calls, position = json.JSONDecoder(), [], 0
        while position < len(text):
            start = position + len(text[position:]) - len(text[position:].lstrip(" \r\n\t;"))
            if start == len(text):
                break
            try:
                _, position = decoder.raw_decode(text, start)
                found = read_calls(text[start:position], self._offered, ("parameters", "arguments"))
            except (ValueError, RecursionError):
                return None
            if found is None:
                return None
            calls += found
        return calls
