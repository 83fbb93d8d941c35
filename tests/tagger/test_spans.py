"""Decoding: from probabilities to spans."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nemora.errors import CorruptCheckpoint
from nemora.tagger import spans
from nemora.tagger.spans import Labels, decode, softmax

NAMES = ["O", "B-NAME", "I-NAME", "B-CITY", "I-CITY"]
LABELS = Labels.of(NAMES)


def found(text: str, tokens: list[tuple[str, str]], sure: float = 0.9) -> list[tuple[str, str]]:
    """Decode tokens given as (text, label); a token that begins with ## continues its word."""
    probabilities, words, offsets, at = [], [], [], 0
    for token, label in tokens:
        piece = token.removeprefix("##")
        at = text.index(piece, at)
        offsets.append((at, at + len(piece)))
        at += len(piece)
        words.append((words[-1] if token.startswith("##") else words[-1] + 1) if words else 0)
        row = np.full(len(NAMES), (1 - sure) / (len(NAMES) - 1), dtype=np.float32)
        row[NAMES.index(label)] = sure
        probabilities.append(row)
    result = decode(np.array(probabilities), np.array(words), np.array(offsets), LABELS)
    return [(span.label, text[span.start : span.end]) for span in result]


def test_begin_and_inside_make_one_span() -> None:
    tokens = [("Ann", "B-NAME"), ("Lee", "I-NAME"), ("of", "O"), ("Oslo", "B-CITY")]
    assert found("Ann Lee of Oslo", tokens) == [("NAME", "Ann Lee"), ("CITY", "Oslo")]


def test_begin_after_a_space_starts_another_span() -> None:
    assert found("Ann Bob", [("Ann", "B-NAME"), ("Bob", "B-NAME")]) == [("NAME", "Ann"), ("NAME", "Bob")]


def test_parts_that_touch_are_one_span() -> None:
    assert found("a.b", [("a", "B-NAME"), (".", "B-NAME"), ("b", "B-NAME")]) == [("NAME", "a.b")]


def test_inside_without_begin_is_a_span() -> None:
    assert found("so Lee", [("so", "O"), ("Lee", "I-NAME")]) == [("NAME", "Lee")]


def test_another_type_starts_another_span() -> None:
    assert found("Ann Oslo", [("Ann", "B-NAME"), ("Oslo", "I-CITY")]) == [("NAME", "Ann"), ("CITY", "Oslo")]


def test_no_span_ends_inside_a_word() -> None:
    assert found("Gonzalez", [("Gon", "B-NAME"), ("##za", "I-NAME"), ("##lez", "O")]) == [("NAME", "Gonzalez")]
    assert found("Gonzalez", [("Gon", "O"), ("##za", "I-NAME"), ("##lez", "O")]) == []


def test_type_split_between_begin_and_inside_still_beats_outside() -> None:
    row = np.array([[0.4, 0.3, 0.3, 0.0, 0.0]], dtype=np.float32)
    (span,) = decode(row, np.array([0]), np.array([[0, 3]]), LABELS)
    assert span.label == "NAME" and span.score == pytest.approx(0.6)


def test_slices_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    words = np.sort(rng.integers(0, 60, 200))
    offsets = np.stack((np.arange(200) * 3, np.arange(200) * 3 + 2), axis=1)
    probabilities = softmax(rng.normal(size=(200, 5)).astype(np.float32) * 3)
    whole = decode(probabilities, words, offsets, LABELS)
    monkeypatch.setattr(spans, "_SLICE", 7)
    assert len(whole) > 10
    assert decode(probabilities, words, offsets, LABELS) == whole


def test_no_word_is_torn_out_of_a_span_because_another_type_is_a_little_likelier_for_it_alone() -> None:
    rows = np.array([[0.02, 0.9, 0.04, 0.02, 0.02], [0.02, 0.02, 0.44, 0.02, 0.5]], dtype=np.float32)
    (span,) = decode(rows, np.array([0, 1]), np.array([[0, 3], [4, 7]]), LABELS)
    assert (span.label, span.start, span.end) == ("NAME", 0, 7)


@settings(max_examples=60)
@given(arrays.arrays(np.float32, (4, 5), elements=st.floats(-5, 5, width=32)))
def test_the_sequence_is_the_likeliest_of_all(logits: spans.Floats) -> None:
    """Beside the slow twin: every sequence of O, beginnings and goings-on is weighed."""
    rows = softmax(logits.astype(np.float64))
    by_type, outside = rows[:, LABELS.begin] + rows[:, LABELS.inside], rows[:, LABELS.outside]
    fresh = rows[:, LABELS.begin] / by_type

    def weight(states: tuple[tuple[int, bool], ...]) -> float:
        total, before = 0.0, spans.OUTSIDE
        for word, (kind, begins) in enumerate(states):
            if kind == spans.OUTSIDE:
                total += np.log(outside[word] * spans.OUTSIDE_WEIGHT + spans._TINY)
            elif begins or before == kind:
                share = fresh[word, kind] if begins else 1 - fresh[word, kind]
                total += np.log(by_type[word, kind] * share + spans._TINY)
            else:
                return -np.inf
            before = kind
        return float(total)

    kinds, begins = spans._likeliest(by_type, outside, fresh)
    possible = [(spans.OUTSIDE, False), *((kind, new) for kind in (0, 1) for new in (True, False))]
    best = max(weight(states) for states in product(possible, repeat=4))
    assert weight(tuple(zip(kinds.tolist(), begins.tolist(), strict=True))) == pytest.approx(best)


@settings(max_examples=50)
@given(
    arrays.arrays(np.float32, (30, 5), elements=st.floats(-9, 9, width=32)),
    st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_spans_are_ordered_whole_and_in_range(logits: spans.Floats, joins: list[bool]) -> None:
    words = np.cumsum([not join for join in joins])
    offsets = np.stack((np.arange(30) * 2, np.arange(30) * 2 + 2), axis=1)
    at = 0
    for span in decode(softmax(logits), words, offsets, LABELS):
        assert at <= span.start < span.end <= 60
        assert 0 < span.score <= 1
        at = span.end


@pytest.mark.parametrize(
    "names", [[], ["O"], ["O", "B-X"], ["B-X", "I-X"], ["O", "B-X", "I-X", "Z"], ["O", "O", "B-X", "I-X"]]
)
def test_labels_that_are_not_bio_are_refused(names: list[str]) -> None:
    with pytest.raises(CorruptCheckpoint):
        Labels.of(names)
