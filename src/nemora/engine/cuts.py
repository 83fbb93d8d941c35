"""Where a prompt is cut into forward passes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


def least(chunk: int) -> int:
    """Tokens of the smallest piece: three eighths of a chunk, 48 of 128.

    So little is read again: less than that before the boundary that two prompts share last, and what a template opens
    an answer with after it, which is under 64 tokens together.
    """
    return max(1, chunk * 3 // 8)


def stable_cuts(length: int, boundaries: Sequence[int], chunk: int) -> list[int]:
    """Positions, rising, at which a prompt of `length` tokens is cut, whatever may follow it.

    A cut comes `chunk` tokens after the one before, or earlier at the first of `boundaries` (positions, in any order)
    that lies at least `least` after it. So what decides on a cut lies before it or at it: two prompts that begin
    alike are cut alike as far as that goes, and what one left behind at a cut is, to the bit, what the other would have
    computed. The end of a prompt is among the cuts only if it would be one in a longer prompt too.
    """
    named = sorted({position for position in boundaries if 0 < position <= length})
    cuts: list[int] = []
    last = 0
    while True:
        index = bisect_left(named, last + least(chunk))
        cut = last + chunk
        if index < len(named):
            cut = min(cut, named[index])
        if cut > length:
            return cuts
        cuts.append(cut)
        last = cut
