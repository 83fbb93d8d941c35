"""From a probability per token and label to spans. Labels are BIO: "O", "B-TYPE", "I-TYPE"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nemora.errors import CorruptCheckpoint
from nemora.privacy.protocols import TaggedSpan

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
OUTSIDE = -1
"""In place of a type's number: of no span."""
OUTSIDE_WEIGHT = 0.4
"""What O's probability counts for: what is missed costs more than what is marked in vain. Measured on held-out rows."""
SURELY_OUTSIDE = 0.995
LEAST_FRESH = 0.1
"""A span that seems to go on without having begun may begin here, at this price."""
_TINY = 1e-5
_SLICE = 8192


@dataclass(frozen=True, slots=True)
class Labels:
    """The label set of a model: types in order, and for each type the columns of its B and I label."""

    types: tuple[str, ...]
    outside: int
    begin: Ints
    inside: Ints

    @classmethod
    def of(cls, names: Sequence[str]) -> Labels:
        """From label names by column.

        Raises:
            CorruptCheckpoint: not a BIO label set.
        """
        column = {name: i for i, name in enumerate(names)}
        types = tuple(dict.fromkeys(name[2:] for name in names if name[:2] == "B-"))
        wanted = {"O", *(f"{prefix}-{kind}" for kind in types for prefix in "BI")}
        if not types or set(column) != wanted or len(names) != len(wanted):
            raise CorruptCheckpoint("The tagger's labels are not O, B-TYPE and I-TYPE for each type; install it anew.")
        begin = np.array([column[f"B-{kind}"] for kind in types], dtype=np.int64)
        inside = np.array([column[f"I-{kind}"] for kind in types], dtype=np.int64)
        return cls(types, column["O"], begin, inside)


def softmax(logits: Floats) -> Floats:
    """Probabilities over the last axis."""
    exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Floats = exp / exp.sum(axis=-1, keepdims=True)
    return result


def decode(probabilities: Floats, words: Ints, offsets: Ints, labels: Labels) -> list[TaggedSpan]:
    """Spans of one text, sorted.

    Tokens of a word are judged together (their mean), so that no span ends inside a word. The words get the likeliest
    sequence of labels in which a span begins before it goes on (the Viterbi algorithm: Forney, The Viterbi Algorithm,
    Proc. IEEE 61, 1973): a word is not torn out of a name because another type is a little likelier for it alone.
    Spans of one type that touch are one (parts of an address are words).

    Args:
        probabilities: [tokens, labels].
        words: [tokens], the same number for tokens of one word, rising.
        offsets: [tokens, 2], code points [start, end).

    Returns:
        Spans with the mean probability of their words' type. Spans never overlap or are empty.
    """
    if not len(words):
        return []
    firsts = np.flatnonzero(np.diff(words, prepend=words[0] - 1))
    counts = np.diff(firsts, append=len(words))
    starts = offsets[firsts, 0]
    ends = offsets[firsts + counts - 1, 1]
    spans: list[TaggedSpan] = []
    for low, by_type, outside, fresh in _stretches(probabilities, firsts, counts, labels):
        kinds, begins = _likeliest(by_type, outside, fresh)
        begins[1:] &= starts[low + 1 : low + len(kinds)] > ends[low : low + len(kinds) - 1]
        cuts = np.flatnonzero(begins | (np.diff(kinds, prepend=OUTSIDE - 1) != 0)).tolist()
        for start, end in pairwise([*cuts, len(kinds)]):
            kind = int(kinds[start])
            if kind != OUTSIDE:
                score = min(float(by_type[start:end, kind].mean()), 1.0)
                spans.append(TaggedSpan(labels.types[kind], int(starts[low + start]), int(ends[low + end - 1]), score))
    return spans


def _stretches(
    probabilities: Floats, firsts: Ints, counts: Ints, labels: Labels
) -> Iterator[tuple[int, Floats, Floats, Floats]]:
    """Runs of words that may belong to spans: the first word's number; for each word the probabilities of the types,
    [words, types], and of O; and how likely a span of each type begins with it rather than goes on.

    In slices, because a megabyte of text has a hundred megabytes of probabilities.
    """
    outside = np.empty(len(firsts), dtype=np.float32)
    for rows, first, count, a in _slices(probabilities, firsts, counts):
        outside[a : a + len(first)] = np.add.reduceat(rows[:, labels.outside], first) / count
    maybe = np.flatnonzero(outside < SURELY_OUTSIDE)
    for run in np.split(maybe, np.flatnonzero(np.diff(maybe) > 1) + 1) if len(maybe) else ():
        parts = []
        for rows, first, count, _ in _slices(probabilities, firsts[run], counts[run]):
            mean = np.add.reduceat(rows, first, axis=0) / count[:, None]
            begin, inside = rows[first][:, labels.begin], rows[first][:, labels.inside]
            fresh = np.maximum((begin + _TINY) / (begin + inside + 2 * _TINY), LEAST_FRESH)
            parts.append((mean[:, labels.begin] + mean[:, labels.inside], fresh))
        by_type, fresh = (np.concatenate(part) for part in zip(*parts, strict=True))
        yield int(run[0]), by_type, outside[run], fresh


def _slices(probabilities: Floats, firsts: Ints, counts: Ints) -> Iterator[tuple[Floats, Ints, Ints, int]]:
    """Rows of some words that follow each other, as float32; where each word begins in them; its tokens; its number."""
    for a in range(0, len(firsts), _SLICE):
        first, count = firsts[a : a + _SLICE], counts[a : a + _SLICE]
        rows = probabilities[first[0] : first[-1] + count[-1]].astype(np.float32)
        yield rows, first - first[0], count, a


def _likeliest(by_type: Floats, outside: Floats, fresh: Floats) -> tuple[Ints, Bools]:
    """The types of the likeliest sequence, OUTSIDE for none, and where spans begin."""
    count, types = by_type.shape
    out = np.log(outside * OUTSIDE_WEIGHT + _TINY)
    begin, go_on = np.log(by_type * fresh + _TINY), np.log(by_type * (1 - fresh) + _TINY)
    goes_on = np.empty((count, types), dtype=np.bool_)
    before = np.empty(count, dtype=np.int64)
    best_out, best = 0.0, np.full(types, -np.inf)  # of the sequences that end outside, and in each type
    for word in range(count):
        top = int(best.argmax())
        best_before, before[word] = (best_out, OUTSIDE) if best_out >= best[top] else (float(best[top]), top)
        anew, on = best_before + begin[word], best + go_on[word]
        goes_on[word] = on > anew
        best, best_out = np.maximum(anew, on), best_before + float(out[word])
    kinds, begins = np.full(count, OUTSIDE), np.zeros(count, dtype=np.bool_)
    kind = OUTSIDE if best_out >= best.max() else int(best.argmax())
    for word in range(count - 1, -1, -1):
        kinds[word] = kind
        if kind == OUTSIDE or not goes_on[word, kind]:
            begins[word] = kind != OUTSIDE
            kind = int(before[word])
    return kinds, begins
