"""Values written out: digit words of many languages, spelling alphabets, Morse code."""

# ruff: noqa: SIM905 - lists of words read better as text
from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.edits import Edit
from nemora.privacy.number_words import ANDS, LETTERS, MISTYPED, NUMBERS, ROMAN, SIGNS, TENS
from nemora.privacy.quick_pattern import QuickPattern

LEAST = 5
"""Words of a run. Shorter ones are prose: "one or two", "seis o siete"."""

_TIMES = {"double": 2, "triple": 3, "treble": 3, "doble": 2, "doppelt": 2}
_KNOWN = {*NUMBERS, *MISTYPED, *LETTERS, *SIGNS, *_TIMES, *ANDS, *(word.lower() for word in ROMAN)}
_TOKEN = re.compile(r"(?:[^\W_]|[\u0300-\u036f\u0900-\u0963\u0981-\u0dff\u0e31-\u0e4e])+(?:['\u2019][^\W\d_]+)?")
"""A word, with the signs of Indian and Thai vowels."""
_GAP = re.compile(r"[ ,.;/|_\-–\n\t]{1,3}|[ ]?(?:[-=]>|→|…)[ ]?")
_PROSE_ENDS = frozenset(["a", "I", "A", "e", "y", "o", "und", "et", "i", *SIGNS])
MAX_TOKENS = 200

_MORSE = dict(
    zip(
        (
            ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..-"
            " -.-- --.. "
            "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----. .-.-.- .--.-. -....- ..--.- ---... -..-. .-.-."
        ).split(),
        "abcdefghijklmnopqrstuvwxyz0123456789.@-_:/+",
        strict=True,
    )
)
MORSE_RUN = QuickPattern(r"(?<![\w.\-])[.\-]{1,6}(?:[ ]{1,3}(?:/[ ])?[.\-]{1,6}){5,400}(?![\w])")


def spelled_out(text: str) -> Iterator[Edit]:
    """Runs of number words ("four seven one six"), also mixed with digits, and of spelling alphabets."""
    words = _TOKEN.findall(text)
    known = {word for word in set(words) if _is_known(word)} if len(words) >= LEAST else set()
    if not any((len(word) > 1 or not word.isascii()) and not word.isdigit() for word in known):
        return
    if "1" * LEAST not in "".join("1" if word in known else "0" for word in words):
        return
    run: list[re.Match[str]] = []
    for token in _TOKEN.finditer(text):
        if token.group() not in known:
            yield from _edit(run)
            run = []
            continue
        if run and (len(run) >= MAX_TOKENS or not _GAP.fullmatch(text, run[-1].end(), token.start())):
            yield from _edit(run)
            run = []
        run.append(token)
    yield from _edit(run)


def _is_known(word: str) -> bool:
    if len(word) == 1:
        return word.isascii() or word in _KNOWN
    return (len(word) <= 4 and word.isdigit()) or word.lower() in _KNOWN


def _edit(run: list[re.Match[str]]) -> Iterator[Edit]:
    """What a run says, if it is long enough. Prose goes on in words of the tables: "… nine at a"."""
    if len(run) < LEAST:
        return
    while run and run[-1].group() in _PROSE_ENDS:
        run.pop()
    while run and run[0].group() in _PROSE_ENDS:
        run.pop(0)
    words = [token.group() for token in run]
    if sum((len(word) > 1 or not word.isascii()) and not word.isdigit() for word in words) >= 2:
        plain = _said(words)
        if len(plain) >= LEAST:
            yield Edit(run[0].start(), run[-1].end(), plain)


def _said(words: list[str]) -> str:
    """What the words spell. "double four" is 44, "forty seven" is 47, "Alfa" a capital and "alfa" a small letter."""
    if all(word in ROMAN for word in words):
        return "".join(ROMAN[word] for word in words)
    said: list[str] = []
    times, tens = 1, False
    for word in words:
        lowered = word.lower()
        if lowered in _TIMES:
            times = _TIMES[lowered]
            continue
        if lowered in ANDS and (tens or lowered in ("und", "et")):
            continue
        letter = LETTERS.get(lowered)
        if letter is not None and lowered not in NUMBERS:
            piece = letter.upper() if word[0].isupper() else letter
        else:
            piece = NUMBERS.get(lowered) or MISTYPED.get(lowered) or SIGNS.get(lowered) or word
        if tens and len(piece) == 1 and piece.isdigit() and piece != "0":
            said[-1] = said[-1][0] + piece
        else:
            said.append(piece * times)
        times, tens = 1, lowered in TENS
    return "".join(said)


