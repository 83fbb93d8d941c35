"""Teaches a hybrid language model to read requests as well: one trunk, its own heads, and heads for sensitivity.

Every step has texts whose sensitivity is known, read from both ends (`tagger.hybrid`), and a row of the texts that the
language model learned from, so that it goes on writing (rehearsal, Robins 1995). All weights are trained.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
import torch
from torch import Tensor

from nemora.tagger.hybrid import Heads, both_ways, save_heads, side_by_side
from nemora.tagger.tokens import load_tokenizer
from nemora.tagger.window_reader import HYBRID
from nemora.train import sensitivity
from nemora.train.authored import TOPICS, Example
from nemora.train.batch import Batch
from nemora.train.batches import Batch as Told
from nemora.train.batches import Encoded, batch_of, encoded_for_hybrid, like_lengths
from nemora.train.corpus import Document
from nemora.train.curve import draw_curve
from nemora.train.data import Rows, Tokens
from nemora.train.examples import Varied, of_spans, parts_of
from nemora.train.hybrid_heads import fit_heads
from nemora.train.hybrid_text_head import fit_text_head
from nemora.train.load import load_parameters
from nemora.train.loop import Report, Settings, Trainer, history
from nemora.train.loss import NextToken
from nemora.train.parameters import Parameters
from nemora.train.pretrain import CURVE, MODEL, REPORT, TOKENIZER, by_source, open_vocabulary
from nemora.train.pretrain_report import measure, run_figures
from nemora.train.publish import publish
from nemora.train.reader_loss import SPAN_WEIGHT, TOPIC_WEIGHT, span_loss, stay_loss, topic_loss
from nemora.train.schedule import WarmUpStableDecay
from nemora.train.sensitivity import Split
from nemora.train.span_labels import IGNORED, LABELS
from nemora.train.trainable import Pass, Trainable
from nemora.weights.checkpoint import open_checkpoint

HEADS = "reader"
READ_TOKENS = 2048
"""Of told texts in a step, padding included."""
ROW = 256
NEXT_WEIGHT, DRAFT_WEIGHT = 0.3, 0.1
FITTED = 160
"""Batches on which heads are fitted to the averaged trunk: the next after those of the run, and no more than it had."""
LEARNED = 0.5
"""How far the trunk's weights go, from those that it began with to those that a run ends with."""


@dataclass(frozen=True)
class JointBatch(Batch):
    """Rows to foresee, and texts that are told."""

    told: Told | None = None

    def to(self, device: torch.device) -> JointBatch:
        """Itself: this trains on the CPU."""
        return self


class ToldTexts:
    """Batches of the texts of a split, without end. What comes next depends on the seed and the place only.

    An epoch is every learned request, half of the public rows with spans, and `generated` new texts.
    """

    def __init__(self, split: Split, tokenizer: tokenizers.Tokenizer, *, generated: int, seed: int) -> None:
        self.split, self.tokenizer, self.generated, self.seed = split, tokenizer, generated, seed
        self.place = 0, 0  # epoch, batch
        self._made: tuple[int, list[list[tuple[Encoded, Example]]]] = (-1, [])

    def next(self) -> Told:
        """The next batch."""
        epoch, number = self.place
        if self._made[0] != epoch:
            self._made = epoch, self._epoch(epoch)
        groups = self._made[1]
        self.place = (epoch, number + 1) if number + 1 < len(groups) else (epoch + 1, 0)
        return batch_of(groups[number])

    def _epoch(self, epoch: int) -> list[list[tuple[Encoded, Example]]]:
        draw = random.Random(f"{self.seed}:{epoch}")
        requests = parts_of(self.split.learned)
        examples = [*requests, *parts_of(of_spans(self.split.spans.of_epoch(epoch, self.generated)))]
        varied = Varied(requests, draw)
        rows = [(encoded_for_hybrid(self.tokenizer, found.text), found) for found in map(varied.vary, examples)]
        return like_lengths([row for row in rows if row[0].ids], READ_TOKENS, draw)


class JointRows(Rows[Document]):
    """Documents as `Rows` gives them, each batch with the next of `told`."""

    def __init__(
        self, documents: Sequence[Document], encode: Callable[[Document], Tokens], told: ToldTexts, *, seed: int
    ) -> None:
        super().__init__(documents, encode, ROW, seed=seed)
        self.told = told

    def batch(self, rows: int) -> JointBatch:
        plain = super().batch(rows)
        return JointBatch(plain.ids, plain.texts, plain.counted, self.told.next())

    def state(self) -> dict[str, int]:
        epoch, number = self.told.place
        return super().state() | {"told_epoch": epoch, "told_batch": number}

    def resume(self, state: dict[str, int]) -> None:
        plain = dict(state)
        self.told.place = plain.pop("told_epoch"), plain.pop("told_batch")
        super().resume(plain)


