"""Rows under their headers: CSV and its kin, Markdown, query results, fixed columns, SQL, HTML, JSON of columns.

A header gives its meaning to every cell below, however far. Only columns whose header announces an identifier are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

from nemora.privacy.detectors.announced_words import COLUMN
from nemora.privacy.detectors.context import key_pattern, label_words
from nemora.privacy.label_hint import hinted
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

MOST_COLUMNS = 400
LONGEST_LABEL, LONGEST_CELL = 48, 300
_COLUMN = tuple(key_pattern(words.replace(" ", r"[\s_]")) for words in COLUMN)
_SOME_COLUMN = QuickSet(_COLUMN)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A value at [start, end) of a text, and the words of its key or header."""

    label: str
    start: int
    end: int


_LINE = re.compile(r"[^\n]+")
_RULE = re.compile(r"[\s|+:=─│┼-]*\Z")
_CELLS = {
    separator: re.compile(
        rf'[ ]*(?:"(?P<quoted>(?:[^"\n]|"")*)"|(?P<bare>[^{re.escape(separator)}\n]*))[ ]*(?:{re.escape(separator)}|\Z)'
    )
    for separator in (",", ";", "\t", "|")
}
_WIDE_CELL = re.compile(r"\S+(?:[ ]\S+)*")


def meaning(label: str) -> str:
    """A key as words if it announces an identifier, else ""."""
    if len(label) > LONGEST_LABEL:
        return ""
    words = label_words(label)
    return words if _announces(words) else ""


def _announces(words: str) -> bool:
    """Whether a word of a header or key announces an identifier, a number of a person, or a secret."""
    return (_known if len(words) <= LONGEST_LABEL else _known.__wrapped__)(words)


@lru_cache(maxsize=4096)  # the same few names stand over all values of a file
def _known(words: str) -> bool:
    return hinted(words) or any(_COLUMN[place].search(words) is not None for place in _SOME_COLUMN.may(words))


def separated(text: str) -> Iterator[Labelled]:
    """Cells below a header line that has the same separators, also without any line but the header's between."""
    says: dict[int, bool] = {}
    for separator in _CELLS:
        if separator in text:
            yield from _separated(text, separator, says)


def _separated(text: str, separator: str, says: dict[int, bool]) -> Iterator[Labelled]:
    """`says` remembers where lines begin in which a word announces an identifier: only such a line can be a header."""
    labels: list[str] = []
    misses = 0
    for line in _LINE.finditer(text):
        count = line.group().count(separator)
        if count == 0 or count > MOST_COLUMNS:
            misses += 1
            labels = [] if misses > 3 else labels
            continue
        if separator == "|" and _RULE.fullmatch(line.group()):
            continue
        if not labels:
            if line.start() not in says:
                says[line.start()] = _may_announce(line.group())
            if not says[line.start()]:
                continue
        cells = _cells(text, line.start(), line.end(), separator)
        if labels and abs(len(cells) - len(labels)) <= (separator == "|"):
            misses = 0
            for label, (start, end) in zip(labels, cells, strict=False):
                if label and 0 < end - start <= LONGEST_CELL and (separator == "\t" or text.find("\t", start, end) < 0):
                    yield Labelled(label, start, end)
            continue
        written = [text[start:end] for start, end in cells]
        if len(cells) == 2 and written[1] and (alone := meaning(written[0])) and not is_code(written[0]):
            yield Labelled(alone, *cells[1])
        header = [meaning(cell) for cell in written]
        # Arguments of a call stand one to a line, each with its comma.
        if any(header) and _is_header(written) and (separator not in ",;" or sum(map(bool, written)) > 1):
            labels, misses = header, 0


def _may_announce(line: str) -> bool:
    """Whether a line may be a header, or a name with its value, and a word in it announces something.

    A quick test before the words are looked at: a long sentence is no header, nor is a row of numbers.
    """
    cells = max(line.count(separator) for separator in _CELLS) + 1
    if cells > 2:
        bare = re.sub(r"  +", " ", line)
        if len(bare) > cells * (LONGEST_LABEL + 3) or sum(map(str.isdigit, bare)) > cells + 2:
            return False
    return _announces(label_words(line))


