"""Parts of a value that say where they belong, or have something between them: `(1/4) 4716`, `A1=4716`, `4716 (not 1)`.

Nothing here knows a form: neighbouring parts whose surroundings are alike but for a counter make one value, in the
order of the counter.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from nemora.privacy.edits import Edit, apart
from nemora.privacy.quick_pattern import QuickPattern

MOST_TOKENS, MOST_GAP, MOST_STRIDE = 400, 48, 10
BEFORE = MOST_GAP + 12
"""Characters before digits in which their counters are looked for."""
LEAST, LONGEST = 7, 32
"""Digits of what the parts make."""
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()  # noqa: SIM905
_COUNTERS = {word: n for n, word in enumerate(_ORDINALS, 1)} | {c: n for n, c in enumerate("abcdefghij")}
_DIGITS = re.compile(r"\d{1,8}")
_WORDS = "|".join(f"(?<=[{word[0]}{word[0].upper()}]){word[1:]}" for word in _ORDINALS)
_TOKEN = re.compile(
    rf"[0-9A-Ja-jstfenSTFEN](?:(?<=[0-9])[0-9]{{0,7}}|(?<![A-Za-z].)(?:(?<=[A-Ja-j])|{_WORDS})(?![A-Za-z]))"
)
"""By its first character, so that Python skips what none begins with."""
_AGAIN = re.compile(rf"(?=(.{{1,{MOST_STRIDE - 1}}}).\1)", re.DOTALL)
"""Of signs for gaps: some of them, one more, and the same again."""
ASIDES = QuickPattern(r"(?<![\w.])\d{2,8}(?:[ ]?[(\[{][^()\[\]{}\n]{1,40}[)\]}][ ,]{0,2}\d{1,8}){1,8}(?!\w)")
_ASIDE = re.compile(r"[ ]?[(\[{][^()\[\]{}\n]{1,40}[)\]}][ ,]{0,2}")
_BEHIND = re.compile(r"[ ]?[(\[{][^()\[\]{}\n]{1,40}[)\]}]")
CELLS = QuickPattern(
    r"(?:\\begin\{\w{3,10}\*?\}(?:\{[^{}\n]{1,20}\})?[ \n]?)?(?<![\w.])\d{1,8}(?:[ ]?&[ ]?\d{1,8}){1,20}(?!\w)"
)
LIKE = r"[ ](?:as in|for|like|wie|de|come|comme|como|van)[ ][^\W\d_]+"
AS_IN = QuickPattern(
    r"(?<!\w)\w[ ](?:as in|for|like|wie|de|come|comme|como|van)[ ][^\W\d_]{2,14}"
    r"(?:[ ,;.-]{1,3}(?:\w(?:[ ](?:as in|for|like|wie|de|come|comme|como|van)[ ][^\W\d_]{2,14})?)(?!\w)){3,40}"
)
_EXAMPLE = re.compile(r"[ ](?:as in|for|like|wie|de|come|comme|como|van)[ ][^\W\d_]{2,14}|[ ,;.-]+")
TIMES = QuickPattern(r"(?<![\w.])\d[ ]?[x×*][ ]?\d(?:[ ,]{1,2}\d[ ]?[x×*][ ]?\d){4,24}(?!\w)")
GROUP_SUMS = QuickPattern(
    r"(?<![\w.+*-])\d{2,6}\+\d{1,4}(?:[ ,]{1,2}\d{2,6}\+\d{1,4}){1,10}(?:[ ,]{1,2}\d{1,3})?(?![\w+*-])"
)
WORKED = QuickPattern(r"(?<![\w.+*-])\d{1,2}[-+*]\d{1,2}(?:[ ,]{1,2}\d{1,2}[-+*]\d{1,2}){6,24}(?![\w+*-])")
_SUM = re.compile(r"(\d{1,2})([-+*])(\d{1,2})")
_COUNT_WORDS = "one two three four five six seven eight nine".split()  # noqa: SIM905
_OF_DIGITS = {word: n for n, word in enumerate(("zero", *_COUNT_WORDS))}
_OF_DIGITS |= {f"{word}s": n for word, n in _OF_DIGITS.items()} | {"zeroes": 0, "sixes": 6, "oh": 0, "ohs": 0}
_DIGIT_WORD = "|".join(sorted(_OF_DIGITS, key=len, reverse=True))
LENGTHS = QuickPattern(
    rf"(?<!\w)(?:{'|'.join(_COUNT_WORDS)}) (?:{_DIGIT_WORD})"
    rf"(?:,? (?:and |then )?(?:{'|'.join(_COUNT_WORDS)}) (?:{_DIGIT_WORD})){{3,24}}(?!\w)"
)


def numbered_groups(text: str) -> Iterator[Edit]:
    """Groups of digits in the order that their counters tell."""
    tokens = _tokens(text)
    if len(tokens) < 4:
        return
    between = [text[a.end() : b.start()] for a, b in itertools.pairwise(tokens)]
    done = 0
    for first, strides in _neighbours(tokens, between):
        if first < done:
            continue
        best = max(
            (found for stride in strides if (found := _run(tokens, between, first, stride))),
            key=lambda found: found[0],
            default=None,
        )
        if best is not None:
            yield Edit(tokens[first].start(), tokens[best[0] - 1].end(), best[1])
            done = best[0]


def _tokens(text: str) -> list[re.Match[str]]:
    """Groups of digits, and counters that stand before them."""
    digits = [m.span() for m in _DIGITS.finditer(text)]
    if sum(end - start for start, end in digits) < LEAST:
        return []
    near: list[tuple[int, int]] = []
    for start, end in digits[:MOST_TOKENS]:
        if near and start - BEFORE <= near[-1][1]:
            near[-1] = near[-1][0], end
        else:
            near.append((max(0, start - BEFORE), end))
    return [token for start, end in near for token in _TOKEN.finditer(text, start, end)][:MOST_TOKENS]


def _neighbours(tokens: Sequence[re.Match[str]], between: Sequence[str]) -> Iterator[tuple[int, list[int]]]:
    """Tokens at which two units could begin, and how long these could be; in most texts there are none.

    The gaps inside of both are alike and not too long; what differs before their last tokens is small, and something
    does.
    """
    signs: dict[str, str] = {}
    gaps = "".join(
        signs.setdefault(gap, chr(place)) if len(gap) <= MOST_GAP else chr(place) for place, gap in enumerate(between)
    )
    numbers = [_number(token.group()) for token in tokens]
    for found in _AGAIN.finditer(gaps):
        first = found.start()
        strides = [
            stride
            for stride in range(2, len(found[1]) + 2)
            if gaps.startswith(gaps[first + stride : first + 2 * stride - 1], first)
            and _counts(numbers[first : first + stride - 1], numbers[first + stride : first + 2 * stride - 1])
        ]
        if strides:
            yield first, strides


def _counts(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether what differs in two units is small, and something does."""
    for a, b in zip(one, other, strict=True):
        if a != b and (a > LONGEST + 2 or b > LONGEST + 2):
            return False
    return one != other


