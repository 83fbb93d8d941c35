"""A text with the spans that are marked in it, and the pieces that such texts are put together from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nemora.train.span_labels import TYPES

Piece = tuple[str, str | None]
"""Text, and its type or None. Spans come from pieces, so that no change of the text can leave one behind."""


@dataclass(frozen=True, slots=True)
class SpanText:
    """A text with spans (start, end, type), sorted, not overlapping, in code points.

    `group`: texts of one group are learned from or held out together. `known`: the types that the source annotates, so
    that text without a mark is none of them; of all other types it says nothing (`span_labels.columns_hidden_by_o`).
    """

    text: str
    spans: tuple[tuple[int, int, str], ...]
    lang: str
    source: str
    group: str
    known: frozenset[str] = frozenset(TYPES)


def joined(pieces: Iterable[Piece]) -> tuple[str, tuple[tuple[int, int, str], ...]]:
    """The text of pieces, and their spans without the white space around them. Empty spans are left out."""
    text, spans = "", []
    for part, kind in pieces:
        start, end = len(text), len(text) + len(part)
        text += part
        if kind is not None and part.strip():
            spans.append((start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip()), kind))
    return text, tuple(spans)


def taken_apart(text: str, spans: Iterable[tuple[int, int, str]]) -> list[Piece]:
    """The pieces of a text; the inverse of `joined`."""
    pieces: list[Piece] = []
    at = 0
    for start, end, kind in spans:
        pieces += [(text[at:start], None), (text[start:end], kind)]
        at = end
    return [piece for piece in (*pieces, (text[at:], None)) if piece[0]]


def mapped(pieces: Iterable[Piece], change: Callable[[str], str]) -> list[Piece]:
    """Every piece's text changed by itself; a typed piece that would become empty stays as it was."""
    return [(change(part) or (part if kind else ""), kind) for part, kind in pieces]
