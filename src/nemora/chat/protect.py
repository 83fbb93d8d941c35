"""Keeps the text of a request from becoming markup of its prompt.

A template mixes its own markup with the client's text, trims, replaces and joins, so afterwards nothing says which
`<|im_end|>` is whose. Therefore the client's text is rendered with stand-ins: every character that special tokens are
made of (`<`, `|`, `>` …) is replaced by a private-use character before rendering. In the result, special tokens are the
template's own, by construction; then the stand-ins are turned back in the plain pieces between them.

What this costs: a template that looks for markup inside the client's text (`'</think>' in content`) does not find it.
Reasoning and tool calls reach the template in fields of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from nemora.core import Json
from nemora.errors import RequestError

FIRST_STAND_IN = 0xF0000
"""Plane 15, private use. Text that already has these characters moves the stand-ins further up."""
LAST_STAND_IN = 0x10FF00
MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Markup:
    """What a vocabulary's special tokens are made of.

    `characters` are replaced. `cores` are what is left of a token between them, such as `im_end`: a template could
    write `<|`, a client's word and `|>`, so a string that is a core as a whole is broken too.
    """

    characters: frozenset[str]
    cores: frozenset[str]

    @classmethod
    def of(cls, special_tokens: Iterable[str]) -> Markup:
        """The markup of these tokens."""
        characters: set[str] = set()
        cores: set[str] = set()
        for token in special_tokens:
            # "_", "/" and "-" stand in words that templates look for ("/no_think"); JSON needs '"' and "\\".
            marks = {c for c in token if not (c.isalnum() or c.isspace() or c in '_/-"\\')}
            characters |= marks or {token[0]}
            inner = token.strip("".join(marks))
            cores |= {inner, inner.strip("_/-")}
        return cls(frozenset(characters), frozenset(cores - {""}))


class StandIns:
    """The replacement for one prompt: `protect` before rendering, `restore` after.

    Args:
        texts: everything that the replacement must not collide with: the template and all strings of the request.
    """

    def __init__(self, markup: Markup, texts: Iterable[str]) -> None:
        characters = sorted(markup.characters)
        self._cores = markup.cores
        first = _free_range(len(characters) + 1, texts)
        pairs = {character: chr(first + n) for n, character in enumerate(characters)}
        self._break = chr(first + len(characters))
        self._protect = str.maketrans(pairs)
        self._restore = str.maketrans({b: a for a, b in pairs.items()} | {self._break: ""})
        self._escapes = {_escape(b): a for a, b in pairs.items()} | {_escape(self._break): ""}

    def protect(self, text: str) -> str:
        """`text` with stand-ins for markup."""
        return text[0] + self._break + text[1:] if text in self._cores else text.translate(self._protect)

    def protect_json(self, value: Json, depth: int = 0) -> Json:
        """All strings of a value protected, keys too.

        Raises:
            RequestError: it is nested too deeply.
        """
        if depth > MAX_DEPTH:
            raise RequestError(f"A JSON value is nested more than {MAX_DEPTH} deep; a template cannot render it.")
        if isinstance(value, str):
            return self.protect(value)
        if isinstance(value, list):
            return [self.protect_json(item, depth + 1) for item in value]
        if isinstance(value, dict):
            return {self.protect(key): self.protect_json(item, depth + 1) for key, item in value.items()}
        return value

    def restore(self, text: str) -> str:
        """The original characters, also where a template wrote the stand-ins as JSON escapes."""
        restored = text.translate(self._restore)
        if "\\udb" in restored:
            for escape, character in self._escapes.items():
                restored = restored.replace(escape, character)
        return restored


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1]


def _free_range(count: int, texts: Iterable[str]) -> int:
    """The first of `count` private-use characters in a row that no text has, plain or escaped."""
    used: set[int] = set()
    for text in texts:
        if not text.isascii():
            used.update(ord(c) for c in set(text) if ord(c) >= FIRST_STAND_IN)
        if "\\udb" in text:
            used.update(code for code in range(FIRST_STAND_IN, FIRST_STAND_IN + 0x400) if _escape(chr(code)) in text)
    first = FIRST_STAND_IN
    while not used.isdisjoint(range(first, first + count)):
        first += count
    if first + count > LAST_STAND_IN:
        raise RequestError("The text uses all private-use characters; at least a few must be free.")
    return first
