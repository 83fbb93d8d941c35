"""The shipped reader fine-tuned on a company's own labels, and refused if it lost what keeps secrets in.

Each epoch sees the own rows, and among them requests of the recipe and new texts from templates (rehearsal, Robins
1995), so that what was learned before is not forgotten. Before and after are measured with the files as they run.
"""

from __future__ import annotations

import json
import math
import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nemora.errors import UsageError
from nemora.tagger.reader import MODEL, TextReader
from nemora.train.authored import Example, is_held_out
from nemora.train.dequantise import from_onnx
from nemora.train.evaluate import Line, figures
from nemora.train.examples import of_spans, parts_of, read_requests
from nemora.train.own_requests import split_own
from nemora.train.reader import Recipe, Report, Trainer
from nemora.train.sensitivity import REPORT, Split, line_of, span_report, with_fixed_values, write_model, write_settings
from nemora.train.span_data import SpanData
from nemora.train.span_labels import STRONG
from nemora.train.span_templates import generate
from nemora.train.span_text import SpanText

ADAPTING = Recipe(epochs=3, rate=2e-5, generated=800, other_scripts=False)
LEAST_OWN = 240
"""Own requests that an epoch sees at least: few ones are repeated, or the rehearsed drown them."""
REHEARSED = 800
"""Requests of the recipe that an epoch sees again."""
TOLERANCE = 0.01
"""Recall that may be lost on all texts that must stay, and on all strong spans together."""
KIND_TOLERANCE = 0.05
"""Recall that may be lost on one strong topic or type, if it has enough items to tell."""
LEAST_ITEMS = 30
STRONG_TOPICS = ("credentials", "identity", "security", "health", "personal_finance")
HELD_OUT_TEXTS = 600


@dataclass(frozen=True)
class Data:
    """Own rows, and the recipe's requests; of both, whole groups are held out."""

    own: tuple[Example, ...]
    own_held_out: tuple[Example, ...]
    rehearsed: tuple[Example, ...]
    validation: tuple[Example, ...]
    texts: tuple[SpanText, ...]
    """Held-out texts from templates, for spans."""


def gather(own: Sequence[Example], requests: Path) -> Data:
    """All texts. `requests`: the recipe's folder.

    Raises:
        UsageError: a file cannot be read, or there are too few groups.
    """
    learned, held_out = split_own(list(own))
    recipe = read_requests(requests)
    if not {True, False} <= {example.stays for example in recipe if is_held_out(example.group)}:
        raise UsageError("The folder of requests to validate on holds too few; name recipes/sensitivity/authored.")
    return Data(
        tuple(learned),
        tuple(held_out),
        tuple(example for example in recipe if not is_held_out(example.group)),
        tuple(example for example in recipe if is_held_out(example.group)),
        tuple(generate(HELD_OUT_TEXTS, 999, held_out=True)),
    )


def adapt(start: Path, data: Data, recipe: Recipe, report: Report) -> Trainer:
    """Train the model in the folder `start` further.

    Raises:
        CorruptCheckpoint: it is no model that `nemora train sensitivity` wrote.
    """
    TextReader(start)  # its hashes are checked

    def more(epoch: int) -> list[Example]:
        draw = random.Random(f"{recipe.seed}:{epoch}")
        again = draw.sample(data.rehearsed, min(REHEARSED, len(data.rehearsed)))
        return parts_of([*again, *of_spans(generate(recipe.generated, 7000 + epoch, held_out=False))])

    own = parts_of(data.own)
    model = from_onnx((start / MODEL).read_bytes())
    trainer = Trainer(start, own * math.ceil(LEAST_OWN / len(own)), recipe, more, start=model)
    trainer.train(report)
    return trainer


def write(folder: Path, start: Path, trainer: Trainer, data: Data) -> dict[str, Any]:
    """The adapted model's folder, unless it lost recall. Returns the figures before and after.

    Raises:
        UsageError: recall was lost beyond what is tolerated; nothing is left in `folder`.
    """
    split = Split((*data.rehearsed, *data.own), data.validation, (), SpanData((), data.texts, trainer.recipe.seed))
    before = measured(start, data)
    try:
        write_model(folder, trainer, split)
        write_settings(folder, Line(1.0, 0.0))
        write_settings(folder, line_of(TextReader(folder), with_fixed_values(data.validation)))
        after = measured(folder, data)
        if lost := losses(before, after):
            raise UsageError(
                f"The adapted model is not written, for it lost recall: {'; '.join(lost)}. Give more requests of these"
                " kinds, or train for fewer epochs."
            )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    report = {
        "before": before,
        "after": after,
        "recipe": asdict(trainer.recipe),
        "own_learned_from": len(data.own),
        "steps": len(trainer.losses),
    }
    (folder / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def measured(folder: Path, data: Data) -> dict[str, Any]:
    """Figures of the model in a folder on own held-out requests and on the recipe's, for texts and for spans."""
    reader = TextReader(folder)
    line = Line(reader.settings.scale, reader.settings.shift)
    report: dict[str, Any] = {}
    for name, examples in (("own", data.own_held_out), ("validation", data.validation)):
        filled = with_fixed_values(examples)
        texts = figures(filled, np.array([reader.logit(example.text) for example in filled]), line)
        if math.isnan(texts["auc"]):  # requests of one kind only
            texts["auc"] = None
        marked = [example for example in filled if example.spans is not None]
        generated = data.texts if name == "validation" else ()
        report[name] = texts | {"spans": span_report(reader, marked, generated) if marked or generated else {}}
    return report


def losses(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What recall was lost, a phrase for each kind; empty if the new model may be used."""
    found = []
    for name in ("own", "validation"):
        key = "kept_of_those_that_must_stay"
        pairs = [(f"{name} texts that must stay", before[name][key], after[name][key], TOLERANCE, 1)]
        if name == "validation":
            for topic in STRONG_TOPICS:
                shares = (report[name]["by_topic"].get(topic, {"of": 0}) for report in (before, after))
                pairs.append((f"texts about {topic}", *shares, KIND_TOLERANCE, LEAST_ITEMS))
        for what, old, new, tolerance, least in pairs:
            if old["of"] < least:
                continue
            lost = old["share"] - new["share"]
            if lost > tolerance and round(lost * old["of"]) > 1:  # one text says nothing
                found.append(f"{what}, from {old['share']:.1%} to {new['share']:.1%}")
    return [*found, *_lost_spans(before["validation"]["spans"], after["validation"]["spans"])]


def _lost_spans(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    old, new = before["by_type"], after["by_type"]
    strong = [kind for kind in sorted(STRONG) if old.get(kind, {}).get("spans")]
    found = [
        f"spans of {kind}, from {old[kind]['recall']:.1%} to {new[kind]['recall']:.1%}"
        for kind in strong
        if old[kind]["spans"] >= LEAST_ITEMS and old[kind]["recall"] - new[kind]["recall"] > KIND_TOLERANCE
    ]
    there = sum(old[kind]["spans"] for kind in strong)
    first, last = (sum(r[kind]["spans"] * r[kind]["recall"] for kind in strong) / max(1, there) for r in (old, new))
    if first - last > TOLERANCE:
        found.append(f"strong identifiers together, from {first:.1%} to {last:.1%}")
    return found


def rounds(recipe: Recipe, *, epochs: int | None, seed: int) -> Recipe:
    """The recipe of an adaptation with what was asked for."""
    return replace(recipe, epochs=epochs or recipe.epochs, seed=seed)
