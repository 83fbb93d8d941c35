"""How deep in JSON a place of a streamed text stands: a string of JSON may hold JSON, whose strings hold JSON again.

A string holds JSON where it begins an object or a list and is right JSON so far; `[draft] "so"` is not. Bare strings
and numbers do not count: `"\\"so\\", he said"` is prose. Nothing is held back, and each piece is read once per level.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r'[^"\\]+')
_BLANK = re.compile(r"[ \t\r\n]+")
_SCALAR = re.compile(r"[-+.\w]+")
_WORDS = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
_NUMBER = re.compile(r"-?\d[\d.eE+-]*|-")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_AFTER = {"{": "key or end", "[": "value or end"}


class JsonNesting:
    """Follows JSON text, piece by piece.

    Args:
        deepest: levels below that are not told apart: `depth` is at most one more.
        bare: whether a single string or number counts as JSON too, as it does for a whole text.
    """

    def __init__(self, deepest: int, *, bare: bool = True) -> None:
        self._deepest = deepest
        self._open: list[str] = []
        self._state = "value" if bare else "start"
        self._scalar = ""
        self._escape = ""
        self._in_key = False
        self._in_string = False
        self._inner: JsonNesting | None = None

    @property
    def depth(self) -> int:
        """How many strings are open here, each inside the JSON of the one before."""
        if not self._in_string:
            return 0
        return 1 + (self._inner.depth if self._inner is not None else 0)

    @property
    def _failed(self) -> bool:
        return self._state == "none"

    def feed(self, text: str) -> None:
        """The next piece of the text."""
        at = 0
        while at < len(text) and not self._failed:
            at = self._string(text, at) if self._in_string else self._structure(text, at)

    def _string(self, text: str, at: int) -> int:
        if self._escape:
            return self._escaped(text, at)
        plain = _PLAIN.match(text, at)
        if plain is not None:
            self._said(plain.group())
            return plain.end()
        if text[at] == "\\":
            self._escape = "\\"
        else:
            self._in_string, self._inner = False, None
            self._state = "colon" if self._in_key else "comma"
        return at + 1

    def _escaped(self, text: str, at: int) -> int:
        self._escape += text[at]
        if self._escape[1] != "u":
            self._said(_ESCAPES.get(self._escape[1], self._escape[1]))
        elif len(self._escape) < 6:
            return at + 1
        else:
            digits = self._escape[2:]
            self._said(chr(int(digits, 16)) if re.fullmatch(r"[0-9A-Fa-f]{4}", digits) else digits)
        self._escape = ""
        return at + 1

    def _said(self, plain: str) -> None:
        """What the open string says goes on with `plain`."""
        if self._inner is not None and not self._inner._failed:
            self._inner.feed(plain)

    def _structure(self, text: str, at: int) -> int:
        if self._scalar or (self._state.startswith("value") and _SCALAR.match(text, at)):
            return self._scalars(text, at)
        blank = _BLANK.match(text, at)
        if blank is not None:
            return blank.end()
        self._sign(text[at])
        return at + 1

    def _scalars(self, text: str, at: int) -> int:
        """A number or a word, which may go on in the next piece."""
        found = _SCALAR.match(text, at)
        if found is None:
            self._scalar, self._state = "", "comma"
            return at
        self._scalar = (self._scalar + found.group())[:32]  # enough to tell; the rest of a number is digits
        if not _NUMBER.fullmatch(self._scalar) and not any(word.startswith(self._scalar) for word in _WORDS):
            self._state = "none"
        return found.end()

    def _sign(self, sign: str) -> None:
        """One of `{}[],:"` where it may stand; anything else ends the reading."""
        state = self._state
        if sign in _AFTER and (state in ("start", "value", "value or end")):
            self._open.append(sign)
            self._state = _AFTER[sign]
        elif sign == '"' and state in ("value", "value or end", "key", "key or end"):
            self._in_string, self._in_key = True, state.startswith("key")
            self._inner = JsonNesting(self._deepest - 1, bare=False) if self._deepest else None
        elif sign == ":" and state == "colon":
            self._state = "value"
        elif sign == "," and state == "comma" and self._open:
            self._state = "key" if self._open[-1] == "{" else "value"
        elif sign in "}]" and self._open and (state == "comma" or state.endswith("end")):
            self._state = "comma" if self._open.pop() == {"}": "{", "]": "["}[sign] else "none"
        else:
            self._state = "none"
