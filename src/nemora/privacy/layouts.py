"""Values laid out so that they are not read along a line: first or last letters of lines, columns, single steps.

Reading a text in another order makes letters of letters, so these readings count only where words that announce an
identifier come out or stand near, and only for short stretches.
"""

# ruff: noqa: SIM905 - lists of words read better as text
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, zip_longest

from nemora.privacy.ciphers import speaks, weight
from nemora.privacy.edits import Edit, apart
from nemora.privacy.quick_pattern import QuickWords
from nemora.privacy.spaced_out import in_words

LEAST_LINES, MOST_LINES = 4, 240
"""Lines of a block that is read downwards."""
SHORTEST, LONGEST = 24, 600
"""Characters of what is read by steps."""
MOST_STEPS = 12
MOST_BLOCKS, MOST_TRIED = 24, 16
"""Blocks of a text that are read downwards, and lines of it that are read by steps."""
_LONGEST_CELL = 4
_DIGIT = re.compile(r"[0-9@]")
_ENOUGH = re.compile(r"@|(?:[0-9][^0-9]*){5}")
"""In what could be an address or a value; most first and last letters of lines are none."""
_RULE = re.compile(r"[\s|:=+-]*")
_SEPARATORS = ("|", "\t", ";", ",", "&", "  ")
_REMARK = re.compile(r"[ ]{0,2}\([^()\n]{3,80}\)[.]?\Z")
_ORDINARY = QuickWords(
    """
    the and is to of in for on with this that der die das und ist von den el la los de que en un una le les des est
    il che di per da w na nie jest if return def import class var let function
    info warn warning error debug trace get post put http https true false null none self string int
    """.split()
)


