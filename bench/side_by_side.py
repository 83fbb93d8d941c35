"""Nemora and llama.cpp in turns on one GGUF file: A B A B, so that both meet the same machine.

    python bench/side_by_side.py --model FILE.gguf --llama FOLDER [--pairs 8] [--prompt 512] [--gen 64]
                                 [--context 4096] [--batch 8] [--threads 2] [--save]

A pair is one run of each, one right after the other; who begins changes from pair to pair. Of a pair only the ratio
counts, Nemora's tokens a second over llama.cpp's. Printed are medians, the median ratio, and a bound that the true
median ratio exceeds with 95 % confidence. It is the sign test's: an order statistic of the ratios, so it assumes
nothing of how they spread, and needs at least five pairs. The last column is Nemora's share of what the machine could
do around its runs: of int8 operations for a prompt, of memory's bandwidth for decoding. `build_llama_cpp.sh` makes
llama.cpp's programs.

Decoding begins with nothing before it, and again after `--context` positions: llama-bench reads them, Nemora's are a
constant. With `--batch` so many sequences decode together as well; there llama.cpp's part is by llama-batched-bench,
which reads 16 tokens for each first, as it takes no empty prompt.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
CONFIDENCE = 0.95
LLAMA_BENCH, BATCHED_BENCH = "llama-bench", "llama-batched-bench"
FIRST_TOKENS = 16
Speeds = Mapping[str, float]
"""Tokens a second of each kind."""


@dataclass(frozen=True)
class LlamaRun:
    """What llama-bench printed, and llama-batched-bench where it was asked."""

    tests: Sequence[Mapping[str, Any]]
    batch: Mapping[str, Any] | None


class Failed(Exception):
    """A program did not measure; what is said names it."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Nemora and llama.cpp in turns on one file.")
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--llama", type=Path, required=True, help="the folder of llama.cpp's programs")
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--gen", type=int, default=64)
    parser.add_argument("--context", type=int, help="decode after so many positions as well")
    parser.add_argument("--batch", type=int, help="decode so many sequences together as well")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save", action="store_true", help="write bench/results/side_by_side_MODEL_INSTRUCTIONS.json")
    args = parser.parse_args()
    if min(args.pairs, args.prompt, args.gen, args.context or 1, args.threads) < 1 or (args.batch or 2) < 2:
        parser.error("--pairs, --prompt, --gen, --context and --threads must be at least 1, --batch at least 2")
    programs = [args.llama / LLAMA_BENCH, *([args.llama / BATCHED_BENCH] if args.batch else [])]
    for file in (args.model, *programs):
        if not file.is_file():
            parser.error(f"there is no file {file}")
    try:
        for ours, theirs in measured(args):
            report = report_of(args, ours, theirs)
            if args.save:
                save(report, args.model.stem)
    except Failed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    show(report)
    return 0


def save(report: Mapping[str, Any], model: str) -> None:
    """After every pair, so that one that fails, or a machine that is taken away, costs no other."""
    RESULTS.mkdir(exist_ok=True)
    name = f"side_by_side_{model}_{report['machine']['native_instructions']}.json"
    (RESULTS / name).write_text(json.dumps(report, indent=2) + "\n")


def measured(args: argparse.Namespace) -> Iterator[tuple[list[dict[str, Any]], list[LlamaRun]]]:
    """What both say, up to each pair."""
    ours: list[dict[str, Any]] = []
    theirs: list[LlamaRun] = []
    for pair in range(args.pairs):
        if pair % 2:
            theirs.append(llama_run(args))
        ours.append(nemora_bench(args))
        if pair % 2 == 0:
            theirs.append(llama_run(args))
        sys.stderr.write(f"pair {pair + 1} of {args.pairs}\n")
        yield ours, theirs


def nemora_bench(args: argparse.Namespace) -> dict[str, Any]:
    program = (sys.executable, "-m", "nemora.cli.main", "bench", str(args.model.resolve()))
    sizes = ("--prompt", str(args.prompt), "--gen", str(args.gen), "--threads", str(args.threads))
    contexts, batches = ",".join(["0", *given(args.context)]), ",".join(["1", *given(args.batch)])
    once = ("--repeat", "1", "--device", "cpu", "--json")
    found: dict[str, Any] = json_of([*program, *sizes, "--context", contexts, "--batch", batches, *once])
    return found


def llama_run(args: argparse.Namespace) -> LlamaRun:
    """The further context, and the batch, each need a call of their own."""
    program = str((args.llama / LLAMA_BENCH).resolve())
    common = ("-m", str(args.model.resolve()), "-t", str(args.threads))
    once = ("-n", str(args.gen), "-r", "1", "-o", "json")
    tests = json_of([program, *common, "-p", str(args.prompt), *once])
    if args.context is not None:
        tests += json_of([program, *common, "-p", "0", "-d", str(args.context), *once])
    if args.batch is None:
        return LlamaRun(tests, None)
    program, room = str((args.llama / BATCHED_BENCH).resolve()), args.batch * (FIRST_TOKENS + args.gen)
    sizes = ("-npp", str(FIRST_TOKENS), "-ntg", str(args.gen), "-npl", str(args.batch), "-c", str(room))
    return LlamaRun(tests, json_of([program, *common, *sizes, "--output-format", "jsonl"], last_line=True))


def given(number: int | None) -> list[str]:
    return [] if number is None else [str(number)]


