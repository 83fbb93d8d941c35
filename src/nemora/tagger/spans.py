"""From a probability per token and label to spans. Labels are BIO: "O", "B-TYPE", "I-TYPE"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nemora.errors import CorruptCheckpoint
from nemora.privacy.protocols import TaggedSpan

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
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

    Tokens of a word are judged together (their mean), so that no span ends inside a word. A word has the type
    whose B and I label are together likelier than O. It joins the word before if that has the same type, and
    touches it (parts of an address are words) or I is likelier than B for its first token.

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
    kind, score, found, begins = _judge(probabilities, firsts, counts, labels)
    starts = offsets[firsts, 0]
    ends = offsets[firsts + counts - 1, 1]
    begins[1:] &= starts[1:] > ends[:-1]
    spans: list[TaggedSpan] = []
    run: list[int] = []
    for word in np.flatnonzero(found).tolist():
        if run and (word != run[-1] + 1 or kind[word] != kind[run[-1]] or begins[word]):
            spans.append(_span(run, kind, score, starts, ends, labels))
            run = []
        run.append(word)
    if run:
        spans.append(_span(run, kind, score, starts, ends, labels))
    return spans


def _judge(probabilities: Floats, firsts: Ints, counts: Ints, labels: Labels) -> tuple[Ints, Floats, Bools, Bools]:
    """For each word: its likeliest type, that type's probability, whether it beats O, and whether B beats I.

    In slices, because a megabyte of text has a hundred megabytes of probabilities.
    """
    kinds, scores, founds, begins = [], [], [], []
    for a in range(0, len(firsts), _SLICE):
        first, count = firsts[a : a + _SLICE], counts[a : a + _SLICE]
        rows = probabilities[first[0] : first[-1] + count[-1]].astype(np.float32)
        heads = first - first[0]
        mean = np.add.reduceat(rows, heads, axis=0) / count[:, None]
        by_type = mean[:, labels.begin] + mean[:, labels.inside]
        kind = by_type.argmax(axis=1)
        score = by_type[np.arange(len(kind)), kind]
        kinds.append(kind)
        scores.append(score)
        founds.append(score > mean[:, labels.outside])
        begins.append(rows[heads, labels.begin[kind]] >= rows[heads, labels.inside[kind]])
    return np.concatenate(kinds), np.concatenate(scores), np.concatenate(founds), np.concatenate(begins)


def _span(run: list[int], kind: Ints, score: Floats, starts: Ints, ends: Ints, labels: Labels) -> TaggedSpan:
    mean = float(score[run[0] : run[-1] + 1].mean())
    return TaggedSpan(labels.types[int(kind[run[0]])], int(starts[run[0]]), int(ends[run[-1]]), min(mean, 1.0))
