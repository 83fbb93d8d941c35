"""What stands around a value: the key before it, the words near it, the label of its field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from nemora.privacy.quick_pattern import QuickPattern

NEAR_BEFORE = 60
NEAR_AFTER = 40

# Between a key and its value: punctuation, quotes, markup, and the small words of a sentence.
# It ends in something that is no letter, so that "accountant 5" is not "account" + value.
_GLUE = (
    r"(?:[\s\"'`“”‘’«»*_:=#>|(\[{\\,/-]|(?<![A-Za-z])(?:is|was|are|be|number|numbers|num|no|nr|id|code|value|of|for"
    r"|the|my|his|her|"
    r"our|your|on|file|last|new|old|current|ist|lautet|es|est|son|é|è|er|är|numéro|numero|número|nummer|to|as|in|with|"
    r"would be|changed|card)(?![A-Za-z])\.?|[是为為はの：]){0,%d}"
)


def word(pattern: str) -> str:
    """A pattern for a key: it may stand in an identifier (`user_ssn`, `userSsn`), but not inside a longer word."""
    return rf"(?:(?<![A-Za-z])|(?-i:(?<=[a-z])(?=[A-Z])))(?:{pattern})(?-i:(?![a-z])(?!(?<=[A-Z])[A-Z]))"


def key_pattern(words: str) -> QuickPattern:
    """Compile a key for `near`, `names` and `keyed_values`."""
    return QuickPattern(word(words), re.IGNORECASE)


def label_words(label: str) -> str:
    """A field name as words: `dbPassword` and `db-password` give "db password"."""
    # Vowel signs and tones of Indian scripts and Thai are no word characters to Python.
    return re.sub(r"[^\w\u0900-\u0eff]+|_+", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", label)).strip()


def names(key: QuickPattern, label: str) -> bool:
    """Whether a field's label is such a key."""
    return bool(label) and (_names if len(label) <= _REMEMBERED else _names.__wrapped__)(key, label)


_REMEMBERED = 40
"""Characters of a label; the same few stand over all values of a file, and each is held against a hundred keys."""


@lru_cache(maxsize=4096)
def _names(key: QuickPattern, label: str) -> bool:
    words = label_words(label)
    return bool(words) and (key.search(words) or key.search(words.upper())) is not None


def near(key: QuickPattern, text: str, start: int, end: int) -> bool:
    """Whether a key stands close before, or closer behind, [start, end)."""
    before = text[max(0, start - NEAR_BEFORE) : start]
    return key.search(before) is not None or key.search(text[end : end + NEAR_AFTER]) is not None


def keyed_pattern(words: str, value: str, *, glue: int = 10) -> QuickPattern:
    """`key glue value` in one pattern; group `value` is the value. `glue` bounds the pieces between the two."""
    return QuickPattern(rf"{word(words)}{_GLUE % glue}(?<![A-Za-z])(?P<value>{value})", re.IGNORECASE)


# Four digits, close together: what every value has that only a key gives meaning to.
_DIGITS = re.compile(r"\d(?:\D{0,7}\d){3,40}")
_WINDOW_BEFORE, _WINDOW_AFTER = 120, 60


@lru_cache(maxsize=1)  # a dozen detectors ask for those of one text in turn
def digit_windows(text: str) -> tuple[tuple[int, int], ...]:
    """Stretches of text in which a keyed number may stand, without overlaps. Long texts hold few."""
    windows: list[tuple[int, int]] = []
    start = end = 0
    for match in _DIGITS.finditer(text):
        if match.start() - _WINDOW_BEFORE > end:
            if end:
                windows.append((start, end))
            start = match.start() - _WINDOW_BEFORE
        end = match.end() + _WINDOW_AFTER
    if end:
        windows.append((max(0, start), end))
    return tuple(windows)


def keyed_values(
    pattern: QuickPattern, bare: re.Pattern[str], key: QuickPattern, text: str, label: str
) -> Iterator[tuple[int, int]]:
    """Spans of numbers that follow their key, or that are all of a field whose label is the key."""
    if names(key, label) and (match := bare.fullmatch(text.strip())):
        offset = len(text) - len(text.lstrip())
        yield offset + match.start(), offset + match.end()
    for start, end in digit_windows(text):
        for match in pattern.finditer(text, start, end):
            yield match.span("value")
