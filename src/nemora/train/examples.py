"""From labelled texts to what a step of training sees: public texts beside authored ones, layouts, typos, mixtures."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from nemora.errors import UsageError
from nemora.train.authored import Example, filled, read_authored, windows
from nemora.train.span_labels import ABSENT_FROM_HARMLESS, UNKNOWN
from nemora.train.span_sources import read_authored_spans
from nemora.train.span_text import Piece, SpanText, joined, mapped, taken_apart

MAX_PUBLIC_ROWS = 250
"""Rows taken of each public set: many more than these drown the authored ones."""
STAYING_LABELS = ("health", "finance")


def read_requests(folder: Path) -> list[Example]:
    """The requests of `authored.read_authored` with their spans.

    Raises:
        UsageError: a line is not a labelled request, or marks a type that is not known.
    """
    pairs = zip(read_authored(folder), read_authored_spans(folder), strict=True)
    return [replace(told, text=marked.text, spans=marked.spans, known=marked.known) for told, marked in pairs]


def of_spans(texts: Iterable[SpanText]) -> list[Example]:
    """Texts of which only the spans are known."""
    return [Example(t.text, None, None, t.group, t.lang, t.source, t.spans, t.known) for t in texts]


def read_public(folder: Path, draw: random.Random) -> list[Example]:
    """Rows with a label of the .jsonl and .jsonl.gz files in `folder`: `text`, `label` (benign, health, finance, …).

    Raises:
        UsageError: the folder has no such file, or a row is not like that.
    """
    files = sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz")])
    if not files:
        raise UsageError(f"{folder} holds no .jsonl or .jsonl.gz file of labelled texts.")
    return [example for file in files for example in _rows(file, draw)]


def _rows(file: Path, draw: random.Random) -> list[Example]:
    data = file.read_bytes()
    source = file.name.split(".")[0]
    found: list[Example] = []
    lines = (gzip.decompress(data) if file.suffix == ".gz" else data).decode("utf-8").split("\n")
    for number, line in enumerate(lines):  # the group is the row, whichever of its labels is read
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            text, label = row["text"], row.get("label")
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{file.name} has a line that is not a JSON object with a text.") from None
        group = f"{source}:{number}"
        if label == "benign":
            harmless = Example(text, False, (), group, row.get("lang", "en"), source)
            found.append(replace(harmless, spans=(), known=ABSENT_FROM_HARMLESS))
        elif label in STAYING_LABELS:
            found.append(Example(text, True, None, group, row.get("lang", "en"), source))
    return draw.sample(found, min(MAX_PUBLIC_ROWS, len(found)))


class Varied:
    """Draws examples as they might come: in layouts, mistyped, alone or within longer harmless text."""

    def __init__(self, examples: Sequence[Example], draw: random.Random) -> None:
        self.draw = draw
        self.harmless = [example for example in examples if example.stays is False]

    def vary(self, example: Example) -> Example:
        """The example with fresh values, and sometimes in other surroundings. Its labels hold for what it becomes."""
        found = with_values(example, self.draw)
        if self.harmless and self.draw.random() < 0.15:
            found = self._among_harmless(found)
        pieces = taken_apart(found.text, found.spans or ())
        if self.draw.random() < 0.12:
            pieces = self.draw.choice(LAYOUTS)(pieces)
        if self.draw.random() < 0.12:
            pieces = mapped(pieces, lambda text: mistyped(text, self.draw))
        return _with_pieces(found, pieces)

    def _among_harmless(self, example: Example) -> Example:
        neighbours = [_cut(with_values(self.draw.choice(self.harmless), self.draw), 800) for _ in range(2)]
        keep = self.draw.choice([(0,), (1,), (0, 1)])
        before, after = (neighbours[i] if i in keep else None for i in (0, 1))
        parts = [part for part in (before, example, after) if part]
        return _joined(parts, example, self.draw.choice(["\n", "\n\n", "\n---\n"]))


def with_values(example: Example, draw: random.Random) -> Example:
    """The example with new values in its slots."""
    pieces = mapped(taken_apart(example.text, example.spans or ()), lambda text: filled(text, draw))
    return _with_pieces(example, pieces)


def _with_pieces(example: Example, pieces: Sequence[Piece]) -> Example:
    text, spans = joined(pieces)
    return replace(example, text=text, spans=spans if example.spans is not None else None)


def _cut(example: Example, size: int) -> Example:
    """The first `size` characters; a span that is cut may be anything."""
    text = example.text[:size]
    if example.spans is None:
        return replace(example, text=text)
    spans = ((start, min(end, size), kind if end <= size else UNKNOWN) for start, end, kind in example.spans)
    return replace(example, text=text, spans=tuple(span for span in spans if span[0] < size))


def _joined(parts: Sequence[Example], told: Example, gap: str) -> Example:
    """One text of several, with the labels of one. A part whose spans nobody marked may be anything; and of unmarked
    text only that is known which all the others' sources annotate."""
    pieces: list[Piece] = []
    for part in parts:
        own = taken_apart(part.text, part.spans) if part.spans is not None else [(part.text, UNKNOWN)]
        pieces += [*([(gap, None)] if pieces else []), *own]
    text, spans = joined(pieces)
    known = [part.known for part in parts if part.spans is not None]
    return replace(
        told, text=text, spans=spans if known else None, known=frozenset.intersection(*known) if known else frozenset()
    )


