"""Characters and words in an order that the text tells: "every third letter", "skip every second word", "6 columns".

Only the line that tells it is read so, before its remark in brackets or behind its colon.
"""

# ruff: noqa: E501, SIM905 - lists of words and long patterns read better on one line
from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.ciphers import weight
from nemora.privacy.covered import Covered
from nemora.privacy.edits import Edit, rewritten
from nemora.privacy.mapped_text import MappedText
from nemora.privacy.quick_pattern import QuickPattern

SHORTEST, LONGEST = 8, 600
"""Characters that are read in another order."""
MOST_TOLD, MOST_PLACES = 3, 6
"""Lines of a text that tell an order, and words of one from which a value could begin."""
_COUNTS = "two three four five six seven eight nine ten eleven twelve".split()
_ORDINALS = "second third fourth fifth sixth seventh eighth ninth tenth".split()
_STEPS = {word: n for n, word in enumerate(_ORDINALS, 2)} | {"other": 2}
_SIZES = {word: n for n, word in enumerate(_COUNTS, 2)}
_SIZE = rf"\d{{1,2}}|{'|'.join(_COUNTS)}"
TOLD = QuickPattern(
    rf"(?<!\w)(?:every|each)[ ](?P<step>{'|'.join(_STEPS)}|\d{{1,2}}(?:nd|rd|th))"
    r"[ ](?P<what>char(?:acter)?|letter|sign|word)(?!\w)"
    rf"|(?<!\w)(?P<size>{_SIZE})[ ](?:columns|rows)(?!\w)"
    rf"|(?<!\w)(?:columns|rows|lines|width)[ ]of[ ](?P<size2>{_SIZE})(?!\w)",
    re.IGNORECASE,
)
_WORD = re.compile(r"\S+")


_VALUE = r"[\w@.+/#!$%&()-]{2,40}(?:[ ][\d.+()-][\w@.+/#!$%&()-]{0,20}){0,6}"
PARTS_TOLD = QuickPattern(
    rf"(?<!\S)(?P<b>{_VALUE}),?[ ](?:(?:comes|goes|stands|belongs|follows|kommt|va|vient)[ ](?:right[ ]|directly[ ])?"
    rf"(?:after|behind|nach|hinter|después de|après)|follows)[ ](?P<a>{_VALUE})"
    rf"|(?<!\S)(?P<a2>{_VALUE}),?[ ](?:comes|goes|stands|kommt|va|vient)[ ](?:right[ ])?(?:before|ahead of|in front of|vor|antes de"
    rf"|avant)[ ](?P<b2>{_VALUE})",
    re.IGNORECASE,
)
COMES = re.compile(
    r"[ ](?:comes|goes|stands|belongs|follows|kommt|va|vient)[ ](?:right[ ]|directly[ ])?"
    r"(?:after|behind|nach|hinter|después de|après|before|ahead of|in front of|vor|antes de|avant)[ ]"
    r"|[ ]follows[ ]",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d|@")


def parts_told(text: str) -> Iterator[Edit]:
    """Two parts of which the text says which comes first: "2093 comes after 4716"."""
    for told in PARTS_TOLD.finditer(text):
        first, second = (told["a"], told["b"]) if told["b"] else (told["a2"], told["b2"])
        second = second.rstrip(".,")
        if _DIGIT.search(first + second) and len(first + second) >= SHORTEST:
            yield Edit(told.start(), told.end(), first.rstrip(".,") + second)


def ordered_as_told(text: MappedText, covered: Covered) -> Iterator[MappedText]:
    """The lines that tell their order, read so; a value alone is tried from several words on."""
    for number, told in enumerate(TOLD.finditer(text.text)):
        if number == MOST_TOLD:
            return
        for edit in _edits(text.text, told):
            yield from rewritten(text, [edit], weak=True, covered=covered)


def _edits(text: str, told: re.Match[str]) -> Iterator[Edit]:
    start, end = _stretch(text, told)
    body = text[start:end]
    if not SHORTEST <= len(body) <= LONGEST:
        return
    if told["step"] is None:
        size = _number(told["size"] or told["size2"], _SIZES)
        if size is None or size < 2:
            return
        places = [start + m.start() for m in _WORD.finditer(body)]
        for at in [place for place in places if (end - place) % size == 0][-MOST_PLACES:]:
            if end - at >= SHORTEST:
                yield Edit(at, end, in_rows(text[at:end], size))
        return
    step = _number(told["step"], _STEPS)
    if step is None or step < 2:
        return
    is_word = told["what"].lower() == "word"
    pieces = _WORD.findall(body) if is_word else list(body)
    ways = [(" " if is_word else "").join(pieces[first::step]) for first in range(step)]
    best = max(ways, key=weight)
    if len(best) >= SHORTEST and weight(best) > 0:
        yield Edit(start, end, best)


def _stretch(text: str, told: re.Match[str]) -> tuple[int, int]:
    """Of the line that tells it, what stands before the brackets around the telling words, or behind their colon."""
    start, stop = text.rfind("\n", 0, told.start()) + 1, text.find("\n", told.end())
    stop = len(text) if stop < 0 else stop
    opening = text.rfind("(", start, told.start())
    if opening >= 0 and text.find(")", opening, told.start()) < 0:
        return start, len(text[:opening].rstrip(" "))
    colon = text.find(":", told.end(), stop)
    return (colon + 1, stop) if 0 <= colon < told.end() + 40 else (stop, stop)


def _number(said: str, words: dict[str, int]) -> int | None:
    """None for what only `re` takes for one of the words, as `sİx` without regard to case."""
    said = said.casefold()
    return int(said.rstrip("ndrth")) if said[0].isdigit() else words.get(said)


def in_rows(written: str, width: int) -> str:
    """What was written in rows of `width` and read by its columns, in rows again; without what filled the last one."""
    rows = len(written) // width
    return "".join(written[first::rows] for first in range(rows)).rstrip("_ ")
