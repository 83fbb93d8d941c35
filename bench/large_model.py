"""Load a large checkpoint, continue a few token ids, and say what that took in time and memory.

    python bench/large_model.py CHECKPOINT [--prompt 32] [--tokens 4] [--out FILE]

Prints one JSON object; `--out` writes it to a file too. Memory is what /proc says of this process: `anonymous` is what
it took itself, `mapped` are pages of the checkpoint's file, which the system takes back when it needs them.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch

from nemora.models.base import Model
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model, plan_loading

MB = 1_000_000
Result = TypeVar("Result")


class PeakMemory:
    """Samples this process's memory twenty times a second, in a thread."""

    def __init__(self) -> None:
        self.peak = {"anonymous": 0, "mapped": 0, "together": 0}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(0.05):
            now = _memory()
            for kind, size in now.items():
                self.peak[kind] = max(self.peak[kind], size)


def _memory() -> dict[str, int]:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    anonymous, mapped = (int(lines[key].split()[0]) * 1024 for key in ("RssAnon", "RssFile"))
    return {"anonymous": anonymous, "mapped": mapped, "together": anonymous + mapped}


def measure(path: Path, prompt: int, tokens: int) -> Mapping[str, object]:
    """One load, one prefill, and `tokens` greedy steps."""
    checkpoint = open_checkpoint(path)
    plan = plan_loading(checkpoint)
    with PeakMemory() as memory, torch.inference_mode():
        model, load_seconds = _timed(lambda: load_model(checkpoint))
        after_load = dict(memory.peak)
        prefill_seconds, decode_seconds, ids = _generate(model, prompt, tokens)
    return {
        "checkpoint": path.name,
        "architecture": checkpoint.architecture,
        "parameters": plan.inventory.parameters,
        "stored_mb": plan.stored_bytes // MB,
        "load_seconds": round(load_seconds, 1),
        "prefill_tokens_per_second": round(prompt / prefill_seconds, 2),
        "decode_tokens_per_second": round(tokens / decode_seconds, 3),
        "token_ids": ids,
        "peak_mb_after_load": {kind: size // MB for kind, size in after_load.items()},
        "peak_mb": {kind: size // MB for kind, size in memory.peak.items()},
        "machine": f"{_cpu()}, {torch.get_num_threads()} threads, {platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
    }


def _generate(model: Model, prompt: int, tokens: int) -> tuple[float, float, list[int]]:
    ids = torch.randint(3, model.config.vocab_size, (1, prompt), generator=torch.Generator().manual_seed(0))
    state = model.new_state(prompt + tokens)
    logits, prefill_seconds = _timed(lambda: model.forward(ids, state, last_only=True))
    chosen = [int(logits[0, -1].argmax())]
    start = time.perf_counter()
    for _ in range(tokens):
        logits = model.forward(torch.tensor([chosen[-1:]]), state, last_only=True)
        chosen.append(int(logits[0, -1].argmax()))
    return prefill_seconds, time.perf_counter() - start, chosen


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def _cpu() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].split(":")[1].strip() if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description="What loading and running a large checkpoint takes.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--prompt", type=int, default=32, help="random token ids to read first")
    parser.add_argument("--tokens", type=int, default=4, help="tokens to generate")
    parser.add_argument("--out", type=Path, help="also write the JSON there")
    args = parser.parse_args()
    result = json.dumps(measure(args.checkpoint, args.prompt, args.tokens), indent=2)
    print(result)
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(result + "\n")


if __name__ == "__main__":
    main()
