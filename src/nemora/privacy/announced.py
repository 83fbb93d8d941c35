"""A value that a reading made, directly behind the word that announces it: `MRN: char v[] = {"4716"}` as `MRN: 4716`.

Code, marks and telling words stand between a word and a value that was put together; detectors, rightly, let a bare
number count only close behind its word. The stretch between is taken out, and only for what a reading made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nemora.privacy.label_hint import HINT
from nemora.privacy.mapped_text import Builder, MappedText

NEAR, KEPT, AFTER = 72, 48, 24
"""Characters between a word and its value, of what stands before the word's end, and behind the value."""
MOST = 4
"""Values of one window that are put behind their words."""
_OPEN = re.compile(r"[^\s\"'`,;()\[\]{}<>|]{0,64}\Z")
_REST = re.compile(r"[^\s\"'`,;()\[\]{}<>|]{0,64}")
_VALUE = re.compile(r"(?=.{6,64}\Z)[^\s\"'`<>]{2,64}(?:[ ][^\s\"'`<>]{1,32}){0,8}")
LEAST_DIGITS = 3
"""Different ones in a value."""
_PLAIN_GAP = re.compile(
    r"'?s?\b[\s:=]{0,3}(?:(?:is|was|are|ist|es|est|é|lautet|am|at|on|le|el|no|nr)\b[\s:=.]{0,3}){0,2}[\"'`(]?"
)
_OWN_KEY = re.compile(r"\"[\w $-]{1,24}\"\s?:\s?[\"\[{]{0,2}\Z")
_OTHER_ROW = re.compile(r"\n[^\n]*[,;|\t]")
"""What stands below the name of a column is read as a table."""
_SIGN = re.compile(r"[\[\]{}()<>$\"'%;\\|?=`@#_+*^~&\n/-]")
_SENTENCE = re.compile(r"[.!?][ \n][A-Z]")
_WORDS = re.compile(r"[^\W\d_]+")
_CLOSING = re.compile(r"[\"'`)\]};>/|]{0,8}")
FEW = 3
"""Words without any sign of code between a word and its value."""


def announced(made: MappedText, places: Iterable[tuple[int, int]]) -> Iterator[MappedText]:
    """Values that cover one of `places` in `made`, each directly behind words that announce it: one text for all."""
    builder = Builder()
    for word, first, last, value in _announced(made.text, places):
        _close(builder, made.text, word, first, last, value)
    close = builder.build()
    if close.text:
        yield made.through(close)


def _announced(text: str, places: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int, int, str]]:
    """The end of a word, and the value: where it stands, and what it is."""
    done: set[tuple[int, int]] = set()
    for start, end in places:
        first, last = _token(text, start, end)
        while first < last and text[first] in "?&=:":
            first += 1
        value = text[first:last].strip()
        if (first, last) in done or not _VALUE.fullmatch(value):
            continue
        if len(set(filter(str.isdigit, value))) < LEAST_DIGITS:
            continue
        done.add((first, last))
        if len(done) > MOST:
            return
        hints = [hint.end() for hint in HINT.finditer(text, max(0, first - NEAR), first)]
        for word in dict.fromkeys(hints[:1] + hints[-1:]):
            if _is_junk(text[word:first]):
                yield word, first, last, value


def _token(text: str, start: int, end: int) -> tuple[int, int]:
    """The piece without quotes and brackets that holds what was written at [start, end)."""
    while start < end and text[start] in "\"'`( ":
        start += 1
    while end > start and text[end - 1] in "\"'`) ":
        end -= 1
    opening, rest = _OPEN.search(text, max(0, start - 64), start), _REST.match(text, end)
    return opening.start() if opening else start, rest.end() if rest else end


def _is_junk(gap: str) -> bool:
    """Whether it is more than the words that lead from a label to its value, and less than a sentence."""
    if _PLAIN_GAP.fullmatch(gap) or _SENTENCE.search(gap) or _OWN_KEY.search(gap) or _OTHER_ROW.search(gap):
        return False
    return _SIGN.search(gap) is not None or len(_WORDS.findall(gap)) <= FEW


def _close(builder: Builder, text: str, word: int, first: int, last: int, value: str) -> None:
    builder.copy(text, max(0, word - KEPT), word)
    builder.put(": ", word, word + 1)
    closing = _CLOSING.match(text, last)
    end = closing.end() if closing else last
    builder.put(value, first, last)
    builder.put(" ", last - 1, last)
    builder.copy(text, end, min(len(text), end + AFTER))
    builder.put("\n\n", last - 1, last)
