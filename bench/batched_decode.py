"""What it brings that sequences decode together: tokens a second, one by one and batched, on the same weights.

    python bench/batched_decode.py [--model smollm2-135m] [--tokens 24] [--sequences 1 4 16]

Prompts have different lengths. Only decoding is timed: passes of one token for each sequence. Both sides run in turns,
three times each, and the fastest counts; processor time stands beside the clock for machines that others use as well.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from nemora.models.base import Model
from nemora.models.state import State
from nemora.models.state_group import StateGroup
from nemora.settings import load_settings
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.fetch import resolve
from nemora.weights.load import load_model

ROUNDS = 3


def main() -> int:
    parser = argparse.ArgumentParser(description="Tokens a second, one by one and batched.")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--sequences", type=int, nargs="+", default=[1, 4, 16])
    args = parser.parse_args()
    known = Path(args.model).exists()
    path = Path(args.model) if known else resolve(args.model, cache=load_settings().paths.cache, offline=True)
    model = load_model(open_checkpoint(path))
    table = Table(title=f"{Path(args.model).name}: tokens a second while decoding")
    for column in ("sequences", "one by one", "batched", "ratio", "ratio of processor time"):
        table.add_column(column, justify="right")
    for count in args.sequences:
        alone, together = fastest(model, count, args.tokens, one_by_one), fastest(model, count, args.tokens, batched)
        total = count * args.tokens
        ratios = (f"{alone[0] / together[0]:.2f}", f"{alone[1] / together[1]:.2f}")
        table.add_row(str(count), f"{total / alone[0]:.1f}", f"{total / together[0]:.1f}", *ratios)
    Console().print(table)
    return 0


def one_by_one(model: Model, ids: torch.Tensor, states: list[State]) -> None:
    for row, state in zip(ids.split(1), states, strict=True):
        model.forward(row, state, last_only=True)


def batched(model: Model, ids: torch.Tensor, states: list[State]) -> None:
    model.forward(ids, StateGroup(states), last_only=True)


def fastest(
    model: Model, count: int, tokens: int, step: Callable[[Model, torch.Tensor, list[State]], None]
) -> tuple[float, float]:
    """Seconds by the clock and of the processor, each the least of all rounds."""
    found = [timed(model, count, tokens, step) for _ in range(ROUNDS)]
    return min(clock for clock, _ in found), min(processor for _, processor in found)


@torch.inference_mode()
def timed(
    model: Model, count: int, tokens: int, step: Callable[[Model, torch.Tensor, list[State]], None]
) -> tuple[float, float]:
    states = []
    for number in range(count):
        length = 16 + 7 * number
        state = model.new_state(length + tokens)
        model.forward(torch.arange(length)[None] % model.config.vocab_size, state, last_only=True)
        states.append(state)
    ids = torch.arange(count)[:, None] + 3
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(tokens):
        step(model, ids, states)
    return time.perf_counter() - clock, time.process_time() - processor


if __name__ == "__main__":
    raise SystemExit(main())
