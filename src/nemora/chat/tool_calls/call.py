"""A tool call as a model wrote it, and how the JSON families spell it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

from nemora.core import Json

Offered: TypeAlias = Mapping[str, Mapping[str, Json] | None]
"""The tools that may be called: name to JSON schema of the arguments, None where the client gave none."""


class Call(NamedTuple):
    """A call that could be read. `arguments` is JSON text of an object."""

    name: str
    arguments: str


class ToolCallParser(Protocol):
    """Finds tool calls in one answer's text. What it cannot read comes back as text."""

    def feed(self, text: str) -> list[str | Call]:
        """Text and calls that are certain now, in order."""
        ...

    def flush(self) -> list[str | Call]:
        """What is left at the end."""
        ...


def read_calls(text: str, offered: Collection[str], arguments_keys: Collection[str]) -> list[Call] | None:
    """The calls that a JSON object, or a list of them, asks for; None if any is malformed or was not offered.

    Raises:
        json.JSONDecodeError: `text` is not JSON.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        return None
    entries = value if isinstance(value, list) else [value]
    calls = [_read_call(entry, offered, arguments_keys) for entry in entries]
    found = [call for call in calls if call is not None]
    return found if found and len(found) == len(calls) else None


def _read_call(entry: Any, offered: Collection[str], arguments_keys: Collection[str]) -> Call | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or entry["name"] not in offered:
        return None
    arguments: Any = next((entry[key] for key in arguments_keys if key in entry), {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return None
    if not isinstance(arguments, dict):
        return None
    return Call(entry["name"], json.dumps(arguments, ensure_ascii=False))
