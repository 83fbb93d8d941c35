"""Encodings in which text hides, for tests of reading."""

from __future__ import annotations

import base64
from collections.abc import Callable

ENCODE: dict[str, Callable[[str], str]] = {
    "base64": lambda t: base64.b64encode(t.encode()).decode(),
    "base32": lambda t: base64.b32encode(t.encode()).decode(),
    "hex": lambda t: t.encode().hex(),
    "url": lambda t: "".join(f"%{b:02x}" for b in t.encode()),
    "html": lambda t: "".join(f"&#x{ord(c):x};" for c in t),
    "json": lambda t: "".join(f"\\u{ord(c):04x}" for c in t),
}


def encoded(text: str, ways: tuple[str, ...]) -> str:
    for way in ways:
        text = ENCODE[way](text)
    return text
