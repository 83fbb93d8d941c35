"""Python's patterns, found quickly: RE2 looks for a wider pattern first, and Python's own looks only where that may be.

Python's `re` tries every alternative at every character, a microsecond for lists of words. RE2 reads a text once, in
linear time, but has no look-around and no backreferences. So each pattern is compiled twice: as it is written, and for
RE2 without what RE2 lacks. Whatever the first one matches the second one matches from the same place, so nothing is
lost: a match of the second one says where to try, and the first one decides.

For RE2 a text is bytes, one for each character; all characters beyond ASCII are one byte, which every class that could
hold one of them holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import re2

SHORT, LONG = 12, 40_000
"""Characters of a text that Python alone reads as quickly, and of one in which a single search could be long."""
PER_SEARCH = 16
"""Characters for each search of RE2. Where more is found Python alone is as quick, and so the work has a bound."""
_MOST = 16
"""Repeats that are counted; more are any number."""
_REST = ord("?")
"""What stands for the characters beyond ASCII."""
_ALL = frozenset(range(128))
_DIGIT = frozenset(b"0123456789")
_WORD = frozenset(b"0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SPACE = frozenset(b" \t\n\r\f\v\x1c\x1d\x1e\x1f")
_SETS = {
    op.CATEGORY_DIGIT: _DIGIT,
    op.CATEGORY_WORD: _WORD,
    op.CATEGORY_SPACE: _SPACE,
    op.CATEGORY_NOT_DIGIT: _ALL - _DIGIT,
    op.CATEGORY_NOT_WORD: _ALL - _WORD,
    op.CATEGORY_NOT_SPACE: _ALL - _SPACE,
}
_FOLDED = {0x130: b"iI", 0x131: b"iI", 0x17F: b"sS", 0x212A: b"kK"}
"""Characters beyond ASCII that are, without regard to case, ASCII letters."""
_UNANCHORED = re2._re2.RE2.Anchor.UNANCHORED
_ANYTHING = "[\\x00-\\x7f]*?"


class QuickPattern:
    """A compiled pattern with the methods of `re.Pattern` that are used here, and their results.

    Args:
        pattern: for Python's `re`; must not match nothing.
    """

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self.plain = re.compile(pattern, flags)
        self.match, self.fullmatch, self.groupindex = self.plain.match, self.plain.fullmatch, self.plain.groupindex

    @cached_property
    def _wider(self) -> Any:
        """For RE2, compiled at the first use; without the wrapper's objects, which cost more than most searches."""
        return _compiled(wider(self.plain), 4 << 20)

    def search(self, text: str, pos: int = 0, endpos: int | None = None) -> re.Match[str] | None:
        """The first match in [pos, endpos) of `text`."""
        return next(self.finditer(text, pos, endpos), None)

    def finditer(self, text: str, pos: int = 0, endpos: int | None = None) -> Iterator[re.Match[str]]:
        """The same matches as `re.Pattern.finditer` gives."""
        end = len(text) if endpos is None else min(endpos, len(text))
        if not SHORT <= end - pos <= LONG:
            return self.plain.finditer(text, pos, end)
        return self._found(text, pos, end)

    def _found(self, text: str, pos: int, end: int) -> Iterator[re.Match[str]]:
        data = text.encode("ascii", "replace")
        search, match = self._wider.Match, self.plain.match
        for _ in range((end - pos) // PER_SEARCH):
            place = search(_UNANCHORED, data, pos, end)[0][0]
            if place < 0:
                return
            found = match(text, place, end)
            if found is None:
                pos = place + 1
            else:
                yield found
                pos = found.end()
        yield from self.plain.finditer(text, pos, end)


_NOTHING: frozenset[int] = frozenset()


class QuickSet:
    """Several patterns: one pass over a text says which of them could match at all.

    Args:
        patterns: compiled by Python; none may match nothing.
    """

    def __init__(self, patterns: Iterable[QuickPattern | re.Pattern[str]]) -> None:
        self._plain = tuple(p.plain if isinstance(p, QuickPattern) else p for p in patterns)
        self._everything = frozenset(range(len(self._plain)))

    @cached_property
    def _set(self) -> Any:
        options = re2.Options()
        options.never_capture = True
        options.max_mem = 8 << 20
        options.encoding = re2.Options.Encoding.LATIN1
        found = re2.Set.SearchSet(options)
        for pattern in self._plain:
            found.Add(wider(pattern).encode("ascii"))
        found.Add(b"\xff")
        found.Compile()
        return found

    def may(self, text: str) -> frozenset[int]:
        """The numbers of those that may match somewhere in `text`; all others match nowhere in it."""
        if len(text) > LONG:
            return self._everything
        # The last one always matches: where it does not, RE2 ran out of memory.
        found = self._set.Match(text.encode("ascii", "replace") + b"\xff") or ()
        if len(self._plain) not in found:
            return self._everything
        return self._everything.intersection(found) if len(found) > 1 else _NOTHING


class QuickWords:
    """Some words of ASCII letters: one pass over a text says whether any of them stands in it by itself.

    Case does not matter, and any sign that is no ASCII letter ends a word.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(sorted(words))

    @cached_property
    def _found(self) -> Any:
        return _compiled(f"(?i)(?:^|[^a-z])(?:{'|'.join(self._words)})(?:[^a-z]|$)", 8 << 20)

    def any_in(self, text: str) -> bool:
        return bool(self._found.Match(_UNANCHORED, text.encode("ascii", "replace"), 0, len(text))[0][0] >= 0)


def _compiled(pattern: str, memory: int) -> Any:
    """RE2's own object for a pattern of ASCII; `memory` is in bytes.

    Raises:
        re2.error: RE2 does not take the pattern, or it needs more memory.
    """
    options = re2.Options()
    options.never_capture = True
    options.max_mem = memory
    options.encoding = re2.Options.Encoding.LATIN1
    found = re2._re2.RE2(pattern.encode("ascii"), options)
    if not found.ok():
        raise re2.error(found.error())
    return found


def wider(pattern: re.Pattern[str]) -> str:
    """A pattern for RE2, of bytes, that matches wherever `pattern` does.

    Raises:
        NotImplementedError: Python's `re` has something new.
        ValueError: `pattern` matches nothing, which cannot be looked for.
    """
    parsed = _parser.parse(pattern.pattern, pattern.flags)
    if parsed.getwidth()[0] == 0:
        raise ValueError("a pattern that matches the empty string cannot be looked for")
    return _sequence(parsed, pattern.flags)


def _sequence(parsed: Iterable[tuple[Any, Any]], flags: int) -> str:
    return "".join(_one(kind, value, flags) for kind, value in parsed)


def _one(kind: Any, value: Any, flags: int) -> str:
    if kind in (op.AT, op.ASSERT, op.ASSERT_NOT):
        return ""
    if kind in (op.GROUPREF, op.GROUPREF_EXISTS):
        return _ANYTHING
    if kind is op.LITERAL:
        return _class(_characters([value], flags))
    if kind is op.NOT_LITERAL:
        return _class(_ALL - {value} | {_REST})
    if kind is op.ANY:
        return _class(_ALL if flags & re.DOTALL else _ALL - {10})
    if kind is op.IN:
        return _class(_set(value, flags))
    if kind is op.BRANCH:
        return f"(?:{'|'.join(_sequence(branch, flags) for branch in value[1])})"
    if kind is op.SUBPATTERN:
        _, added, removed, inner = value
        return f"(?:{_sequence(inner, (flags | added) & ~removed)})"
    if kind is op.ATOMIC_GROUP:
        return f"(?:{_sequence(value, flags)})"
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        least, most, inner = value
        many = "" if most is op.MAXREPEAT or most > _MOST else most
        # The shortest is enough, and RE2 need not read on.
        return f"(?:{_sequence(inner, flags)}){{{min(least, _MOST)},{many}}}?"
    raise NotImplementedError(f"{kind} in a pattern")


def _set(items: Iterable[tuple[Any, Any]], flags: int) -> frozenset[int]:
    codes: list[int] = []
    found: frozenset[int] = frozenset()
    negated = False
    for kind, value in items:
        if kind is op.NEGATE:
            negated = True
        elif kind is op.LITERAL:
            codes.append(value)
        elif kind is op.RANGE:
            first, last = value
            codes += range(first, min(last, 127) + 1)
            codes += [last] if last > 127 else []
        elif kind is op.CATEGORY:
            found |= _SETS[value]
        else:
            raise NotImplementedError(f"{kind} in a set")
    if negated:  # letters in the other case stay in
        return _ALL - found - {code for code in codes if code < 128} | {_REST}
    beyond = {_REST} if found else set()
    return found | _characters(codes, flags) | beyond


def _characters(codes: Iterable[int], flags: int) -> frozenset[int]:
    """The bytes for characters, in both cases where case does not matter."""
    found: set[int] = set()
    for code in codes:
        found.add(code if code < 128 else _REST)
        if flags & re.IGNORECASE:
            both = [ord(c) for c in (chr(code).lower() + chr(code).upper())]
            found.update(c if c < 128 else _REST for c in both)
            found.update(_FOLDED.get(code, b""))
            if chr(code) in "iIsSkK":
                found.add(_REST)
    return frozenset(found)


def _class(codes: frozenset[int]) -> str:
    return "[" + "".join(f"\\x{code:02x}" for code in sorted(codes)) + "]"
