"""How long a model that reads requests takes on one core, and its memory: the encoder beside another, in one run.

    python bench/reader_speed.py [--model DIR ...] [--rounds 3]

An encoder runs on onnxruntime and on the native kernels, in turns, each time in a process of its own; the table has the
medians over the rounds and what the kernels take as a share of onnxruntime. Texts are generated, each new; 8,000 tokens
are 32,000 characters.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

SIZES = {"300 characters": (300, 40), "8,000 tokens": (32_000, 3)}
ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
WORDS = ("the", "of", "to", "you", "please", "send", "report", "before", "week", "order", "water", "Ada", "Berg")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, action="append", default=[], help="beside the one that ships")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside is not None:
        sys.stdout.write(json.dumps(measured(args.inside[0] or None, args.inside[1])))
        return 0
    from nemora.tagger.reader import is_hybrid  # not by the processes that measure how long this takes

    Console().print(f"load average at the start: {os.getloadavg()[0]:.1f}")
    table = Table("model", "on", "load s", *(f"{name}, ms" for name in SIZES), "peak RAM MB", box=None)
    for model in ("", *map(str, args.model)):
        engines = ("auto",) if model and is_hybrid(Path(model)) else ("onnxruntime", "native")
        rounds = [{engine: in_a_process(model, engine) for engine in engines} for _ in range(args.rounds)]
        medians = {e: {key: statistics.median(r[e][key] for r in rounds) for key in rounds[0][e]} for e in engines}
        for engine, found in medians.items():
            times = (f"{found[name]:.1f}" for name in SIZES)
            table.add_row(Path(model).name or "shipped", engine, f"{found['load']:.2f}", *times, f"{found['ram']:.0f}")
        if len(engines) == 2:
            ratios = [medians["native"][key] / medians["onnxruntime"][key] for key in ("load", *SIZES, "ram")]
            table.add_row("", "ratio", *(f"{ratio:.2f}" for ratio in ratios))
    Console().print(table)
    return 0


def in_a_process(model: str, engine: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--inside", model, engine]
    told = subprocess.run(command, env=os.environ | ONE_CORE, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(told.stdout)
    return found


def measured(model: str | None, engine: Any) -> dict[str, float]:
    """Of this process; the processor's time, so that others' work on the machine does not count."""
    began = time.process_time()
    from nemora.tagger.reader import load_reader

    reader = load_reader(model, engine=engine)
    found = {"load": time.process_time() - began}
    draw = random.Random(0)  # noqa: S311 - texts
    for name, (length, times) in SIZES.items():
        reader.read([text_of(length, draw)])
        seconds = []
        for _ in range(times):
            text = text_of(length, draw)
            began = time.process_time()
            reader.read([text])
            seconds.append(time.process_time() - began)
        found[name] = 1000 * statistics.median(seconds)
    found["ram"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def text_of(length: int, draw: random.Random) -> str:
    """Words in no order, with some numbers and names of people."""
    return " ".join(draw.choice([*WORDS, str(draw.randrange(9999))]) for _ in range(length))[:length]


if __name__ == "__main__":
    sys.exit(main())
