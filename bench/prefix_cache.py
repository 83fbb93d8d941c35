"""What the prefix cache spares an agent: a conversation replayed turn by turn, with the cache and without.

    python bench/prefix_cache.py [--model NAME] [--turns 8] [--answer 16] [--result 60] [--context N] [--save]

Each turn adds the answer and the result of a tool, and asks for the next answer. `new` are the tokens that this prompt
has and the one before had not, the answer's among them; `read` are those that were read: the bound is new + 64. The
time to the first token includes rendering; beside it stands this process's processor time, which others on the machine
change less. Both sides run in this process on the same weights, by turns, and must give the same tokens. `--save`
writes bench/results/prefix_cache.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from nemora.backends.local_model import LocalModel
from nemora.core import ChatRequest, Message, Sampling
from nemora.settings import load_settings

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "prefix_cache.json"
ALLOWANCE = 64
WORDS = ("the", "file", "test", "error", "line", "value", "in", "passed", "failed", "build", "result", "job", "user")


@dataclass(frozen=True, slots=True)
class Turn:
    """One prompt: its tokens, those that the one before had not, those read; seconds to the first token, by the clock
    and of the processor."""

    prompt: int
    new: int
    read: int
    warm: float
    cold: float
    warm_processor: float
    cold_processor: float

    @property
    def ratio(self) -> float:
        return self.warm / self.cold

    @property
    def processor_ratio(self) -> float:
        return self.warm_processor / self.cold_processor


@dataclass(frozen=True, slots=True)
class First:
    """The answer's tokens, how many of the prompt's were known, and what the first one took."""

    ids: tuple[int, ...]
    cached: int
    seconds: float
    processor: float


def main() -> int:
    parser = argparse.ArgumentParser(description="What the prefix cache spares an agent.")
    parser.add_argument("--model", default=str(ROOT / "tests" / "data" / "nemora_tiny_hybrid"))
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--answer", type=int, default=16, help="tokens of each answer")
    parser.add_argument("--result", type=int, default=60, help="words of each tool's result")
    parser.add_argument("--context", type=int, default=0)
    parser.add_argument("--save", action="store_true")
    args = parser.parse_args()
    cache, context = load_settings().paths.cache, args.context
    with (
        LocalModel.load(args.model, cache=cache, offline=True, context=context) as warm,
        LocalModel("cold", warm._model, warm.checkpoint, context=context, prefix_cache=False) as cold,
    ):
        answer(cold, question([Message("user", "hello")], 4))  # torch's first passes are slow
        turns = replay(warm, cold, args)
    show(turns, args.model)
    if args.save:
        machine = f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
        saved = {"model": Path(args.model).name, "machine": machine, "turns": [asdict(turn) for turn in turns]}
        RESULTS.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
    return int(any(turn.read > turn.new + ALLOWANCE for turn in turns))


def replay(warm: LocalModel, cold: LocalModel, args: argparse.Namespace) -> list[Turn]:
    """The conversation, each prompt answered by both."""
    draw = random.Random(0)  # noqa: S311 - texts, not secrets
    messages = [Message("system", said(draw, 4 * args.result)), Message("user", said(draw, args.result // 2))]
    turns: list[Turn] = []
    before: list[int] = []
    for _ in range(args.turns):
        request = question(messages, args.answer)
        ids = warm.prepare(request).ids
        if len(ids) + args.answer >= warm.context:
            break
        first, slow = answer(warm, request), answer(cold, request)
        if first.ids != slow.ids or slow.cached:
            raise SystemExit("the cache changed an answer")
        new = len(ids) - common(before, ids)
        read = len(ids) - first.cached
        turns.append(Turn(len(ids), new, read, first.seconds, slow.seconds, first.processor, slow.processor))
        messages += [Message("assistant", warm.tokenizer.decode(first.ids)), Message("user", said(draw, args.result))]
        before = ids
    return turns


def question(messages: list[Message], tokens: int) -> ChatRequest:
    return ChatRequest(model="", messages=tuple(messages), sampling=Sampling(temperature=0), max_tokens=tokens)


def answer(model: LocalModel, request: ChatRequest) -> First:
    began, used = time.perf_counter(), time.process_time()
    prepared = model.prepare(request)
    generation = model.engine.submit(prepared.ids, prepared.params, boundaries=prepared.boundaries)
    ids: list[int] = []
    seconds = processor = 0.0
    for delta in generation:
        if not ids:
            seconds, processor = time.perf_counter() - began, time.process_time() - used
        ids += delta.ids
    return First(tuple(ids), generation.cached_tokens, seconds, processor)


def common(one: list[int], other: list[int]) -> int:
    """Tokens with which both begin."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def said(draw: random.Random, words: int) -> str:
    return " ".join(draw.choice(WORDS) if draw.random() < 0.8 else str(draw.randrange(10_000)) for _ in range(words))


def show(turns: list[Turn], model: str) -> None:
    table = Table(title=f"{Path(model).name}: each turn of an agent's conversation")
    for column in (
        "turn",
        "prompt",
        "new",
        "read",
        "first token, cold (ms)",
        "warm (ms)",
        "warm / cold",
        "processor, warm / cold",
    ):
        table.add_column(column, justify="right")
    for number, turn in enumerate(turns, start=1):
        times = (
            f"{1000 * turn.cold:.1f}",
            f"{1000 * turn.warm:.1f}",
            f"{turn.ratio:.2f}",
            f"{turn.processor_ratio:.2f}",
        )
        table.add_row(str(number), str(turn.prompt), str(turn.new), str(turn.read), *times)
    console = Console()
    console.print(table)
    if len(turns) > 1:
        later = turns[1:]
        worst = max(turn.read - turn.new for turn in later)
        console.print(f"Read beyond what is new, at most: {worst} tokens (allowed: {ALLOWANCE}).")
        clock = statistics.median(turn.ratio for turn in later)
        processor = statistics.median(turn.processor_ratio for turn in later)
        console.print("To the first token from the second turn on, warm / cold, medians:")
        console.print(f"{clock:.2f} by the clock, {processor:.2f} of the processor.")


if __name__ == "__main__":
    raise SystemExit(main())
