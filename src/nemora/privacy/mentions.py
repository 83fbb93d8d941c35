"""Where a value that was found once stands again, though no detector saw it there: in other case, other spacing, a name
by its first or last word alone.

Only whole words count: "Ann" is not found in "Annual".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from nemora.privacy.escapes import undo_escapes
from nemora.privacy.finding import Kind
from nemora.privacy.mapped_text import MappedText
from nemora.privacy.normalise import normalise
from nemora.privacy.parts import MASKED, parts
from nemora.privacy.person_words import PARTICLES, TITLE
from nemora.privacy.placeholder import AS_TEXT, NAME_WORD

_NOT_IN_WORD, _NOT_BEFORE_WORD = r"(?<![^\W_])", r"(?![^\W_])"
_NOT_BEFORE_WORD_BUT_S = r"(?=s?(?![^\W_]))"
"""A name may stand in the genitive of German and its neighbours: "Annas"."""
_BETWEEN_NAMES = r"(?:,?\s{0,3}|[._+\-]{1,2})"
_WITHIN_NUMBER = r"[\s.:\-/()]{0,3}"
_NO_SPACES = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\u0e00-\u0eff]")
"""Scripts that write no spaces between words."""
_DATA = re.compile(r"[A-Za-z0-9+/_=-]{40,}")
_DATA_STRETCH = re.compile(r"[A-Za-z0-9+]{24}")
LEAST_VALUE, LEAST_DIGITS, LEAST_PART = 4, 6, 3
_NUMBERS = frozenset(
    {
        *(Kind.PHONE_NUMBER, Kind.PAYMENT_CARD, Kind.IBAN, Kind.BANK_ACCOUNT, Kind.US_SSN),
        *(Kind.GOVERNMENT_ID, Kind.MEDICAL_RECORD, Kind.MAC_ADDRESS),
    }
)


class Mention(NamedTuple):
    """[start, end) of a text, and the kind of the value that is meant there."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Pattern:
    kind: Kind
    expression: re.Pattern[str]
    needle: str
    """In lower case; a text without it holds no mention."""
    is_part: bool = False


@dataclass(slots=True)
class Known:
    """The values of one request, to be looked for."""

    _patterns: dict[str, _Pattern] = field(default_factory=dict)

    def add(self, kind: Kind, value: str) -> None:
        """Look for `value` from now on."""
        for pattern in _patterns(kind, value):
            self._patterns.setdefault(pattern.expression.pattern, pattern)

    def add_weak(self, kind: Kind, value: str) -> None:
        """Look for a value of which nobody is sure: a name as it is written, what holds a digit, nothing else."""
        for pattern in _patterns(kind, value):
            if pattern.is_part or any(map(str.isdigit, value)):
                self._patterns.setdefault(pattern.expression.pattern, pattern)

    def add_parts(self, kind: Kind, value: str) -> None:
        """Look for what may stand for `value` elsewhere (see `parts`)."""
        for part_kind, expression in parts(kind, value):
            self._patterns.setdefault(expression, _Pattern(part_kind, re.compile(expression), "", is_part=True))

    def add_masks(self) -> None:
        """Look for what is left of values that were masked by hand."""
        for kind, expression in MASKED:
            self._patterns.setdefault(expression.pattern, _Pattern(kind, expression, ""))

    def mentions(self, text: str) -> list[Mention]:
        """Every mention in `text`, in no order; they may overlap. Disguises and escapes of characters are undone."""
        found = [(layer, mention) for layer in readings(text) for mention in self._in(layer.text)]
        return [Mention(*layer.original_span(m.start, m.end), m.kind) for layer, m in found]

    def _in(self, text: str) -> list[Mention]:
        """Mentions in a readable text. Parts of names inside encoded data are chance, and stay."""
        lowered = text.lower()
        data: list[tuple[int, int]] | None = None
        found = []
        for pattern in self._patterns.values():
            if pattern.needle not in lowered:
                continue
            for match in pattern.expression.finditer(text):
                start, end = match.span("part" if "part" in match.groupdict() else 0)
                if pattern.is_part:
                    data = data_runs(text) if data is None else data
                    if any(low <= start and end <= high for low, high in data):
                        continue
                found.append(Mention(start, end, pattern.kind))
        return found


