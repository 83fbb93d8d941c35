"""A judge's measured calibration: what is measured, when it is refused, and that its file cannot say anything else."""

from __future__ import annotations

import dataclasses
import json
import random
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.errors import SettingsError, UsageError
from nemora.privacy.calibration import LEAST_ROWS, Calibration, area, calibrate, parse_calibration, platt

NAMES = {"model": "m", "identity": "i", "questions": "q"}


def rows(gap: float, each: int = 200, seed: int = 1) -> tuple[list[float], list[bool]]:
    draw = random.Random(seed)
    scores = [draw.gauss(gap, 1) for _ in range(each)] + [draw.gauss(0, 1) for _ in range(each)]
    return scores, [True] * each + [False] * each


@cache
def made(gap: float = 3.0, recall: float = 0.9) -> Calibration:
    return calibrate(*rows(gap), recall=recall, **NAMES)


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=30))
def test_the_area_counts_pairs(pairs: list[tuple[int, bool]]) -> None:
    scores, private = [float(s) for s, _ in pairs], [p for _, p in pairs]
    if 0 < sum(private) < len(private):
        ours = [s for s, p in zip(scores, private, strict=True) if p]
        others = [s for s, p in zip(scores, private, strict=True) if not p]
        counted = sum((a > b) + 0.5 * (a == b) for a in ours for b in others) / len(ours) / len(others)
        assert abs(area(scores, private) - counted) < 1e-9


def test_the_fitted_curve_is_the_true_one_where_there_is_one() -> None:
    # Two normal curves of width 1 at 3 and 0: the log-odds are 3 x - 4.5.
    scale, shift = platt(*rows(3.0, 2000))
    assert abs(scale - 3) < 0.4 and abs(shift + 4.5) < 0.7


def test_sides_that_do_not_overlap_have_a_curve_too() -> None:
    found = calibrate([10.0] * 60 + [-10.0] * 60, [True] * 60 + [False] * 60, recall=0.9, **NAMES)
    assert found.auc == found.recall == 1 and found.false_alarms == 0
    assert found.raises(10) and not found.raises(-10) and found.raises(30)


def test_recall_and_false_alarms_are_those_of_rows_that_were_not_seen() -> None:
    found = made()
    scores, private = rows(3.0, 4000, seed=2)
    raised = [found.raises(s) for s in scores]
    recall = sum(r and p for r, p in zip(raised, private, strict=True)) / 4000
    alarms = sum(r and not p for r, p in zip(raised, private, strict=True)) / 4000
    assert abs(recall - found.recall) < 0.06 and abs(alarms - found.false_alarms) < 0.06 and recall > 0.85
    assert made(recall=0.99).threshold < found.threshold


def test_a_weak_judge_and_too_few_texts_get_no_calibration() -> None:
    with pytest.raises(UsageError, match="AUC"):
        calibrate(*rows(0.5), recall=0.9, **NAMES)
    with pytest.raises(UsageError, match="AUC"):
        calibrate([-s for s in rows(3.0)[0]], rows(3.0)[1], recall=0.9, **NAMES)
    few = LEAST_ROWS - 1
    with pytest.raises(UsageError, match="at least"):
        calibrate([1.0] * few + [0.0] * 99, [True] * few + [False] * 99, recall=0.9, **NAMES)


def test_a_calibration_comes_back_from_its_file() -> None:
    assert parse_calibration(made().to_json().encode()) == made()


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"auc": 0.89}, {"private": LEAST_ROWS - 1}, {"harmless": 3}, {"scale": -1.0}, {"scale": 0},
        {"threshold": 1.5}, {"threshold": True}, {"shift": "0"}, {"identity": ""}, {"model": None}, {"more": 1},
        {"recall": -0.1}, {"private": 100.5},
    ],
)  # fmt: skip
def test_a_file_that_calibrate_would_not_have_written_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        parse_calibration(json.dumps({**json.loads(made().to_json()), **change}).encode())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner), max_leaves=4
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200)
    | st.dictionaries(st.sampled_from([f.name for f in dataclasses.fields(Calibration)]), json_values).map(
        lambda change: json.dumps({**json.loads(made().to_json()), **change}).encode()
    )
    | st.just(b"[" * 100_000)
)
def test_any_bytes_are_a_good_calibration_or_a_settings_error(data: bytes) -> None:
    try:
        found = parse_calibration(data)
    except SettingsError:
        return
    assert found.auc >= 0.9 and 0 <= found.probability(5.0) <= 1
