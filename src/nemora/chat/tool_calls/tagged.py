"""Tool calls as JSON between two tags, anywhere in an answer."""

from __future__ import annotations

import json
from collections.abc import Collection

from nemora.chat.stop import held_length
from nemora.chat.tool_calls.call import Call, read_calls


class TaggedCalls:
    """Finds `open`, a JSON object or list, and `close`. A `ToolCallParser`."""

    def __init__(self, open_tag: str, close_tag: str, offered: Collection[str]) -> None:
        self._open, self._close = open_tag, close_tag
        self._offered = offered
        self._held = ""
        self._inside = False
        self._search_from = 0
        self._after_call = False

    def feed(self, text: str) -> list[str | Call]:
        self._held += text
        found: list[str | Call] = []
        while self._advance(found):
            pass
        return found

    def flush(self) -> list[str | Call]:
        held, self._held = self._held, ""
        if not self._inside:
            return self._text(held)
        self._inside = False
        calls = self._unclosed(held)
        return list(calls) if calls else [self._open + held]

    def _unclosed(self, body: str) -> list[Call] | None:
        """The calls of a last block, if only its closing tag is missing."""
        try:
            return read_calls(body, self._offered, ("arguments", "parameters"))
        except json.JSONDecodeError:
            return None

    def _advance(self, found: list[str | Call]) -> bool:
        """Take one step through what is held; False when more text is needed."""
        if self._inside:
            return self._body(found)
        at = self._held.find(self._open)
        certain = at if at >= 0 else len(self._held) - held_length(self._held, (self._open,))
        found += self._text(self._held[:certain])
        self._held = self._held[certain:]
        if at < 0:
            return False
        self._held = self._held[len(self._open) :]
        self._inside, self._search_from = True, 0
        return True

    def _body(self, found: list[str | Call]) -> bool:
        at = self._held.find(self._close, self._search_from)
        if at < 0:
            self._search_from = max(self._search_from, len(self._held) - len(self._close) + 1)
            return False
        try:
            calls = read_calls(self._held[:at], self._offered, ("arguments", "parameters"))
        except json.JSONDecodeError as error:
            if error.msg.startswith("Unterminated string"):  # this closing tag stands inside a string
                self._search_from = at + len(self._close)
                return True
            calls = None
        self._end_block(found, calls, at + len(self._close))
        return True

    def _end_block(self, found: list[str | Call], calls: list[Call] | None, end: int) -> None:
        """The block goes to `end` of what is held; without calls it is text."""
        found += calls if calls else [self._open + self._held[:end]]
        self._after_call = calls is not None
        self._held, self._inside = self._held[end:], False

    def _text(self, text: str) -> list[str | Call]:
        """White space after a call is no text."""
        if self._after_call:
            text = text.lstrip()
            self._after_call = not text
        return [text] if text else []
