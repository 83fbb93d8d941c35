"""Values written out: digit words of many languages, spelling alphabets, Morse code."""

# ruff: noqa: SIM905 - lists of words read better as text
from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from nemora.privacy.edits import Edit, apart
from nemora.privacy.number_words import ANDS, LANGUAGES, LETTERS, MISTYPED, NUMBERS, ROMAN, SIGNS, TENS
from nemora.privacy.quick_pattern import QuickPattern

LEAST = 5
"""Words of a run. Shorter ones are prose: "one or two", "seis o siete"."""

_TIMES = {"double": 2, "triple": 3, "treble": 3, "doble": 2, "doppelt": 2}
_KNOWN = {*NUMBERS, *MISTYPED, *LETTERS, *SIGNS, *_TIMES, *ANDS, *(word.lower() for word in ROMAN)}
_TOKEN = re.compile(r"(?:[^\W_]|[\u0300-\u036f\u0900-\u0963\u0981-\u0dff\u0e31-\u0e4e])+(?:['\u2019][^\W\d_]+)?")
"""A word, with the signs of Indian and Thai vowels."""
_ASCII_TOKEN = re.compile(r"[A-Za-z0-9]+(?:'[A-Za-z]+)?")
_GAP = re.compile(r"[ ,.;:/|_\-–\n\t\"'()\[\]<>*+&#~]{1,4}|[ ]?(?:[-=]>|→|…)[ ]?")
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
    pattern = _ASCII_TOKEN if text.isascii() else _TOKEN
    words = pattern.findall(text)
    known = {word for word in set(words) if _is_known(word)} if len(words) >= LEAST else set()
    if not any((len(word) > 1 or not word.isascii()) and not word.isdigit() for word in known):
        return
    if "1" * LEAST not in "".join("1" if word in known else "0" for word in words):
        return
    run: list[re.Match[str]] = []
    for token in pattern.finditer(text):
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
    lowers = {word.lower() for word in words}
    if digits := next((digits for digits in LANGUAGES if lowers <= digits.keys()), None):  # "sei" is six, or four
        return "".join(digits[word.lower()] for word in words)
    said: list[str] = []
    times, tens = 1, False
    for word in in_french(words):
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


_FRENCH_TEENS = {word: n for n, word in enumerate("dix onze douze treize quatorze quinze seize".split(), 10)}
_FRENCH_ONES = {"sept": 7, "huit": 8, "neuf": 9}


def in_french(words: list[str]) -> list[str]:
    """The words with the numbers that only French puts together in digits: 17 to 19, 70 to 99."""
    if not any(word.lower() in ("vingt", "vingts", "soixante", "dix") for word in words):
        return words
    out: list[str] = []
    for word in words:
        lowered, last = word.lower(), out[-1].lower() if out else ""
        if lowered in ("vingt", "vingts") and last == "quatre":
            out[-1] = "80"
        elif lowered in _FRENCH_TEENS and last in ("soixante", "80"):
            out[-1] = str((60 if last == "soixante" else 80) + _FRENCH_TEENS[lowered])
        elif lowered in _FRENCH_TEENS and last == "et" and out[-2:-1] == ["soixante"]:
            out[-2:] = [str(60 + _FRENCH_TEENS[lowered])]
        elif lowered in _FRENCH_ONES and last in ("dix", "70", "90"):
            out[-1] = str((10 if last == "dix" else int(last)) + _FRENCH_ONES[lowered])
        elif last == "80" and NUMBERS.get(lowered, "") in tuple("123456789"):
            out[-1] = f"8{NUMBERS[lowered]}"
        else:
            out.append(word)
    return out


_SCALES = {"hundred": 100, "thousand": 1000}
_NUMERAL = (
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    "|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|oh|and|hundred|thousand"
)
SCALES = QuickPattern(
    rf"(?<!\w)(?=(?:(?:{_NUMERAL})[ ,-]{{1,2}}){{1,24}}(?:hundred|thousand)(?!\w))(?:{_NUMERAL})"
    rf"(?:[ ,-]{{1,2}}(?:{_NUMERAL})(?!\w)){{1,60}}",
    re.IGNORECASE,
)
HAN = QuickPattern("(?:[零〇一二三四五六七八九十百千]{1,9}[，,、 ]{0,2}){2,12}")
_HAN_PLACES = {"十": 10, "百": 100, "千": 1000}
_HAN_DIGITS = {c: n for n, c in enumerate("〇一二三四五六七八九")} | {"零": 0}
NAMES = QuickPattern(
    r"(?<![\w-])[A-Z]{3,12}(?:[ -][A-Z]{1,12}){0,4}(?:,[ ]?[A-Z]{3,12}(?:[ -][A-Z]{1,12}){0,4}){5,200}(?![\w-])"
)
DITS = QuickPattern(
    r"(?<!\w)(?:di[th]?|dah)(?:-(?:di[th]?|dah)){0,7}"
    r"(?:[ ,/|]{1,3}(?:di[th]?|dah)(?:-(?:di[th]?|dah)){0,7}){4,400}(?!\w)"
)


