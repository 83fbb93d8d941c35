"""A number that a word of its country announces and a check digit confirms: the row of a table, and how it is found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from nemora.privacy.detectors.context import NEAR_AFTER, NEAR_BEFORE, digit_windows, key_pattern, names, near
from nemora.privacy.detectors.public_values import COUNTING, SAMPLE_NATIONAL_IDS
from nemora.privacy.literals import Literals
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

_SEPARATORS = re.compile(r"[ ./+-]")


@dataclass(frozen=True, slots=True)
class KeyedNumber:
    """`shape` as written; `valid` on the upper-case characters without separators.

    `words` are literals in lower case: one must stand in the text, near the value, unless `alone`, the confidence of a
    valid value by itself, is not 0. A value that fails its check is no finding here.
    """

    country: str
    shape: QuickPattern
    valid: Callable[[str], bool]
    words: tuple[str, ...]
    alone: float = 0.0
    key: QuickPattern = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", key_pattern("|".join(re.escape(word) for word in self.words)))


def keyed_number(country: str, shape: str, valid: Callable[[str], bool], words: str, alone: float = 0.0) -> KeyedNumber:
    """A row; `words` are parted by "|"."""
    pattern = QuickPattern(rf"(?<![\w.-])(?:{shape})(?![\w]|[-.]\d)", re.IGNORECASE)
    return KeyedNumber(country, pattern, valid, tuple(words.split("|")), alone)


class NumberRows(tuple[KeyedNumber, ...]):
    """A table of numbers, and what its rows have in common."""

    @cached_property
    def words(self) -> Literals:
        """The words of all rows."""
        return Literals(word for row in self for word in row.words)

    @cached_property
    def key(self) -> QuickPattern:
        """Any row's key."""
        return key_pattern("|".join(re.escape(word) for row in self for word in row.words))

    @cached_property
    def shapes(self) -> QuickSet:
        """The shapes of all rows, in their order."""
        return QuickSet(row.shape for row in self)


def find_numbers(rows: NumberRows, text: str, label: str) -> Iterator[tuple[tuple[int, int], float]]:
    """Spans and confidences."""
    windows = digit_windows(text)
    if not windows:
        return
    there = rows.words.there(text.lower())
    some_labelled = names(rows.key, label)
    for place in sorted(rows.shapes.may(text)):
        row = rows[place]
        labelled = some_labelled and names(row.key, label)
        worded = labelled or not there.isdisjoint(row.words)
        if not worded and not row.alone:
            continue
        for start, end in windows if row.alone or labelled else _around_keys(row.key, text):
            for match in row.shape.finditer(text, start, end):
                value = _SEPARATORS.sub("", match.group()).upper()
                if value in SAMPLE_NATIONAL_IDS or value in COUNTING or len(set(value)) < 3 or not row.valid(value):
                    continue
                if labelled or (worded and near(row.key, text, *match.span())):
                    yield match.span(), 0.97
                elif row.alone:
                    yield match.span(), row.alone


def _around_keys(key: QuickPattern, text: str) -> Iterator[tuple[int, int]]:
    """Stretches around the keys in which their value may stand, without overlaps."""
    start = end = 0
    for match in key.finditer(text):
        if match.start() - NEAR_AFTER > end:
            if end:
                yield start, end
            start = match.start() - NEAR_AFTER
        end = match.end() + NEAR_BEFORE + 24
    if end:
        yield max(0, start), end
