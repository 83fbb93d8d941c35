"""The comparison with llama.cpp: its statistics, and its reading of what the other program says."""

from __future__ import annotations

import importlib.util
import math
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parent.parent / "bench" / "side_by_side.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("side_by_side", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


side_by_side = loaded()


@pytest.mark.parametrize(("pairs", "rank"), [(1, None), (4, None), (5, 1), (7, 1), (8, 2), (10, 2), (11, 3), (20, 6)])
def test_the_bound_is_the_sign_tests(pairs: int, rank: int | None) -> None:
    ratios = [float(n) for n in range(1, pairs + 1)]
    random.Random(0).shuffle(ratios)
    assert side_by_side.lower_bound(ratios) == rank  # the rank-th smallest of 1, 2, 3 ...
    if rank is not None:
        tail = [math.comb(pairs, n) / 2**pairs for n in range(rank + 1)]
        assert sum(tail[:-1]) <= 0.05 < sum(tail)


def test_the_bound_holds_for_nineteen_of_twenty_drawn_sets() -> None:
    draw = random.Random(1)
    bounds = [side_by_side.lower_bound([draw.lognormvariate(0, 1) for _ in range(8)]) for _ in range(4000)]
    assert sum(bound <= 1.0 for bound in bounds) / len(bounds) >= 0.95


def test_each_test_of_llama_bench_is_taken_for_what_it_is() -> None:
    said = [{"n_prompt": 0, "n_gen": 64, "avg_ts": 7.5}, {"n_prompt": 512, "n_gen": 0, "avg_ts": 99}]
    assert side_by_side.speeds_of_llama(said) == {"prefill": 99.0, "decode": 7.5}
    with pytest.raises(side_by_side.Failed):
        side_by_side.speeds_of_llama(said[:1])


def test_only_ratios_of_pairs_count() -> None:
    found = side_by_side.compared([10.0, 100.0, 1.0], [5.0, 50.0, 0.5])
    assert (found["ratio"], found["nemora"], found["llama_cpp"]) == (2.0, 10.0, 5.0)


@pytest.mark.parametrize(
    "code", ["import sys; sys.exit('broken')", "print('no json')"], ids=["it fails", "it prints something else"]
)
def test_a_program_that_does_not_measure_is_named(code: str) -> None:
    with pytest.raises(side_by_side.Failed, match="python"):
        side_by_side.json_of([sys.executable, "-c", code])
    with pytest.raises(side_by_side.Failed, match="cannot be run"):
        side_by_side.json_of(["/does/not/exist"])