def grouped_words(text: str) -> Iterator[Edit]:
    """Groups of digits as numbers with places: "four thousand seven hundred and sixteen", 四千七百一十六."""
    edits = []
    for run in SCALES.finditer(text):
        groups = [_scaled(group) for group in re.split(r",[ ]?", run.group().lower())]
        plain = "".join(groups)
        if "" not in groups and LEAST + 2 <= len(plain) <= 40:
            edits.append(Edit(run.start(), run.end(), plain))
    for run in HAN.finditer(text):
        if not any(c in _HAN_PLACES for c in run.group()) and not re.search("[，,、 ].", run.group()):
            continue
        plain = "".join(_han(group) for group in re.split("[，,、 ]+", run.group()) if group)
        if LEAST + 2 <= len(plain) <= 40:
            edits.append(Edit(run.start(), run.start() + len(run.group().rstrip("，,、 ")), plain))
    yield from apart(edits)


def _scaled(group: str) -> str:
    """One number in English, or digit by digit; "" if a word is none."""
    words = [word for word in re.split("[ -]+", group.strip()) if word != "and"]
    if not any(word in _SCALES for word in words):
        return _said(words) if words and all(word in NUMBERS for word in words) else ""
    total = part = 0
    for word in words:
        if word in _SCALES:
            part = max(part, 1) * _SCALES[word]
            total, part = total + part, 0
        elif word in NUMBERS:
            part += int(NUMBERS[word])
        else:
            return ""
    return str(total + part)


def _han(group: str) -> str:
    if not any(c in _HAN_PLACES for c in group):
        return "".join(str(_HAN_DIGITS[c]) for c in group)
    total = digit = 0
    for c in group:
        if c in _HAN_PLACES:
            total, digit = total + max(digit, 1) * _HAN_PLACES[c], 0
        else:
            digit = _HAN_DIGITS[c]
    return str(total + digit)


def named_characters(text: str) -> Iterator[Edit]:
    """Characters by their Unicode names, and Morse code as it is spoken."""
    edits = []
    for run in NAMES.finditer(text):
        said: list[str] = []
        for name in re.split(r",[ ]?", run.group()):
            try:
                said.append(unicodedata.lookup(name))
            except KeyError:
                said = []
                break
        if said:
            edits.append(Edit(run.start(), run.end(), "".join(said)))
    for run in DITS.finditer(text):
        signs = [
            "".join("-" if each == "dah" else "." for each in re.split("[ ]?-[ ]?", sign))
            for sign in re.split(r"[ ,/|]+", run.group())
        ]
        if all(sign in _MORSE for sign in signs):
            edits.append(Edit(run.start(), run.end(), "".join(_MORSE[sign] for sign in signs)))
    yield from apart(edits)


LONG_WORD = re.compile(r"[A-Za-zÀ-ÿ]{18,400}")
_BY_LENGTH = sorted((word for word in NUMBERS if len(word) > 2), key=len, reverse=True)


def run_together(text: str) -> Iterator[Edit]:
    """Number words without spaces: "foursevenonesix"."""
    for word in LONG_WORD.finditer(text):
        said = _parted(word.group().lower())
        if len(said) >= LEAST:
            yield Edit(word.start(), word.end(), said)


def _parted(word: str) -> str:
    """Number words of one language without anything between them; "" if it is not that."""
    if _ANY_FIRST.match(word) is None:
        return ""
    return next((said for digits in LANGUAGES if len(digits) > 7 and (said := _exactly(word, digits))), "")


def _exactly(word: str, digits: dict[str, str]) -> str:
    """The digits of a word that is made of number words alone: "fourthree" has no "fourth". "" if it is not."""
    ways: list[str | None] = [""] + [None] * len(word)
    furthest = 0
    for end in range(2, len(word) + 1):
        if end > furthest + LONGEST_WORD:
            return ""
        for start in range(max(0, end - LONGEST_WORD), end - 1):
            before = ways[start]
            if before is not None and word[start:end] in digits:
                ways[end], furthest = before + digits[word[start:end]], end
                break
    return ways[-1] or ""


LONGEST_WORD = 14
_ANY_FIRST = re.compile("|".join(map(re.escape, _BY_LENGTH)))


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
