"""What reading a request costs on one core: short requests, long ones, an agent's history, and the detectors alone.

    python bench/reading_speed.py [--short 200] [--rounds 5] [--core N] [--save]

All texts are distinct, so nothing is remembered unless the row says so. Rows with the model go through the real worker.
Wall time says what a user waits, processor time (this process and its worker) what it costs on a machine that others
use as well. Tokens are counted with the reader's own tokenizer. `--save` writes bench/results/reading_speed.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from nemora.core import ChatRequest, Message
from nemora.privacy.inspect import Inspector
from nemora.privacy.segment import segments
from nemora.server.inspection import InspectionWorker
from nemora.settings import load_settings
from nemora.tagger.reader import shipped_folder
from nemora.tagger.tokens import load_tokenizer, tokenise
from nemora.tagger.window_reader import TOKENIZER

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "reading_speed.json"
CHARACTERS = 32_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: milliseconds of wall and of processor time, and the goals for the wall time."""

    name: str
    goals: dict[str, float]
    wall: tuple[float, ...]
    processor: tuple[float, ...]

    def at(self, share: float, *, processor: bool = False) -> float:
        return round(float(np.percentile(self.processor if processor else self.wall, share)), 1)


def main() -> int:
    parser = argparse.ArgumentParser(description="Time to read a request on one core.")
    parser.add_argument("--short", type=int, default=200, help="requests of 300 characters")
    parser.add_argument("--rounds", type=int, default=5, help="readings of each long text or history")
    parser.add_argument("--core", type=int, default=-1, help="the core; the last one by default")
    parser.add_argument("--save", action="store_true", help="write the results to bench/results")
    args = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {args.core if args.core in cores else cores[-1]})
    rows = [*with_model(args.short, args.rounds), *detectors_alone(args.rounds)]
    show(rows)
    if args.save:
        save(rows)
    return 0