def json_of(command: Sequence[str], *, last_line: bool = False) -> Any:
    """What a program prints, or the last line of that.

    Raises:
        Failed: it cannot be run, fails, or prints something else.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise Failed(f"{name} cannot be run: {error.strerror}") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise Failed(f"{name} failed with status {done.returncode}: {last}")
    try:
        return json.loads(done.stdout.strip().splitlines()[-1] if last_line else done.stdout)
    except (ValueError, IndexError):
        raise Failed(f"{name} printed no JSON") from None


def decode_kind(context: int, batch: int = 1) -> str:
    return "decode" + (f" after {context}" if context else "") + (f", {batch} at once" if batch > 1 else "")


def speeds_of_nemora(found: Mapping[str, Any]) -> Speeds:
    decodes = {
        decode_kind(case["context"], case["batch"]): case["tokens_per_second"]["median"] for case in found["decode"]
    }
    return {"prefill": found["prompt"]["tokens_per_second"]["median"]} | decodes


def speeds_of_llama(run: LlamaRun) -> Speeds:
    """Of llama-bench's tests each is of a prompt only or of generated tokens only."""
    speeds = {
        decode_kind(test.get("n_depth", 0)) if test["n_gen"] else "prefill": float(test["avg_ts"]) for test in run.tests
    }
    if run.batch is not None:
        speeds[decode_kind(0, run.batch["pl"])] = float(run.batch["speed_tg"])
    return speeds


def lower_bound(ratios: Sequence[float]) -> float | None:
    """What the median of the ratios' distribution exceeds with 95 % confidence; None for fewer than five.

    The k-th smallest of n is above the true median only if fewer than k of n fair coins show heads: k is the largest
    for which that has a probability of at most 5 % (the sign test, inverted).
    """
    n, rank, probability = len(ratios), 0, 0.0
    while rank < n:
        probability += math.comb(n, rank) / 2**n
        if probability > 1 - CONFIDENCE:
            break
        rank += 1
    return sorted(ratios)[rank - 1] if rank else None


def report_of(args: argparse.Namespace, ours: Sequence[Any], theirs: Sequence[LlamaRun]) -> dict[str, Any]:
    """All pairs, what they come to, and on what they were measured.

    Raises:
        Failed: one program did not measure what the other did.
    """
    left, right = [speeds_of_nemora(found) for found in ours], [speeds_of_llama(run) for run in theirs]
    kinds = ["prefill", decode_kind(0)]
    kinds += [decode_kind(args.context)] if args.context else []
    kinds += [decode_kind(0, args.batch)] if args.batch else []
    if missing := [kind for kind in kinds if any(kind not in speeds for speeds in (*left, *right))]:
        raise Failed(f"not both programs measured {missing[0]}")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": ours[0]["machine"] | {"system": platform.system()},
        "load": Path("/proc/loadavg").read_text().split()[0] if Path("/proc/loadavg").exists() else None,
        "model": ours[0]["model"],
        "llama_cpp": {name: theirs[0].tests[0].get(name) for name in ("build_number", "build_commit", "model_type")},
        "prompt": args.prompt,
        "gen": args.gen,
        "threads": args.threads,
        "pairs": len(ours),
        "bound": f"one-sided {CONFIDENCE:.0%}, by the sign test on ratios of pairs",
        "kinds": {kind: compared([each[kind] for each in left], [each[kind] for each in right]) for kind in kinds},
        "shares_of_limits": shares_of_limits(ours, kinds),
        "limits": [found["limits"] for found in ours],
    }


def shares_of_limits(ours: Sequence[Any], kinds: Sequence[str]) -> dict[str, Any]:
    """How much of what the machine could do around each run Nemora reached: of a prompt the int8 operations a second,
    of decoding the bytes a second that memory gives, by the size of the stored weights."""
    runs: dict[str, list[float]] = {}
    for found in ours:
        if found["prompt"].get("share_of_int8"):
            runs.setdefault("prefill", []).append(found["prompt"]["share_of_int8"]["median"])
        for case in found["decode"]:
            kind = decode_kind(case["context"], case["batch"])
            runs.setdefault(kind, []).append(case["share_by_stored_bytes"]["median"])
    return {
        kind: {"median": statistics.median(runs[kind]), "at_least": lower_bound(runs[kind])}
        for kind in kinds
        if kind in runs
    }


def compared(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        "nemora": statistics.median(ours),
        "llama_cpp": statistics.median(theirs),
        "ratio": statistics.median(ratios),
        "ratio_at_least": lower_bound(ratios),
        "pairs": [{"nemora": a, "llama_cpp": b} for a, b in zip(ours, theirs, strict=True)],
    }


def show(report: Mapping[str, Any]) -> None:
    title = f"{report['model']['name']}: tokens a second, medians of {report['pairs']} pairs"
    table = Table(title=title, caption=f"at least: {report['bound']}")
    for column in ("", "Nemora", "llama.cpp", "ratio", "at least", "of the limit"):
        table.add_column(column, justify="right")
    for kind, found in report["kinds"].items():
        bound = found["ratio_at_least"]
        least = "five pairs needed" if bound is None else f"{bound:.2f}"
        share = report["shares_of_limits"].get(kind)
        reached = "" if share is None else f"{share['median']:.0%}"
        speeds = (f"{found[program]:.1f}" for program in ("nemora", "llama_cpp"))
        table.add_row(kind, *speeds, f"{found['ratio']:.2f}", least, reached)
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