def _run(tokens: Sequence[re.Match[str]], between: Sequence[str], first: int, stride: int) -> tuple[int, str] | None:
    """Where a run of units of `stride` tokens ends, and what its last tokens make by the order of the counter."""
    form = between[first : first + stride - 1]
    if len(form) < stride - 1 or max(map(len, form)) > MOST_GAP or "" in form[1:]:
        return None
    last = first + stride
    while between[last : last + stride - 1] == form and len(between[last - 1]) <= MOST_GAP:
        last += stride
    units = [[t.group() for t in tokens[n : n + stride]] for n in range(first, last, stride)]
    pieces = [unit[-1] for unit in units]
    plain = "".join(pieces)
    if len(units) < 2 or not plain.isdigit() or not LEAST <= len(plain) <= LONGEST:
        return None
    order: list[int] | None = None
    for column in range(stride - 1):
        counters = [_number(unit[column]) for unit in units]
        if len(set(counters)) == 1:
            continue
        least = min(counters)
        if least > 2 or sorted(counters) != list(range(least, least + len(units))):
            return None
        order = order or counters
    if order is None:
        return None
    return last, "".join(piece for _, piece in sorted(zip(order, pieces, strict=True)))


def _number(token: str) -> int:
    return int(token) if token.isdigit() else _COUNTERS[token.lower()]


def told_otherwise(text: str) -> Iterator[Edit]:
    """Digits with asides between them, as cells, in sums, or by how often each comes; letters with examples."""
    edits = [Edit(m.start(), _end(text, m.end()), _ASIDE.sub("", m.group())) for m in ASIDES.finditer(text)]
    edits += [
        Edit(m.start(), m.end(), "".join(re.findall(r"\d+", m.group().rpartition("}")[2])))
        for m in CELLS.finditer(text)
    ]
    edits += [Edit(m.start(), m.end(), _EXAMPLE.sub("", m.group())) for m in AS_IN.finditer(text)]
    edits += [Edit(m.start(), m.end(), _multiplied(m.group())) for m in TIMES.finditer(text)]
    edits += [Edit(m.start(), m.end(), _lengths(m.group())) for m in LENGTHS.finditer(text)]
    edits += [Edit(m.start(), m.end(), _worked(m.group())) for m in WORKED.finditer(text)]
    for sums in GROUP_SUMS.finditer(text):
        terms = [str(sum(map(int, term.split("+")))) for term in re.split("[ ,]+", sums.group())]
        edits.append(Edit(sums.start(), sums.end(), "".join(terms)))
    yield from apart(edit for edit in edits if 6 <= len(edit.plain) <= LONGEST + 16)


def _end(text: str, end: int) -> int:
    behind = _BEHIND.match(text, end)
    return behind.end() if behind else end


def _multiplied(run: str) -> str:
    """ "4x1 7x2": all seconds one, the digits come first; otherwise so often each."""
    pairs = re.findall(r"(\d)[ ]?[x×*][ ]?(\d)", run)
    if all(b == "1" for _, b in pairs):
        return "".join(a for a, _ in pairs)
    return "".join(b * int(a) for a, b in pairs)


def _lengths(run: str) -> str:
    words = [word for word in re.findall("[a-z]+", run) if word not in ("and", "then")]
    return "".join(str(_OF_DIGITS[b]) * _OF_DIGITS[a] for a, b in zip(words[::2], words[1::2], strict=False))


def _worked(run: str) -> str:
    """Sums, differences and products that are single digits."""
    said = [
        int(a) + int(b) if sign == "+" else int(a) - int(b) if sign == "-" else int(a) * int(b)
        for a, sign, b in _SUM.findall(run)
    ]
    return "".join(map(str, said)) if all(0 <= n <= 9 for n in said) and len(set(said)) > 2 else ""
