"""Noise between the characters of a value: letters, pictures, odd spaces, words said twice, signs for spaces."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from operator import eq

from nemora.privacy.edits import Edit, apart
from nemora.privacy.label_hint import HINT
from nemora.privacy.quick_pattern import QuickPattern

_PICTURE = r"[\u2190-\u2bff\U0001f000-\U0001faff]"
PICTURES = re.compile(rf"(?:[^\s\u2190-\u2bff\U0001f000-\U0001faff]|(?<=\S)[ ](?={_PICTURE})){_PICTURE}\ufe0f?"
                      rf"(?:[^\n\u2190-\u2bff\U0001f000-\U0001faff]{_PICTURE}\ufe0f?){{5,200}}\S?")  # fmt: skip
_DROPPED = re.compile(rf"{_PICTURE}\ufe0f?")
EVERY_OTHER = QuickPattern(r"(?<![^\s=:\"'(])(?:[^\s][a-z]|[ ][a-z](?=\d[a-z])){7,80}[^\s]?(?=[\s.,;:)\"']|\Z)")
TWO_SIGNS = r"(?:\d[a-z]){2}"
"""Two neighbours among five digits of twenty."""
MOST_LETTERS, LEAST_SIGNS = 6, 5
"""Letters that noise is made of, and digits of a value among it."""
SPACED = QuickPattern(r"(?<!\S)\S{1,16}(?:[ ]{1,2}\S{1,16}){4,40}")
LEAST_SPACED = 8
SPACES = (r"\d[ ]{1,2}\d", r"@\S{0,9}[ ]{1,2}\S{1,3}[ ]", r"[ ]\S{1,3}[ ]{1,2}\S{0,9}@")
"""What a value with spaces in it has somewhere, and a sentence seldom."""
_SPACES = re.compile("|".join(SPACES))
_LINE = re.compile(r"[|*=#~-]+")
TWICE = re.compile(r"(?<!\S)(?P<word>\S{1,40})[ ](?P=word)(?:[ ](?P<next>\S{1,40})[ ](?P=next)){2,60}(?!\S)")
_REPEATED = re.compile(r"(?<=[^\s*~_#=|.-])(?P<sign>[*~_#=|.-])(?P=sign){1,5}(?=[^\s*~_#=|.-])")
_TOKEN = re.compile(r"\S{14,600}")
_DOUBLED = ("**", "~~", "__", "##", "==", "||", "..", "--")
LEAST_REPEATED = 3
"""Rows of one sign in one token that stand for spaces, and words in a row that are said twice."""


def pictures(text: str) -> Iterator[Edit]:
    """Pictures between all characters of a value, to be left out."""
    for run in PICTURES.finditer(text):
        plain = _DROPPED.sub("", run.group())
        if sum(map(str.isdigit, plain)) >= LEAST_SIGNS or "@" in plain or plain.isascii():
            yield Edit(run.start(), run.end(), plain)


def every_other(text: str) -> Iterator[Edit]:
    """A few letters behind every character of a value: "4x7q1z6x"."""
    for run in EVERY_OTHER.finditer(text):
        signs, noise = run.group()[::2], run.group()[1::2]
        digits = sum(map(str.isdigit, signs))
        if len(set(noise)) <= MOST_LETTERS and digits >= LEAST_SIGNS and re.search(TWO_SIGNS, run.group()):
            yield Edit(run.start(), run.end(), signs)


def odd_spaces(text: str) -> Iterator[Edit]:
    """Spaces anywhere in a value behind the word that announces it: "IBAN D E 6883 74103891742 57 6 94"."""
    edits = []
    for hint in HINT.finditer(text):
        lead = _LEAD.match(text, hint.end())
        start = lead.end() if lead else hint.end()
        run = SPACED.match(text, start, start + 120)
        if run is None:
            continue
        if _SPACES.search(run.group()) is None:
            continue
        words = run.group().split()
        if any(map(_LINE.fullmatch, words)):  # of a table
            continue
        while words and not (len(words[-1]) < 3 or any(c.isdigit() or c in "@." for c in words[-1])):
            words.pop()
        plain = "".join(words)
        short = sum(len(word) < 4 for word in words)
        if len(plain) < LEAST_SPACED or 2 * short < len(words) or not _LIKELY.search(plain):
            continue
        last = run.start()
        for word in words:
            last = text.index(word, last) + len(word)
        edits.append(Edit(run.start(), last, plain))
    yield from apart(edits)


_LEAD = re.compile(r"[\s:=]{0,3}(?:(?:is|ist|es|est|é|lautet)\b)?[\s:=]{0,3}")
_LIKELY = re.compile(r"@\S*\.|\d\D{0,3}\d\D{0,3}\d\D{0,3}\d")


def has_repeats(text: str) -> bool:
    """Whether words stand twice, or rows of one sign several times in one token."""
    words = text.split()
    if sum(map(eq, words, words[1:])) >= LEAST_REPEATED:
        return True
    rows = [row for row in _DOUBLED if text.count(row) >= LEAST_REPEATED]
    return any(word.count(row) >= LEAST_REPEATED for row in rows for word in words)


def said_twice(text: str) -> Iterator[Edit]:
    """Every word twice, read once; the same signs in a row again and again in one token, read as spaces."""
    edits = [Edit(run.start(), run.end(), " ".join(run.group().split()[::2])) for run in TWICE.finditer(text)
             if run.group().split()[::2] == run.group().split()[1::2]]  # fmt: skip
    for token in _TOKEN.finditer(text):
        if any(token.group().count(row) >= LEAST_REPEATED for row in _DOUBLED):
            edits += _signs_for_spaces(token)
    yield from apart(edits)


def _signs_for_spaces(token: re.Match[str]) -> Iterator[Edit]:
    rows = list(_REPEATED.finditer(token.group()))
    commonest, times = Counter(row.group() for row in rows).most_common(1)[0] if rows else ("", 0)
    if times >= LEAST_REPEATED:
        at = token.start()
        yield from (Edit(at + row.start(), at + row.end(), " ") for row in rows if row.group() == commonest)