def _is_header(cells: list[str]) -> bool:
    """Names of columns are short and hold few digits; a line of code holds commas and semicolons too."""
    return (
        all(len(c) <= LONGEST_LABEL for c in cells)
        and not any(is_code(c) for c in _without_quotes_around(cells))
        and sum(c.isdigit() for cell in cells for c in cell) <= len(cells) + 2
    )


def _without_quotes_around(cells: list[str]) -> list[str]:
    """A whole table may be one string of JSON or of a program: what stands before and behind it is no header's."""
    inner = list(cells)
    if inner[0].count('"') % 2:
        inner[0] = inner[0].rpartition('"')[2]
    if inner[-1].count('"') % 2:
        inner[-1] = inner[-1].partition('"')[0]
    return inner


_STATEMENT = re.compile(r"[;{}=]|::|->|(?<!\*)\*\w[^*]*\Z|(?:\A|[\s\"'])/\w[\w.-]*/\w|\w\(\)")


def is_code(cell: str) -> bool:
    """Whether a piece of a line is one of a program: signs of statements, a pointer, a path, half a pair of brackets.

    `const char *pass, int size,` and `if pwd and not isinstance(pwd, bytes):` would name the columns of what follows.
    """
    bare = cell.strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'`":
        bare = bare[1:-1]
    return (
        _STATEMENT.search(bare) is not None
        or bare.count("(") != bare.count(")")
        or bare.count("[") != bare.count("]")
        or '"' in bare
        or bare.count("'") > 1
    )


def _cells(text: str, start: int, end: int, separator: str) -> list[tuple[int, int]]:
    """Spans of the cells of a line, without quotes and spaces. An outer bar of Markdown makes no cell."""
    line = text[start:end].rstrip("\r")
    if separator == "|":
        start += len(line) - len(line.lstrip(" |"))
        line = line.strip(" |")
    cells: list[tuple[int, int]] = []
    at = 0
    while at <= len(line):
        cell = _CELLS[separator].match(line, at)
        if cell is None:  # text behind a closing quote: no table
            return cells
        name = "quoted" if cell["quoted"] is not None else "bare"
        first, last = cell.span(name)
        last -= len(cell[name]) - len(cell[name].rstrip())
        cells.append((start + first, start + max(first, last)))
        if cell.end() == at or (cell.end() == len(line) and not line.endswith(separator)):
            break
        at = cell.end()
    return cells


def fixed_width(text: str) -> Iterator[Labelled]:
    """Columns that begin under the words of a header line."""
    columns: list[tuple[int, str]] = []
    misses = 0
    for line in _LINE.finditer(text):
        written = line.group()
        if "  " not in written:
            misses += 1
            columns = [] if misses > 2 else columns
            continue
        misses = 0
        if columns and (cells := list(_under(columns, written))):
            for label, start, end in cells:
                yield Labelled(label, line.start() + start, line.start() + end)
            continue
        cells_of_header = [(m.start(), m.group()) for m in _WIDE_CELL.finditer(written)]
        if len(cells_of_header) >= 2 and _is_header([cell for _, cell in cells_of_header]):
            header = [(at, meaning(cell)) for at, cell in cells_of_header]
            columns = header if any(label for _, label in header) else []


def _under(columns: list[tuple[int, str]], line: str) -> Iterator[tuple[str, int, int]]:
    for number, (at, label) in enumerate(columns):
        stop = columns[number + 1][0] if number + 1 < len(columns) else len(line)
        if label and at < len(line) and line[at - 1 : at] in ("", " ") and not line[at].isspace():
            cell = line[at:stop].rstrip()
            if cell and len(cell) <= LONGEST_CELL:
                yield label, at, at + len(cell)


