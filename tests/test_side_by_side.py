"""The comparison with llama.cpp: its statistics, and its reading of what the other program says."""

from __future__ import annotations

import argparse
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
    sys.modules[spec.name] = module  # where a dataclass looks for its annotations
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
    said = [
        {"n_prompt": 0, "n_gen": 64, "n_depth": 0, "avg_ts": 7.5},
        {"n_prompt": 512, "n_gen": 0, "n_depth": 0, "avg_ts": 99},
        {"n_prompt": 0, "n_gen": 64, "n_depth": 4096, "avg_ts": 6.0},
    ]
    run = side_by_side.LlamaRun(said, {"pl": 8, "speed_pp": 50.0, "speed_tg": 20.0})
    speeds = {"prefill": 99.0, "decode": 7.5, "decode after 4096": 6.0, "decode, 8 at once": 20.0}
    assert side_by_side.speeds_of_llama(run) == speeds


def test_both_programs_name_what_they_measured_alike() -> None:
    spread = {"tokens_per_second": {"median": 5.0}}
    cases = [{"context": context, "batch": batch} | spread for context in (0, 4096) for batch in (1, 8)]
    speeds = side_by_side.speeds_of_nemora({"prompt": spread, "decode": cases})
    assert {"prefill", "decode", "decode after 4096", "decode, 8 at once"} <= set(speeds)


def test_what_only_one_program_measured_is_named() -> None:
    args = argparse.Namespace(context=None, batch=8, prompt=512, gen=64, threads=2)
    spread = {"tokens_per_second": {"median": 5.0}}
    ours = {"prompt": spread, "decode": [{"context": 0, "batch": batch} | spread for batch in (1, 8)]}
    theirs = side_by_side.LlamaRun([{"n_gen": 0, "avg_ts": 9}, {"n_gen": 64, "avg_ts": 3}], None)
    with pytest.raises(side_by_side.Failed, match="8 at once"):
        side_by_side.report_of(args, [ours], [theirs])


def test_shares_of_the_machines_limits_are_taken_by_kind_from_every_pair() -> None:
    def found(prompt: float, decode: float) -> dict[str, object]:
        cases = [{"context": 0, "batch": n, "share_by_stored_bytes": {"median": decode / n}} for n in (1, 8)]
        return {"prompt": {"share_of_int8": {"median": prompt}}, "decode": cases}

    shares = side_by_side.shares_of_limits([found(0.4, 0.8), found(0.6, 0.96), found(0.5, 0.88)], ["prefill", "decode"])
    assert {kind: share["median"] for kind, share in shares.items()} == {"prefill": 0.5, "decode": 0.88}
    without = side_by_side.shares_of_limits([{"prompt": {"share_of_int8": None}, "decode": []}], ["prefill"])
    assert without == {}


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


def test_of_a_program_that_prints_line_by_line_the_last_line_counts() -> None:
    code = "print('{\"n\": 1}'); print('{\"n\": 2}')"
    assert side_by_side.json_of([sys.executable, "-c", code], last_line=True) == {"n": 2}
    with pytest.raises(side_by_side.Failed, match="no JSON"):
        side_by_side.json_of([sys.executable, "-c", ""], last_line=True)