def with_model(short: int, rounds: int) -> Iterator[Row]:
    """The rows that go through the worker."""
    settings = load_settings()
    patient = dataclasses.replace(settings.inspection, seconds=600)  # others may use the machine
    settings = dataclasses.replace(settings, inspection=patient)
    prose, code = documents(), sources()
    with tempfile.TemporaryDirectory() as data:
        worker = InspectionWorker(
            dataclasses.replace(settings, paths=dataclasses.replace(settings.paths, data=Path(data) / "data"))
        )
        try:
            pieces = [text[n * 300 : (n + 1) * 300] for n in range(20, 20 + short // 2) for text in (prose, code)]
            warm = [text[n * 300 : (n + 1) * 300] for n in range(20) for text in (prose, code)]
            measured(worker, [(text,) for text in warm])
            yield Row("300 characters", {"p50": 10, "p95": 25}, *measured(worker, [(text,) for text in pieces]))
            counted = by_tokens(code[100_000:])
            cold = [(counted(8_000),) for _ in range(rounds)]
            yield Row("8,000 tokens, cold", {"p50": 1000}, *measured(worker, cold))
            history = [counted(2_000) for _ in range(30)]
            measured(worker, [tuple(history)])
            grown = [tuple(history := [*history, counted(2_000)]) for _ in range(rounds)]
            yield Row("2,000 tokens after 60,000", {"p50": 150}, *measured(worker, grown))
        finally:
            worker.close()


def measured(
    worker: InspectionWorker, requests: Sequence[tuple[str, ...]]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Milliseconds of wall and of processor time for each request; its texts are the turns of a conversation."""
    wall, processor = [], []
    for texts in requests:
        messages = tuple(Message("assistant" if n % 2 else "user", text) for n, text in enumerate(texts))
        before, started = _processor_seconds(), time.perf_counter()
        if not worker.inspect(ChatRequest(model="auto", messages=messages)).complete:
            sys.stderr.write("a request was not read to its end\n")
        wall.append((time.perf_counter() - started) * 1000)
        processor.append((_processor_seconds() - before) * 1000)
    return tuple(wall), tuple(processor)


def _processor_seconds() -> float:
    """Of this process and its children."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    # Linux: the clock of another process's processor time.
    return time.process_time() + sum(time.clock_gettime((~int(child) << 3) | 2) for child in children)


def by_tokens(text: str) -> Callable[[int], str]:
    """A function that gives the next piece of `text` with so many tokens."""
    with shipped_folder() as folder:
        tokenizer = load_tokenizer(folder / TOKENIZER)
    ends = tokenise(tokenizer, text[:800_000])[2][:, 1]
    at = 0

    def piece(tokens: int) -> str:
        nonlocal at
        at += tokens
        return text[int(ends[at - tokens]) : int(ends[at])]

    return piece


def detectors_alone(rounds: int) -> Iterator[Row]:
    """The deterministic part, in this process."""
    draw = random.Random(7)  # noqa: S311 - the same texts each time
    words = [word for word in documents().split() if word.isalpha()]
    kinds: dict[str, tuple[float, Callable[[], str]]] = {
        "prose": (82, lambda: " ".join(f"{' '.join(draw.choices(words, k=12)).capitalize()}." for _ in range(700))),
        "logs": (150, lambda: "\n".join(_log_line(draw) for _ in range(500))),
        "code": (150, lambda: sources()[draw.randrange(400_000) :]),
        "JSON": (150, lambda: json.dumps([_record(draw, words) for _ in range(300)], indent=1)),
    }
    for name, (goal, make) in kinds.items():
        inspector = Inspector(None)
        wall, processor = [], []
        for turn in range(rounds + 1):
            parts = segments(ChatRequest(model="auto", messages=(Message("user", make()[:CHARACTERS]),)))
            before, started = time.process_time(), time.perf_counter()
            inspector.inspect(parts)
            if turn:  # the first one compiles patterns
                wall.append((time.perf_counter() - started) * 1000)
                processor.append((time.process_time() - before) * 1000)
        yield Row(f"detectors, {name}, 32,000 characters", {"p50": goal}, tuple(wall), tuple(processor))


def _log_line(draw: random.Random) -> str:
    stamp = (
        f"2024-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}T{draw.randint(0, 23):02d}:{draw.randint(0, 59):02d}"
    )
    said = draw.choice(
        (
            f"GET /api/v2/orders/{draw.randint(1, 99999)} HTTP/1.1 200 {draw.randint(100, 9999)} bytes",
            f"connection {draw.randint(1, 999)} checked out after {draw.randint(1, 99)} ms",
            f"request id={draw.getrandbits(128):032x} took {draw.randint(1, 999)} ms, db {draw.randint(1, 99)} ms",
            f"session refreshed, ttl={draw.randint(60, 3600)}, retries={draw.randint(0, 4)}",
        )
    )
    return f"{stamp}:07.{draw.randint(0, 999):03d}Z {draw.choice(('INFO', 'WARN', 'DEBUG'))} [worker-3] {said}"


def _record(draw: random.Random, words: list[str]) -> dict[str, object]:
    return {
        "id": draw.randint(1, 10**6),
        "quantity": draw.randint(1, 50),
        "price": round(draw.random() * 300, 2),
        "status": draw.choice(("open", "paid", "shipped")),
        "note": " ".join(draw.choices(words, k=6)),
    }


def documents() -> str:
    """This repository's prose."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return "\n\n".join(file.read_text(encoding="utf-8") for file in files)


def sources() -> str:
    """This repository's code."""
    return "\n".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "src").rglob("*.py")))


def machine() -> str:
    """The processor's name, and how busy the machine was."""
    names = [line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line]
    name = names[0].partition(":")[2].strip() if names else platform.machine()
    return (
        f"{name}, one core; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; Python {platform.python_version()}"
    )


def show(rows: list[Row]) -> None:
    table = Table("", "goal, ms", "wall p50", "p95", "p99", "processor p50", "p95", title=machine())
    for row in rows:
        goals = ", ".join(f"{share} {goal:g}" for share, goal in row.goals.items())
        wall = [row.at(share) for share in (50, 95, 99)]
        processor = [row.at(share, processor=True) for share in (50, 95)]
        table.add_row(row.name, goals, *(f"{value:.1f}" for value in (*wall, *processor)))
    Console(width=140).print(table)


def save(rows: list[Row]) -> None:
    found = {
        row.name: {
            "goal_ms": row.goals,
            "wall_ms": {f"p{share}": row.at(share) for share in (50, 95, 99)},
            "processor_ms": {f"p{share}": row.at(share, processor=True) for share in (50, 95, 99)},
            "readings": len(row.wall),
        }
        for row in rows
    }
    RESULTS.write_text(json.dumps({"machine": machine(), "rows": found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
