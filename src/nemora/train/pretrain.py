"""A hybrid from nothing: a vocabulary, weights that a run trains, and a folder in the published layout."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nemora.chat.tokenizer import Tokenizer
from nemora.chat.tokenizer_json import json_tokenizer
from nemora.errors import UsageError
from nemora.models.nemotron_h import NemotronH
from nemora.models.nemotron_h_config import nemotron_h_config_from_hugging_face
from nemora.train.corpus import Document
from nemora.train.curve import draw_curve
from nemora.train.data import Rows, Tokens
from nemora.train.load import new_parameters
from nemora.train.loop import Report, Settings, Trainer, history
from nemora.train.loss import NextToken
from nemora.train.pretrain_report import measure, run_figures
from nemora.train.publish import publish
from nemora.train.recipe import Recipe
from nemora.train.schedule import WarmUpStableDecay
from nemora.train.trainable import Trainable
from nemora.train.vocabulary import encoded, learn_vocabulary, tokenizer_files

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "generation_config.json")
MODEL, CURVE, REPORT = "model", "loss.png", "report.json"
EVALUATED_ROWS = 24
EVERY = 100  # steps, to evaluate and to save


def write_vocabulary(folder: Path, documents: Sequence[Document], recipe: Recipe) -> None:
    """Learn the tokenizer and write its files into `folder`, unless they are there."""
    if all((folder / name).exists() for name in TOKENIZER):
        return
    learned = learn_vocabulary([document for document in documents if not document.held_out], recipe.vocabulary)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in tokenizer_files(learned).items():
        (folder / name).write_text(content, encoding="utf-8")


def open_vocabulary(folder: Path) -> Tokenizer:
    """The tokenizer in `folder`."""
    return json_tokenizer({name: folder / name for name in TOKENIZER}, folder.name)


def new_run(folder: Path, documents: Sequence[Document], recipe: Recipe, report: Report | None = None) -> Trainer:
    """A run that keeps its checkpoints and its history in `folder`, where its vocabulary is; it has not begun yet.

    Raises:
        UsageError: no document is learned from, or none held out.
    """
    tokenizer, training = open_vocabulary(folder), recipe.training
    parts = [[d for d in documents if d.held_out == held_out] for held_out in (False, True)]
    if not all(parts):
        raise UsageError("Too few documents: some must be learned from and some held out; give more --data.")

    def encode(document: Document) -> Tokens:
        return Tokens(encoded(document, tokenizer))

    learned, held_out = (Rows(part, encode, training.length, seed=recipe.seed) for part in parts)
    config = nemotron_h_config_from_hugging_face(recipe.settings)
    weights = new_parameters(partial(NemotronH, config, mtp=True), seed=recipe.seed, dtype=torch.bfloat16)
    settings = Settings(
        steps=training.steps,
        rows=training.rows,
        rate=training.rate,
        decay=training.weight_decay,
        balance=training.balance_rate,
        evaluate_every=EVERY,
        save_every=EVERY,
        keep=1,
        seed=recipe.seed,
    )
    return Trainer(
        Trainable(weights),
        learned,
        NextToken(training.draft_weight),
        WarmUpStableDecay(training.steps, training.warm_up, training.decay),
        settings,
        held_out=[held_out.batch(training.rows) for _ in range(EVALUATED_ROWS // training.rows)],
        folder=folder,
        report=report,
    )


def finish(trainer: Trainer, documents: Sequence[Document], recipe: Recipe) -> dict[str, Any]:
    """Write what a run has made beside its checkpoints: the model's folder, the loss curve, and the report it returns.

    Raises:
        UsageError: the model's folder is there already.
    """
    folder = trainer.folder
    assert folder is not None
    tokenizer = open_vocabulary(folder)
    files = {name: (folder / name).read_text(encoding="utf-8") for name in TOKENIZER}
    publish(folder / MODEL, recipe.settings, trainer.trainable.weights, files)
    steps = history(folder)
    draw_curve(steps, folder / CURVE)
    inventory = trainer.trainable.weights.inventory
    report = {
        "parameters": {"all": inventory.parameters, "draft head": inventory.parameters_of("mtp.")},
        "run": run_figures(steps),
        **measure(trainer.trainable, *by_source(documents, tokenizer)),
    }
    (folder / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def by_source(
    documents: Sequence[Document], tokenizer: Tokenizer
) -> tuple[list[list[int]], dict[str, list[list[int]]]]:
    """Ids of the documents that are learned from, and of those that are held out, by the name of their set."""
    learned: list[list[int]] = []
    held_out: defaultdict[str, list[list[int]]] = defaultdict(list)
    for document in documents:
        (held_out[document.source] if document.held_out else learned).append(encoded(document, tokenizer))
    return learned, held_out
