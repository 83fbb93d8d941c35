# ruff: noqa: E501 (tables)
"""Texts as they really arrive: mistyped, in capitals, without punctuation, read by a scanner, quoted, among other lines.

Every change works on pieces, so spans stay where their text is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from nemora.train.span_text import Piece, mapped

_CODES = frozenset({"EMAIL", "URL", "PASSWORD", "SECRET", "HOST", "BIOMETRIC", "HANDLE"})
_SCANNED = {
    "l": "1",
    "I": "l",
    "O": "0",
    "0": "O",
    "S": "5",
    "B": "8",
    "rn": "m",
    "m": "rn",
    "e": "c",
    "5": "S",
    "1": "l",
}


def disturbed(pieces: Sequence[Piece], draw: random.Random) -> list[Piece]:
    """The pieces with one or two changes."""
    changed = list(pieces)
    for change in draw.sample(CHANGES, draw.choice([1, 1, 2])):
        changed = change(changed, draw)
    return changed


def _only(pieces: Sequence[Piece], change: Callable[[str], str]) -> list[Piece]:
    """Not in keys, addresses and passwords, which would become others."""
    return [(part, kind) if kind in _CODES else mapped([(part, kind)], change)[0] for part, kind in pieces]


def lower(pieces: Sequence[Piece], draw: random.Random) -> list[Piece]:
    """Without capitals, as in a chat."""
    return _only(pieces, str.lower)


def upper(pieces: Sequence[Piece], draw: random.Random) -> list[Piece]:
    """All capitals, as in forms."""
    return _only(pieces, str.upper)


def upper_values(pieces: Sequence[Piece], draw: random.Random) -> list[Piece]:
    """Values in capitals, the words around them not."""
    return [(part.upper() if kind and kind not in _CODES else part, kind) for part, kind in pieces]


def unpunctuated(pieces: Sequence[Piece], draw: random.Random) -> list[Piece]:
    """Without commas and full stops between the words."""
    return [(part if kind else part.replace(", ", " ").replace(". ", " ").rstrip("."), kind) for part, kind in pieces]


def mistyped(pieces: Sequence[Piece], draw: random.Random) -> list[Piece]:
    """Letters lost, doubled, swapped: rarely in values, where the spelling matters."""

    def change(part: str, share: float) -> str:
        letters = list(part)
        for at, letter in enumerate(letters):
            if letter.isalpha() and draw.random() < share:
                letters[at] = draw.choice(["", letter * 2, letter.swapcase(), draw.choice("aeiounrst")])
        typed = "".join(letters)
        return typed if typed.strip() else part

    return [(change(part, 0.004 if kind else 0.02), kind) for part, kind in pieces]


def scanned(pieces: Sequence[Piece], draw: random.Random) -> list[Piece]:
    """Characters taken for others, spaces gone or doubled, as from a scanner."""

    def change(part: str) -> str:
        out = "".join(_SCANNED.get(c, c) if draw.random() < 0.03 else c for c in part)
        return "".join(c + (" " if c == " " and draw.random() < 0.08 else "") for c in out)

    return mapped(pieces, change)


def flattened(pieces: Sequence[Piece], draw: random.Random) -> list[Piece]:
    """On one line."""
    gap = draw.choice([" ", " ", " | ", "; "])
    return [(part.replace("\n", gap), kind) for part, kind in pieces]


def quoted(pieces: Sequence[Piece], draw: random.Random) -> list[Piece]:
    """As a quoted mail. A mark inside a value becomes part of it, as a line end already was."""
    mark = draw.choice(["> ", ">> ", "| ", "    "])
    return [(mark, None), *((part.replace("\n", "\n" + mark), kind) for part, kind in pieces)]


def framed(pieces: Sequence[Piece], draw: random.Random) -> list[Piece]:
    """Between words that users and programs put around a text."""
    before, after = draw.choice(FRAMES)
    return [(before, None), *pieces, (after, None)]


FRAMES = (
    ("user: ", ""), ("Summarise this:\n\n", ""), ("<document>\n", "\n</document>"), ("```\n", "\n```"),
    ("Translate to French: ", ""), ("", "\n\nAnswer briefly."), ("tool_result: ", ""), ("Fix the grammar:\n", ""),
    ('"""\n', '\n"""'), ("[INST] ", " [/INST]"), ("fyi\n\n---------- Forwarded message ----------\n", ""),
    ("Extract all entities from the text below.\n\n", ""), ("- ", ""), ("1. ", ""), ("Human: ", "\n\nAssistant:"),
)  # fmt: skip
CHANGES = (
    lower,
    lower,
    upper,
    upper_values,
    unpunctuated,
    mistyped,
    mistyped,
    scanned,
    flattened,
    quoted,
    framed,
    framed,
)
