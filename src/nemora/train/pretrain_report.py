"""What a model that was trained from nothing can do, on the documents that were held out."""

from __future__ import annotations

import math
import platform
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nemora.ops.texts import Texts
from nemora.train.bigram import Bigram
from nemora.train.loop import Step
from nemora.train.trainable import Pass, Trainable

MOST_TOKENS = 8_000  # of a set that are read
LONGEST = 1024  # tokens of a document that are read


@torch.no_grad()
def measure(
    trainable: Trainable, learned: Sequence[Sequence[int]], held_out: Mapping[str, Sequence[Sequence[int]]]
) -> dict[str, Any]:
    """Perplexity of each set of documents, with that of a bigram model; how often drafts agree; how experts are loaded.

    A draft agrees where its likeliest token is the likeliest of the trunk, which is when greedy speculative decoding
    takes it.

    Args:
        held_out: ids of documents by the name of their set.
    """
    opened = trainable.open()
    vocabulary = trainable.weights.inventory.matrices["embedding"][0]
    bigram = Bigram(learned, vocabulary)
    loads: defaultdict[str, Tensor] = defaultdict(lambda: torch.tensor(0))
    found: dict[str, Any] = {}
    every = _Sums()
    for name, documents in held_out.items():
        kept = _first(documents)
        sums = _Sums()
        for ids in kept:
            sums.add(opened, ids)
            for mixture, chosen in opened.chosen.items():
                experts = len(trainable.weights.tensor(f"{mixture}.router_bias"))
                loads[mixture] = loads[mixture] + torch.bincount(chosen.flatten(), minlength=experts)
        every.merge(sums)
        found[name] = {**sums.figures(), "bigram_perplexity": round(bigram.perplexity(kept), 2)}
    return {
        "held_out": {"all": every.figures(), **found},
        "vocabulary": vocabulary,
        "expert_load": {name: _load(load) for name, load in sorted(loads.items())},
    }


class _Sums:
    """Over documents that are read one by one."""

    def __init__(self) -> None:
        self.loss, self.tokens, self.agreed, self.drafts = 0.0, 0, 0, 0

    def add(self, opened: Pass, ids: Sequence[int]) -> None:
        row = torch.tensor([list(ids)])
        hidden = opened.hidden(row, Texts(torch.zeros_like(row)))
        logits = opened.logits(hidden)[0]
        self.loss += float(torch.nn.functional.cross_entropy(logits[:-1], row[0, 1:], reduction="sum"))
        self.tokens += row.shape[1] - 1
        if row.shape[1] > 2:
            drafted = opened.logits(opened.draft(row, hidden))[0]  # number t is of token t + 2, as the trunk's t + 1
            self.agreed += int((drafted.argmax(-1) == logits[1:].argmax(-1)).sum())
            self.drafts += len(drafted)

    def merge(self, other: _Sums) -> None:
        self.loss, self.tokens = self.loss + other.loss, self.tokens + other.tokens
        self.agreed, self.drafts = self.agreed + other.agreed, self.drafts + other.drafts

    def figures(self) -> dict[str, Any]:
        return {
            "tokens": self.tokens,
            "perplexity": round(math.exp(self.loss / max(1, self.tokens)), 2),
            "drafts_that_agree": round(self.agreed / max(1, self.drafts), 4),
        }


def _first(documents: Sequence[Sequence[int]]) -> list[list[int]]:
    kept: list[list[int]] = []
    for ids in documents:
        if sum(map(len, kept)) < MOST_TOKENS and len(ids) > 1:
            kept.append(list(ids[:LONGEST]))
    return kept


def _load(load: Tensor) -> dict[str, float]:
    """The least and the most loaded expert, in parts of an even load."""
    even = load.double() / load.double().mean()
    return {"least": round(float(even.min()), 2), "most": round(float(even.max()), 2)}


def run_figures(steps: Sequence[Step]) -> dict[str, Any]:
    """Of a run's history: length, time and speed."""
    seconds = sorted(step.seconds for step in steps)
    return {
        "steps": len(steps),
        "tokens": sum(step.tokens for step in steps),
        "minutes": round(sum(seconds) / 60, 1),
        "tokens_per_second": round(steps[0].tokens / seconds[len(seconds) // 2]),
        "last_evaluation": next((step.evaluation for step in reversed(steps) if step.evaluation), None),
        "machine": machine(),
    }


def machine() -> str:
    """The processor, threads in use, and torch."""
    info, name = Path("/proc/cpuinfo"), platform.machine()
    if info.exists():
        found = re.search(r"^model name\s*: (.*)$", info.read_text(encoding="utf-8"), re.MULTILINE)
        name = found[1] if found else name
    kind = torch.backends.cpu.get_cpu_capability()
    return f"{name}, {torch.get_num_threads()} threads, {kind}, torch {torch.__version__}"