def readings(text: str) -> list[MappedText]:
    """A text with the disguises of its characters undone, and once more with their escapes undone."""
    plain = normalise(text)
    undone = undo_escapes(plain.text)
    return [plain] if undone is None else [plain, plain.through(undone.text)]


def data_runs(text: str) -> list[tuple[int, int]]:
    """Runs that look like base64 or a hash rather than words or a path."""
    return [run.span() for run in _DATA.finditer(text) if _DATA_STRETCH.search(run.group())]


def widened(text: str, start: int, end: int) -> tuple[int, int]:
    """A span over the whole of the words at its ends: half a word must not stay behind."""
    while start > 0 and end > start and _in_one_word(text[start - 1], text[start]):
        start -= 1
    while end < len(text) and end > start and _in_one_word(text[end - 1], text[end]):
        end += 1
    return start, end


def _in_one_word(left: str, right: str) -> bool:
    return left.isalnum() and right.isalnum() and not (_NO_SPACES.match(left) or _NO_SPACES.match(right))


def _patterns(kind: Kind, value: str) -> Iterator[_Pattern]:
    if kind is Kind.PERSON_NAME:
        yield from _names(value)
    elif kind in _NUMBERS:
        kept = [c for c in value if c.isalnum()]
        if len(kept) >= LEAST_DIGITS:
            yield _Pattern(kind, _bounded(_WITHIN_NUMBER.join(map(re.escape, kept)), value), kept[0].lower())
    elif len(value) >= LEAST_VALUE:
        words = value.split() if kind in AS_TEXT else [value]
        yield _Pattern(kind, _bounded(r"[\s,]+".join(re.escape(w.strip(",")) for w in words), value), _needle(words[0]))


def _names(value: str) -> Iterator[_Pattern]:
    words = NAME_WORD.findall(value)
    if not words:
        return
    if len(words) == 1 and _NO_SPACES.search(value):
        yield _Pattern(Kind.PERSON_NAME, re.compile(re.escape(value)), value.lower())
        return
    yield _Pattern(Kind.PERSON_NAME, _bounded(r"\s+".join(map(re.escape, value.split())), value), _needle(words[0]))
    if len(words) > 1:
        for order in (words, [*words[1:], words[0]], [words[-1], *words[:-1]]):
            joined = _BETWEEN_NAMES.join(map(re.escape, order))
            yield _Pattern(Kind.PERSON_NAME, _bounded(joined, value, _NOT_BEFORE_WORD_BUT_S), _needle(order[0]))
        # With another middle name or initial, or without.
        between = r"(?:[\s._+\-]{1,3}(?-i:[^\W\d_a-z])[^\W\d_]{0,14}\.?){0,2}?[\s._+\-]{1,3}"
        joined = f"{re.escape(words[0])}{between}{re.escape(words[-1])}"
        yield _Pattern(Kind.PERSON_NAME, _bounded(joined, value, _NOT_BEFORE_WORD_BUT_S), _needle(words[0]))
    for word in words:
        if len(word) >= LEAST_PART and not PARTICLES.fullmatch(word) and not TITLE.fullmatch(word.lower()):
            # Not in lower case: "mark", "young" and "will" are words as well.
            spellings = sorted({word, word.upper(), word.capitalize(), word.title()})
            expression = re.compile(f"{_NOT_IN_WORD}(?:{'|'.join(map(re.escape, spellings))}){_NOT_BEFORE_WORD_BUT_S}")
            yield _Pattern(Kind.PERSON_NAME, expression, _needle(word), is_part=True)


def _bounded(expression: str, value: str, not_before: str = _NOT_BEFORE_WORD) -> re.Pattern[str]:
    """Whole words only, where the value begins or ends as a word."""
    spaced = _NO_SPACES.search(value) is None
    before = _NOT_IN_WORD if spaced and value[:1].isalnum() else ""
    after = not_before if spaced and value[-1:].isalnum() else ""
    return re.compile(f"{before}{expression}{after}", re.IGNORECASE)


def _needle(word: str) -> str:
    """The beginning of a word, as far as upper and lower case are one letter each."""
    return "" if any(len(c.upper()) > 1 or len(c.lower()) > 1 for c in word) else word.lower().strip(",")