def downwards(text: str) -> Iterator[Edit]:
    """Blocks of lines, by what their first or last letters say, or by one of their columns."""
    if text.count("\n") < LEAST_LINES - 1:
        return
    for number, (start, end) in enumerate(_blocks(text)):
        if number == MOST_BLOCKS:
            return
        lines = text[start:end].split("\n")
        plain = _acrostic(lines) or _by_characters(lines)
        if plain:
            yield Edit(start, end, plain)
            continue
        if (found := _of_one_length(lines)) is not None:
            first, last, plain = found
            at = start + sum(len(line) + 1 for line in lines[:first])
            yield Edit(at, at + sum(len(line) + 1 for line in lines[first:last]) - 1, plain)
            continue
        for first, last, column in _by_cells(lines):
            at = start + sum(len(line) + 1 for line in lines[:first])
            yield Edit(at, at + sum(len(line) + 1 for line in lines[first:last]) - 1, column)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Spans of neighbouring lines that are not empty."""
    first: int | None = None
    at = count = 0
    for line in [*text.split("\n"), ""]:
        if line.strip() and len(line) <= LONGEST:
            first = at if first is None else first
            count += 1
        else:
            if first is not None and LEAST_LINES <= count <= MOST_LINES:
                yield first, at - 1
            first, count = None, 0
        at += len(line) + 1


def _acrostic(lines: Sequence[str]) -> str:
    """What the first or last characters of many lines say, if that has key words."""
    if len(lines) < 8:
        return ""
    for skipped in (0, 1):
        for place in (0, -1):
            joined = "".join(line[place] for line in lines[skipped:])
            if _ENOUGH.search(joined) and weight(plain := in_words(joined)) >= 3:
                return f" {plain} "
    return ""


def _by_cells(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """A column of short cells, from the second line on, if there is a header: from which line to which, and what."""
    for separator in _SEPARATORS:
        parted = [number for number, line in enumerate(lines) if separator in line]
        if len(parted) < LEAST_LINES or parted[-1] - parted[0] >= len(parted):
            continue
        table = lines[parted[0] : parted[-1] + 1]
        rows = [line.strip(separator + " ").split(separator) for line in table if not _RULE.fullmatch(line)]
        for skipped in (0, 1):
            columns = list(zip_longest(*rows[skipped:]))
            if len(columns) < 2 or len(rows) - skipped < LEAST_LINES or any(c is None for c in columns[0]):
                continue
            for column in columns:
                cells = [(cell or "") for cell in column if cell is not None]
                plain = _down([cell.strip() for cell in cells]) or _padded(cells)
                if plain:
                    yield parted[0], parted[-1] + 1, plain
                    return


def _down(cells: Sequence[str]) -> str:
    """Pieces of one length, but the last, that are no counter and make a value or key words; "" otherwise."""
    size = len(cells[0]) if cells else 0
    joined = "".join(cells)
    if size < 2 and _ENOUGH.search(joined) and weight(spaced := in_words(joined)) >= 3:
        return f" {spaced} "
    if not 1 <= size <= _LONGEST_CELL or max(map(len, cells)) > size or len(set(joined)) < 4:
        return ""
    if joined.isdigit():
        numbers = [int(cell) for cell in cells]
        told = 7 <= len(joined) <= 24 and all(len(cell) == size for cell in cells[:-1])
        return f" {joined} " if told and any(b < a for a, b in pairwise(numbers)) else ""
    return f" {spaced} " if _ENOUGH.search(joined) and weight(spaced := in_words(joined)) >= 3 else ""


def _padded(cells: Sequence[str]) -> str:
    """Cells of one width behind which the same space is left, spaces inside of the text kept; "" without key words."""
    width = max(map(len, cells))
    space = min(width - len(cell.rstrip()) for cell in cells)
    if width - space > _LONGEST_CELL + 4 or width == space or len(cells) < LEAST_LINES:
        return ""
    joined = "".join(cell.ljust(width)[: width - space] for cell in cells[:-1]) + cells[-1].rstrip()
    return f" {joined} " if _ENOUGH.search(joined) and weight(joined) >= 3 else ""


def _by_characters(lines: Sequence[str]) -> str:
    """Lines of one length, read by their columns."""
    longest = max(map(len, lines))
    if not 6 <= longest <= 200 or len(lines) > MOST_STEPS or min(map(len, lines)) < longest - 2:
        return ""
    if not _DIGIT.search("".join(lines)) or _is_ordinary(" ".join(lines)):
        return ""
    plain = "".join("".join(column) for column in zip_longest(*lines, fillvalue=""))
    return plain if weight(plain) >= 3 else ""


def _of_one_length(lines: Sequence[str]) -> tuple[int, int, str] | None:
    """The first three or more lines of about one length among others that are a text by their columns."""
    first = 0
    while first < len(lines) - 2:
        last = first + 1
        while last < len(lines) and abs(len(lines[last]) - len(lines[first])) < 2:
            last += 1
        if 3 <= last - first < len(lines) and (plain := _by_characters(lines[first:last])):
            return first, last, plain
        first = last
    return None


def stepped(text: str) -> Iterator[Edit]:
    """Lines that make words once every n-th character is read, or columns that were written one behind the other."""
    edits = []
    start = tried = 0
    for line in text.split("\n"):
        if SHORTEST <= len(line) <= LONGEST and _DIGIT.search(line):
            remark = _REMARK.search(line) if line.endswith((")", ").")) else None
            body = line[: remark.start()] if remark else line
            if len(body) >= SHORTEST and not _is_ordinary(body) and weight(body) == 0:
                tried += 1
                plain = _best(body)
                if plain:
                    edits.append(Edit(start, start + len(line), plain))
        if tried == MOST_TRIED:
            break
        start += len(line) + 1
    yield from apart(edits)


_SETTING = re.compile(r"[ \t]*[A-Za-z][A-Za-z_.-]{1,40} = \S+\Z")
"""Letters in another order seldom are a word, an equals sign between spaces, and one more piece."""


def _is_ordinary(line: str) -> bool:
    return _ORDINARY.any_in(line) or _SETTING.match(line) is not None


def _best(line: str) -> str:
    """The order of steps that makes the most of key words."""
    size = len(line)
    steps = {*range(2, MOST_STEPS + 1), *(-(-size // width) for width in range(2, MOST_STEPS + 1))}
    ways = ["".join([line[n::step] for n in range(step)]) for step in sorted(steps)]
    if not speaks("\n".join(ways)):
        return ""
    least = weight(line) + (3 if size <= 80 else 6)
    said, plain = max((weight(way), way) for way in ways)
    return plain.rstrip("_") if said >= least else ""