class ReadAndWrite:
    """The losses of `reader_loss` and those of the language model; a `loss.Objective`."""

    def __init__(self, heads: Heads) -> None:
        self.heads, self.language = heads, NextToken(DRAFT_WEIGHT)
        self.weights = {
            "stay": 1.0,
            "topic": TOPIC_WEIGHT,
            "span": SPAN_WEIGHT,
            "next": NEXT_WEIGHT,
            "draft": DRAFT_WEIGHT,
        }

    def counts(self, batch: Batch) -> dict[str, int]:
        told = _told(batch)
        return {
            "stay": int((~told.stays.isnan()).sum()),
            "topic": int(((told.stays == 1) & (told.topics.sum(1) > 0)).sum()),
            "span": int((told.targets != IGNORED).sum()),
            **self.language.counts(batch),
        }

    def sums(self, opened: Pass, batch: Batch) -> dict[str, Tensor]:
        told, counts = _told(batch), self.counts(batch)
        logits, labels = read(opened, self.heads, told.ids, told.mask.sum(1))
        chosen = dict(opened.chosen)
        sums = {
            "stay": stay_loss(logits, told) * counts["stay"],
            "topic": topic_loss(logits, told) / TOPIC_WEIGHT * counts["topic"],
            "span": span_loss(labels, told) * counts["span"],
            **self.language.sums(opened, batch),
        }
        for name, experts in chosen.items():
            opened.chosen[name] = torch.cat((experts, opened.chosen[name]))
        return sums


def read(opened: Pass, heads: Heads, ids: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """What the heads say of rows [batch, seq] of `counts` tokens: see `Heads`."""
    hidden: Tensor = opened.hidden(both_ways(ids, counts))
    logits, labels = heads(side_by_side(hidden, counts), counts)
    return logits, labels


def _told(batch: Batch) -> Told:
    assert isinstance(batch, JointBatch) and batch.told is not None
    return batch.told


@dataclass(frozen=True, kw_only=True)
class HybridRecipe:
    """Settings of a run. `generated`: texts from templates that an epoch sees."""

    steps: int = 280
    rate: float = 1e-3
    warm_up: int = 30
    decay: int = 90
    weight_decay: float = 0.05
    balance_rate: float = 1e-2
    generated: int = 8000
    seed: int = 0
    save_every: int = 50


def new_run(
    start: Path,
    documents: Sequence[Document],
    encode: Callable[[Document], Tokens],
    split: Split,
    recipe: HybridRecipe,
    folder: Path | None = None,
    report: Report | None = None,
) -> Trainer:
    """A run that trains the hybrid in `start` further and keeps its checkpoints in `folder`; it has not begun yet."""
    torch.manual_seed(recipe.seed)
    weights = load_parameters(open_checkpoint(start), dtype=torch.bfloat16, mtp=True)
    heads = Heads(weights.inventory.matrices["embedding"][1], len(TOPICS), len(LABELS))
    weights.adapters.place(HEADS, heads)
    told = ToldTexts(split, load_tokenizer(start / HYBRID[2]), generated=recipe.generated, seed=recipe.seed)
    settings = Settings(
        steps=recipe.steps,
        rows=1,
        rate=recipe.rate,
        decay=recipe.weight_decay,
        betas=(0.9, 0.98),
        balance=recipe.balance_rate,
        save_every=recipe.save_every,
        keep=1,
        seed=recipe.seed,
    )
    return Trainer(
        Trainable(weights),
        JointRows([document for document in documents if not document.held_out], encode, told, seed=recipe.seed),
        ReadAndWrite(heads),
        WarmUpStableDecay(recipe.steps, recipe.warm_up, recipe.decay),
        settings,
        folder=folder,
        report=report,
    )


def heads_of(weights: Parameters) -> Heads:
    """The heads that `new_run` put beside a model's weights."""
    heads = weights.adapters.at("").get_submodule(HEADS)
    assert isinstance(heads, Heads)
    return heads


def average(weights: Parameters, start: Path) -> None:
    """Put the trunk between the model in `start` and what it has become: what it could do before is kept, at little
    cost to what it learned (Wortsman et al. 2022, arXiv:2109.01903).
    """
    before = load_parameters(open_checkpoint(start), mtp=True)
    begun = dict([*before.named_parameters(), *before.named_buffers()])
    with torch.no_grad():
        for name, tensor in (*weights.named_parameters(), *weights.named_buffers()):
            if name in begun:
                tensor.lerp_(begun[name].to(tensor.dtype), 1 - LEARNED)


def finish(trainer: Trainer, documents: Sequence[Document], split: Split, start: Path) -> dict[str, Any]:
    """Write what a run has made beside its checkpoints: the model's folder with its heads, the loss curve, and the
    report it returns, on reading and on writing.
    """
    folder, weights = trainer.folder, trainer.trainable.weights
    assert folder is not None
    average(weights, start)
    files = {name: (start / name).read_text(encoding="utf-8") for name in TOKENIZER}
    publish(folder / MODEL, json.loads((start / "config.json").read_text(encoding="utf-8")), weights, files)
    heads = heads_of(weights)
    assert isinstance(trainer.rows, JointRows)
    told = trainer.rows.told
    losses = fit_heads(folder / MODEL, heads, [told.next() for _ in range(min(FITTED, trainer.settings.steps))])
    fit_text_head(folder / MODEL, heads, split.learned, trainer.settings.seed)
    save_heads(heads, folder / MODEL / HYBRID[1])
    steps = history(folder)
    draw_curve(steps, folder / CURVE)
    tokenizer = open_vocabulary(start)
    run = run_figures(steps) | {"learned_from": len(split.learned), "heads_fitted": [round(loss, 4) for loss in losses]}
    facts: dict[str, Any] = {"run": run}
    report = sensitivity.measure(folder / MODEL, split, facts)
    (folder / MODEL / sensitivity.REPORT).unlink()
    report["language"] = measure(trainer.trainable, *by_source(documents, tokenizer))
    (folder / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report
