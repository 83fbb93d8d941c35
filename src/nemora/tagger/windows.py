"""Long texts for a model with few positions: token windows that overlap, and one prediction per token."""

from __future__ import annotations

from collections.abc import Iterator

PIECE_CHARS = 8192
_LOOK_BACK = 1024


def pieces(text: str) -> Iterator[tuple[int, str]]:
    """Cut `text` into (offset, piece) of at most `PIECE_CHARS` characters, after white space where there is any.

    A tokenizer that splits at white space gives the same tokens for the pieces as for the whole, in bounded memory.
    """
    start = 0
    while start < len(text):
        end = min(start + PIECE_CHARS, len(text))
        if end < len(text):
            end = next((i for i in range(end, end - _LOOK_BACK, -1) if text[i - 1].isspace()), end)
        yield start, text[start:end]
        start = end


def windows(count: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """Token ranges [start, end) of at most `size` that cover `count` tokens; neighbours share `overlap` of them.

    They are of equal length but for one token, and no longer than need be: the last one is not a stub without context.
    """
    if count <= size:
        return [(0, count)] if count else []
    number = -(-(count - overlap) // (size - overlap))
    size = min(size, -(-(count + (number - 1) * overlap) // number))
    last = count - size
    return [(round(last * i / (number - 1)), round(last * i / (number - 1)) + size) for i in range(number)]


def owned(ranges: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """For each window, the range of tokens that it decides: where two overlap, each decides the half nearer to it."""
    for i, (start, end) in enumerate(ranges):
        first = start if i == 0 else (start + ranges[i - 1][1]) // 2
        last = end if i == len(ranges) - 1 else (ranges[i + 1][0] + end) // 2
        yield first, last