_INSERT = QuickPattern(r"(?i)\binto\s{1,4}[\w.\"`\[\]]{1,80}\s{0,4}\((?P<columns>[^()]{1,2000})\)\s{0,4}values\s{0,4}")
_TUPLE = re.compile(r"\s*,?\s*\((?P<row>(?:'(?:[^'\\]|''|\\.)*'|[^()']|\([^()]*\)){0,4000}+)\)")
_SQL_CELL = re.compile(r"\s*(?:[NE]?'(?P<quoted>(?:[^'\\]|''|\\.)*)'|(?P<bare>[^,]*))\s*(?:,|\Z)")


def inserted(text: str) -> Iterator[Labelled]:
    """The tuples of `INSERT INTO t (a, b) VALUES (1, 2), (3, 4)`."""
    if "nto" not in text and "NTO" not in text:
        return
    for insert in _INSERT.finditer(text):
        labels = [meaning(column.strip(' "`[]\n')) for column in insert["columns"].split(",")]
        at = insert.end()
        while any(labels) and (row := _TUPLE.match(text, at)) is not None:
            at = row.end()
            yield from _in_row(row["row"], row.start("row"), labels)


def _in_row(row: str, offset: int, labels: list[str]) -> Iterator[Labelled]:
    at = 0
    for label in labels:
        cell = _SQL_CELL.match(row, at)
        if cell is None:
            return
        name = "quoted" if cell["quoted"] is not None else "bare"
        start, end = cell.span(name)
        if label and start < end and row[start:end].strip().lower() != "null":
            yield Labelled(label, offset + start, offset + end)
        if cell.end() == at:
            return
        at = cell.end()


_HTML_ROW = re.compile(r"(?i)<tr[^>]{0,200}>(?P<row>.{0,8000}?)</tr>", re.DOTALL)
_HTML_CELL = re.compile(r"(?i)<t[hd][^>]{0,200}>\s{0,40}(?P<cell>[^<]{0,400}?)\s{0,40}</t[hd]>")


def html_rows(text: str) -> Iterator[Labelled]:
    """Cells of an HTML table under its first row, or behind the name in the first cell of their row."""
    if "<tr" not in text and "<TR" not in text:
        return
    labels: list[str] = []
    for row in _HTML_ROW.finditer(text):
        cells = [cell.span("cell") for cell in _HTML_CELL.finditer(text, row.start("row"), row.end("row"))]
        if len(cells) == len(labels):
            for label, (start, end) in zip(labels, cells, strict=True):
                if label and start < end:
                    yield Labelled(label, start, end)
            continue
        names = [meaning(text[start:end]) for start, end in cells]
        if len(cells) == 2 and names[0] and not names[1]:
            yield Labelled(names[0], *cells[1])
        elif any(names):
            labels = names


_COLUMNS = re.compile(r"\"(?:columns|headers?|fields|schema|keys)\"\s{0,8}:\s{0,8}\[(?P<names>[^\[\]{}]{1,4000})\]")
_JSON_ROW = re.compile(r"\[(?P<row>[^\[\]{}]{1,8000})\]")
_JSON_CELL = re.compile(r"\s*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^,\"]*))\s*(?:,|\Z)")


def json_rows(text: str) -> Iterator[Labelled]:
    """Arrays of as many values as `"columns": […]` names."""
    tables = list(_COLUMNS.finditer(text))
    for named, following in zip_longest(tables, tables[1:]):
        end = len(text) if following is None else following.start()
        names = [match["quoted"] or "" for match in _JSON_CELL.finditer(named["names"])]
        labels = [meaning(name) for name in names if name]
        if not any(labels):
            continue
        for row in _JSON_ROW.finditer(text, named.end(), end):
            cells = [
                m.span("quoted" if m["quoted"] is not None else "bare")
                for m in _JSON_CELL.finditer(row["row"])
                if m.group()
            ]
            if len(cells) != len(labels):
                continue
            for label, (start, end) in zip(labels, cells, strict=True):
                if label and start < end:
                    yield Labelled(label, row.start("row") + start, row.start("row") + end)
