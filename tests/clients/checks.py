"""What the scripts of clients share: the server's address, what its model says, and one line of JSON for each check."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

BASE = sys.argv[1] if len(sys.argv) > 1 else ""
"""The server's address, without a path."""
MODEL = "local"
NO_MODEL = "no-such-model"
KEY = "none"
HELLO = "Hello from Nemora, said in small pieces."
CITY, NUMBER = "Bonn", 7
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FORECAST = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
RAIN = "rain, 12 degrees"
TOLD = f"The tool said: {RAIN}"
TOO_LONG = "word " * 4_000
"""More than the model's context."""


def run(**checks: Callable[[], None]) -> None:
    """Make the checks one after the other and print what became of each."""
    for name, check in checks.items():
        problem = ""
        try:
            check()
        except Exception as error:  # noqa: BLE001 - whatever a client raises is the finding
            problem = f"{type(error).__name__}: {error}"[:600] or "it failed"
        print(json.dumps({"check": name, "problem": problem}), flush=True)


def same(found: object, expected: object) -> None:
    """Raise unless both are equal."""
    if found != expected:
        raise AssertionError(f"{found!r} is not {expected!r}")


def raises(kind: type[Exception] | tuple[type[Exception], ...], ask: Callable[[], object]) -> Exception:
    """The error of that kind that `ask` raises."""
    try:
        found = ask()
    except kind as error:
        return error
    raise AssertionError(f"no error, but {found!r}")
