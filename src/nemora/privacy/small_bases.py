"""Numbers for characters in small ways: bases below ten, tap code, counted signs, keys of a telephone, A for 1.

All of them also are what lists of numbers look like, so they count only near a word that announces an identifier, or
where they make one.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from itertools import groupby

from nemora.privacy.edits import Edit, apart
from nemora.privacy.label_hint import hinted
from nemora.privacy.quick_pattern import QuickPattern
from nemora.privacy.spaced_out import in_words

PLACES = QuickPattern(r"(?<![\d.,:-])[0-8]{2,8}(?:[ ,]{1,2}[0-8]{2,8}){5,400}(?![\d.:-])")
_TELLS_BASE = QuickPattern(r"(?<!\w)(?:base|basis|radix|ternar|trit|quatern|quinar|octal|senar)", re.IGNORECASE)
LITERALS = QuickPattern(r"(?<!\w)0[xob][0-9A-Fa-f]{1,16}(?:[ ,]{1,2}0[xob][0-9A-Fa-f]{1,16}){1,9}(?!\w)")
_GROUP = r"(?:[^\w\s,/]|[IxXl1oO0]){1,9}"
COUNTS = QuickPattern(
    rf"(?<!\S)(?:{_GROUP}(?:[ ,/]{{1,3}}{_GROUP}){{6,63}}|/{{1,9}}(?:[ ]{{1,3}}(?:/{{1,9}}|[0oO-])){{6,63}})[,/]?(?!\S)"
)
"""What parts the groups is in none of them, or there would be endless ways to part a row of commas."""
_ONES, _NOUGHTS = re.compile(r"[^\w\s∅]|[IxXl1]"), frozenset("0oO∅-")
TAPS = QuickPattern(r"(?<!\S)[^\w\s]{1,5}[ ][^\w\s]{1,5}(?:[ ]{2,7}\S{1,6}(?:[ ][^\w\s]{1,5})?){4,400}")
_POLYBIUS = "abcdefghiklmnopqrstuvwxyz"
TAPPED = QuickPattern(
    r"(?<!\S)(?:(?:2{1,3}|3{1,3}|4{1,3}|5{1,3}|6{1,3}|7{1,4}|8{1,3}|9{1,4}|[01]|[^\w\s])[ ]{1,2}){6,400}"
    r"(?:2{1,3}|3{1,3}|4{1,3}|5{1,3}|6{1,3}|7{1,4}|8{1,3}|9{1,4}|[01]|[^\w\s])(?![\w])"
)
_KEYS = ("", "", "abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz")
_PLACE = r"(?:[0-9]{1,2}|[^\W\d_])"
PLACED = tuple(
    QuickPattern(
        rf"(?<!\w){_PLACE}{gap}"
        rf"(?:(?:[^\s\d]{gap}|[0-9]{{1,2}}{gap}){{1,60}}[0-9]{{1,2}}|[0-9]{{1,2}}(?=[ /|]{{1,3}}{_PLACE}{gap}))"
        r"(?:[ /|]{1,3}[^\s]{1,120}){1,80}"
    )
    for gap in ("-", r"\.", ",", "_")
)
PLACED_APART = QuickPattern(r"(?<![\w.,])\d{1,2}(?:[ ]{1,3}(?:\d{1,2}|[^\w\s]|/[ ])(?![\w])){7,400}")


def small_bases(text: str) -> Iterator[Edit]:
    """Characters, or single digits, as numbers of one length in a base from three to nine."""
    edits = []
    for run in PLACES.finditer(text):
        groups = re.split(r"[ ,]+", run.group())
        size = max(map(len, groups))
        base = int(max("".join(groups))) + 1
        told = _TELLS_BASE.search(text, max(0, run.start() - 60), run.end() + 60) is not None
        for radix in range(max(3, base), 10):
            plain = _of_codes([int(group, radix) for group in groups], size, told=told)
            if plain:
                edits.append(Edit(run.start(), run.end(), plain))
                break
    for run in LITERALS.finditer(text):
        numbers = [_literal(each) for each in re.split(r"[ ,]+", run.group())]
        plain = "".join(map(str, numbers))
        if None not in numbers and 7 <= len(plain) <= 40:
            edits.append(Edit(run.start(), run.end(), plain))
    yield from apart(edits)


def _of_codes(codes: list[int], size: int, *, told: bool) -> str:
    if size >= 3 and all(32 <= code < 127 or 159 < code < 256 for code in codes):
        plain = bytes(codes).decode("utf-8", "replace")
        letters = sum(c.isalnum() or c in " @.-" for c in plain)
        return plain if letters >= 0.9 * len(plain) and any(map(str.isdigit, plain)) else ""
    if told and len(codes) >= 7 and max(codes) <= 9:
        return "".join(map(str, codes))
    return ""


def _literal(written: str) -> int | None:
    try:
        return int(written, 0)
    except ValueError:
        return None


def counted_signs(text: str) -> Iterator[Edit]:
    """Digits as so many strokes, dots or pictures: `|||| ||||||| |`."""
    edits = []
    for run in TAPS.finditer(text):
        plain = _tapped(run.group())
        if hinted(plain):
            edits.append(Edit(run.start(), run.end(), plain))
    for run in COUNTS.finditer(text):
        written = run.group()
        if written[-2] not in (" ", written[-1]):  # a stop behind it
            written = written.rstrip(".,;:!? ")
        plain = _counted([group for group in re.split(r"[ ,/]+", written) if group])
        if len(plain) >= 7 and len(set(plain)) > 2 and "  " not in written:
            edits.append(Edit(run.start(), run.start() + len(written), plain))
    yield from apart(edits)


def _counted(groups: list[str]) -> str:
    """How long each group is; "" where they are not of one sign."""
    signs = {group[0] for group in groups if group not in _NOUGHTS}
    if (
        len(signs) != 1
        or not _ONES.match(sign := signs.pop())
        or any(group.strip(sign) for group in groups if group not in _NOUGHTS)
    ):
        return ""
    return "".join("0" if group in _NOUGHTS and group != sign else str(len(group)) for group in groups)


def _tapped(run: str) -> str:
    """Pairs of taps by the square of five, words by wider gaps; what is no pair stays."""
    return " ".join(_spaced("".join(map(_tap, re.split(r"[ ]{2,3}", word)))) for word in re.split(r"[ ]{4,}", run))


def _tap(sign: str) -> str:
    row, _, column = sign.partition(" ")
    pair = column and len(set(row + column)) == 1 and len(row) <= 5 and len(column) <= 5
    return _POLYBIUS[5 * len(row) + len(column) - 6] if pair else sign


def _spaced(joined: str) -> str:
    return re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z]{2})", " ", joined)


def tapped_keys(text: str) -> Iterator[Edit]:
    """Letters by how often a key of a telephone is pressed: `44 33 555 555 666`. Many single ones are digits."""
    for run in TAPPED.finditer(text):
        signs = run.group().split()
        if 3 * sum(len(sign) > 1 for sign in signs) < len(signs):
            continue
        yield Edit(run.start(), run.end(), _keyed(signs, zero="0"))


def tapped_groups(text: str) -> Iterator[Edit]:
    """The same with each 0 between digits for a space."""
    for edit in tapped_keys(text):
        signs = text[edit.start : edit.end].split()
        if (spaced := _keyed(signs, zero=" ")) != edit.plain:
            yield Edit(edit.start, edit.end, spaced)


def _keyed(signs: list[str], *, zero: str) -> str:
    """Words between zeros: one that has a key pressed twice is letters; neighbours of single keys are a number."""
    words = (
        [[]]
        if not signs
        else [list(some) for is_zero, some in groupby(signs, key=lambda sign: sign == "0") if not is_zero]
    )
    zeros = [len(list(some)) for is_zero, some in groupby(signs, key=lambda sign: sign == "0") if is_zero]
    letters = [any(len(sign) > 1 for sign in word) or not any(map(str.isdigit, word)) for word in words]
    said: list[str] = []
    for number, word in enumerate(words):
        alone = letters[number - 1 : number] != [False] and letters[number + 1 : number + 2] != [False]
        is_word = letters[number] or (alone and len(word) < 5)
        if not is_word and _split_tail(word):
            said.append(_with_head(word))
        else:
            said.append(_lettered(word) if is_word else "".join(word))
        if number < len(zeros):
            both = not is_word and letters[number + 1 : number + 2] == [False]
            said.append((zero if both else " ") * zeros[number])
    return "".join(said)


def _lettered(word: list[str]) -> str:
    """Letters; a long tail of single keys with one that has no letters is the number behind them."""
    last = max((n for n, sign in enumerate(word) if len(sign) > 1), default=len(word)) + 1
    tail = word[last:]
    if len(tail) < 2 or (len(tail) < 7 and "1" not in tail):
        tail, last = [], len(word)
    return "".join(_key(sign) for sign in word[:last]) + "".join(tail)


def _split_tail(word: list[str]) -> bool:
    return any(sign in "+(" for sign in word[1:])


def _with_head(word: list[str]) -> str:
    """A number behind its sign; what stands before it is another word."""
    at = next(n for n, sign in enumerate(word) if n and sign in "+(")
    return "".join(_key(sign) for sign in word[:at]) + " " + "".join(word[at:])


SQUARE = QuickPattern(r"(?<!\w)[A-Z]{2}(?:[ ]{1,3}[A-Z]{2}){7,400}(?!\w)")
_SQUARE_OF_SIX = string.ascii_lowercase + string.digits


def squared(text: str) -> Iterator[Edit]:
    """Pairs of five or six letters as places in a square of letters (and digits), as ADFGX and ADFGVX are."""
    for run in SQUARE.finditer(text):
        names = "".join(sorted(set(run.group()) - {" "}))
        for known in ("ADFGVX", "ADFGX", "ABCDEF", "ABCDE"):
            if set(names) <= set(known):
                names = known
        if len(names) not in (5, 6):
            continue
        square = _SQUARE_OF_SIX if len(names) == 6 else _POLYBIUS
        plain = "".join(
            square[len(names) * names.index(pair[0]) + names.index(pair[1])] for pair in run.group().split()
        )
        edit = Edit(run.start(), run.end(), f" {in_words(plain)} ")
        if hinted(edit.plain):
            yield edit


def _key(sign: str) -> str:
    if sign == "0":
        return " "
    letters = _KEYS[int(sign[0])] if sign[0].isdigit() else ""
    return letters[len(sign) - 1] if len(letters) >= len(sign) else sign


def letter_places(text: str) -> Iterator[Edit]:
    """A as 1 to Z as 26: `13-25 19-19-14`. A word of single digits only is a number, if it is long."""
    edits = []
    for run, gap in ((run, gap) for pattern, gap in zip(PLACED, "-.,_", strict=True) for run in pattern.finditer(text)):
        plain = _all_placed([word.split(gap) for word in re.split(r"[ /|]+", run.group())], gap)
        edits.append(Edit(run.start(), run.end(), plain))
    for run in PLACED_APART.finditer(text):
        words = re.split(r"[ ]{2,}|[ ]/[ ]", run.group())
        edits.append(Edit(run.start(), run.end(), _all_placed([word.split(" ") for word in words], " ")))
    yield from apart(edit for edit in edits if hinted(edit.plain))


def _all_placed(words: list[list[str]], gap: str) -> str:
    """The words of a run; short ones of single digits belong to a number where they stand beside each other."""
    single = [
        all(not sign.isdigit() or len(sign) == 1 for sign in word) and any(map(str.isdigit, word)) for word in words
    ]
    said: list[str] = []
    for number, word in enumerate(words):
        beside = single[number] and (single[number - 1 : number] == [True] or single[number + 1 : number + 2] == [True])
        said.append(_placed(word, gap, is_number=beside))
    return " ".join(said)


def _placed(signs: list[str], gap: str, *, is_number: bool = False) -> str:
    """One word: letters, or digits where all signs are single ones with a zero among them or more than six."""
    signs = [sign or gap for sign in signs]
    numbers = [sign for sign in signs if sign.isdigit()]
    if not numbers or any(int(number) > 26 for number in numbers):
        return "".join(signs)
    if all(len(number) == 1 for number in numbers) and (is_number or "0" in numbers or len(numbers) > 6):
        return re.sub(re.escape(gap) + "{2,3}", gap, "".join(signs))
    return "".join(_place(sign) for sign in signs)


def _place(sign: str) -> str:
    return string.ascii_lowercase[int(sign) - 1] if sign.isdigit() and sign != "0" else sign