Layout = Callable[[list[Piece]], list[Piece]]


def _layout(before: str, after: str = "", change: Callable[[str], str] = str) -> Layout:
    return lambda pieces: [piece for piece in ((before, None), *mapped(pieces, change), (after, None)) if piece[0]]


LAYOUTS: tuple[Layout, ...] = (
    _layout('{"role": "user", "content": "', '"}', lambda text: json.dumps(text, ensure_ascii=False)[1:-1]),
    _layout("> ", change=lambda text: text.replace("\n", "\n> ")),
    _layout("user: "),
    _layout("```\n", "\n```"),
    _layout("<document>\n", "\n</document>"),
    _layout("", change=str.upper),
    _layout("", change=str.lower),
    _layout("", change=lambda text: re.sub(r"\s+", " ", text)),
    _layout("Summarise this:\n\n"),
    _layout("", "\n\nAnswer briefly."),
)


def mistyped(text: str, draw: random.Random) -> str:
    """A text with a few letters lost, doubled or swapped."""
    letters = list(text)
    if not letters:
        return text
    for _ in range(len(letters) // 60 + (draw.random() < len(letters) % 60 / 60)):
        at = draw.randrange(len(letters))
        if not letters[at].isalpha():
            continue
        match draw.randrange(3):
            case 0:
                letters[at] = ""
            case 1:
                letters[at] *= 2
            case _ if at + 1 < len(letters):
                letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


def parts_of(examples: Sequence[Example]) -> list[Example]:
    """Long texts as they are judged: in windows, each with the labels of the whole.

    A window of a confidential text may itself be harmless; so only the first two count as staying, and of the others
    only the spans are learned from.
    """
    parts = []
    for example in examples:
        at = 0
        for index, piece in enumerate(windows(example.text)):
            part = _cut(_without_first(example, at), len(piece))
            at += len(piece)
            if index < 2 or not example.stays:
                parts.append(part)
            elif part.spans is not None:
                parts.append(replace(part, stays=None, topics=None))
    return parts


def _without_first(example: Example, size: int) -> Example:
    if example.spans is None:
        return replace(example, text=example.text[size:])
    spans = (
        (max(start, size) - size, end - size, kind if start >= size else UNKNOWN) for start, end, kind in example.spans
    )
    return replace(example, text=example.text[size:], spans=tuple(span for span in spans if span[1] > 0))