LONG_WORD = re.compile(r"[A-Za-zÀ-ÿ]{18,400}")
_BY_LENGTH = sorted((word for word in NUMBERS if len(word) > 2), key=len, reverse=True)


def run_together(text: str) -> Iterator[Edit]:
    """Number words without spaces: "foursevenonesix"."""
    for word in LONG_WORD.finditer(text):
        rest, said = word.group().lower(), ""
        while rest:
            known = next((name for name in _BY_LENGTH if rest.startswith(name)), None)
            if known is None:
                break
            rest, said = rest[len(known) :], said + NUMBERS[known]
        if not rest and len(said) >= LEAST:
            yield Edit(word.start(), word.end(), said)


_MONTHS = "january february march april may june july august september october november december".split()
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth "
    "twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
).split()
_DAYS = "|".join(sorted((day.replace("-", "[- ]") for day in _ORDINALS), key=len, reverse=True))
_YEAR = (
    r"(?:19|20)\d\d|(?:nineteen|twenty)(?:[- ](?:hundred|oh|and|[a-z]{3,9}teen|ten|eleven|twelve|"
    r"[a-z]{3,5}ty|[a-z]{3,5})){1,3}"
)
DATE = QuickPattern(
    rf"(?<!\w)(?:(?P<day>{_DAYS}),?(?: of)? (?P<month>{'|'.join(_MONTHS)})"
    rf"|(?P<month2>{'|'.join(_MONTHS)})(?: the)? (?P<day2>{_DAYS})),?(?: in)? (?P<year>{_YEAR})(?!\w)",
    re.IGNORECASE,
)


def dates_in_words(text: str) -> Iterator[Edit]:
    """ "the third of May nineteen seventy-one" as 1971-05-03."""
    for date in DATE.finditer(text):
        day = (date["day"] or date["day2"]).lower().replace(" ", "-")
        month = (date["month"] or date["month2"]).lower()
        words = [word for word in re.split("[- ]", date["year"].lower()) if word not in ("and", "hundred", "oh")]
        year = date["year"] if date["year"].isdigit() else "".join([_said(words[:1]), f"{_said(words[1:]):0>2}"])
        if len(year) == 4 and year.isdigit():
            yield Edit(
                date.start(), date.end(), f"{year}-{_MONTHS.index(month) + 1:02d}-{_ORDINALS.index(day) + 1:02d}"
            )


_BRAILLE = dict(zip("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵", "abcdefghijklmnopqrstuvwxyz", strict=True))
_BRAILLE |= {"⠲": ".", "⠤": "-", "⠈": "@"}
_BRAILLE_RUN = re.compile("[\u2801-\u28ff0-9@._+-]{4,400}")
_BRAILLE_NUMBER = re.compile("⠼([⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚]+)")


def braille(text: str) -> Iterator[Edit]:
    """Braille of grade one: letters, and the first ten of them behind the sign of numbers."""
    for run in _BRAILLE_RUN.finditer(text):
        if max(run.group()) <= "\u2800":
            continue
        said = _BRAILLE_NUMBER.sub(lambda m: "".join(str("⠚⠁⠃⠉⠙⠑⠋⠛⠓⠊".index(c)) for c in m[1]), run.group())
        yield Edit(run.start(), run.end(), "".join(_BRAILLE.get(c, c) for c in said))


def morse(text: str) -> Iterator[Edit]:
    """Morse code; a stroke parts words."""
    if "." not in text or "-" not in text:
        return
    for run in MORSE_RUN.finditer(text):
        written = run.group().split()
        if written[-1] not in _MORSE:  # a full stop behind it
            written[-1] = written[-1].removesuffix(".")
        signs = [_MORSE.get(sign, " " if sign == "/" else "") for sign in written]
        if all(signs):
            yield Edit(run.start(), run.end(), "".join(signs))
