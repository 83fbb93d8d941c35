"""The recipe of the model that reads requests, from labelled texts to a folder that `tagger.reader` opens."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nemora.errors import UsageError
from nemora.tagger.reader import MODEL, TextReader, is_hybrid, load_reader
from nemora.tagger.window_reader import HYBRID, SETTINGS, TOKENIZER, WindowReader
from nemora.train.authored import TOPICS, Example, is_held_out
from nemora.train.batches import HYBRID_TOKENS, MAX_TOKENS
from nemora.train.dequantise import from_onnx
from nemora.train.evaluate import Line, draw_line, figures
from nemora.train.examples import of_spans, parts_of, read_public, read_requests, with_values
from nemora.train.export import to_onnx
from nemora.train.other_scripts import Grown, grown
from nemora.train.reader import Recipe, Report, Trainer
from nemora.train.span_data import SpanData, gather_spans
from nemora.train.span_evaluate import span_figures, whole_names, with_whole_names
from nemora.train.span_labels import LABELS
from nemora.train.span_text import SpanText
from nemora.train.topic_head import fit_topics

FALSE_ALARMS = 0.07
"""Share of the harmless authored texts that are kept. Many are look-alikes: of ordinary requests far fewer are."""
REPORT = "report.json"


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Folders with authored requests, and one with public sets in the form that `examples.read_public` reads."""

    authored: tuple[Path, ...]
    public: Path | None = None


@dataclass(frozen=True)
class Split:
    """Whole groups are either learned from or held out."""

    learned: tuple[Example, ...]
    held_out: tuple[Example, ...]
    """Requests written by hand."""
    public_held_out: tuple[Example, ...]
    spans: SpanData


def gather(sources: Sources, recipe: Recipe) -> Split:
    """All texts, split.

    Raises:
        UsageError: a folder has no texts, or there are too few to hold any out.
    """
    authored = [example for folder in sources.authored for example in read_requests(folder)]
    public = read_public(sources.public, random.Random(recipe.seed)) if sources.public is not None else []
    if not authored:
        raise UsageError("There are no labelled requests to learn from; name a folder with .jsonl files of them.")
    held_out = [example for example in authored if is_held_out(example.group)]
    if not {True, False} == {example.stays for example in held_out}:
        raise UsageError("The requests are in too few groups: some of both kinds must be held out for validation.")
    learned = [example for example in (*authored, *public) if not is_held_out(example.group)]
    spans = gather_spans(sources.public, recipe.seed, generated=recipe.generated)
    return Split(tuple(learned), tuple(held_out), tuple(e for e in public if is_held_out(e.group)), spans)


def train(
    base: Path,
    split: Split,
    recipe: Recipe,
    report: Report,
    *,
    run: Path | None = None,
    start: Path | None = None,
    device: str = "cpu",
    words: Grown | None = None,
) -> Trainer:
    """Fine-tune the encoder in `base`.

    Args:
        run: a folder for checkpoints (`Trainer.run`).
        start: a reader of this recipe whose weights are begun with instead of the encoder's; `base` may be the same.
        device: where it learns.
        words: the vocabulary; default: `with_words`.

    Raises:
        CorruptCheckpoint: `start` is no model that `nemora train sensitivity` wrote.
    """

    def more(epoch: int) -> list[Example]:
        return parts_of(of_spans(split.spans.of_epoch(epoch, recipe.generated)))

    if start is not None:
        TextReader(start)  # its hashes are checked
    begun = from_onnx((start / MODEL).read_bytes()) if start is not None else None
    words = words or with_words(base, split, recipe)
    trainer = Trainer(base, parts_of(split.learned), recipe, more, start=begun, run=run, device=device, words=words)
    trainer.train(report)
    return trainer


def with_words(base: Path, split: Split, recipe: Recipe) -> Grown:
    """The vocabulary in `base` with the signs of other scripts that the texts of the first two epochs have."""
    drawn = (text.text for epoch in range(2) for text in split.spans.of_epoch(epoch, recipe.generated))
    texts = chain((example.text for example in split.learned), drawn)
    return grown((base / TOKENIZER).read_text(encoding="utf-8"), texts)


def train_mean(
    base: Path,
    split: Split,
    recipe: Recipe,
    report: Report,
    *,
    runs: int,
    run: Path | None = None,
    start: Path | None = None,
    device: str = "cpu",
) -> Trainer:
    """As `train`, `runs` times from the same start with other seeds; the model is the mean of all their weights.

    It keeps what they agree on (Wortsman et al. 2022, arXiv:2203.05482). From the encoder heads begin at random, and
    weights that began apart have no useful mean: so more than one run needs `start`.
    """
    if runs > 1 and start is None:
        raise UsageError("The mean of several runs needs a model that all begin with; give --warm-start too.")
    words = with_words(base, split, recipe)
    trainers = []
    for number in range(runs):
        own = replace(recipe, seed=recipe.seed + number)
        folder = run / f"run-{number}" if run is not None and runs > 1 else run
        trainers.append(train(base, split, own, report, run=folder, start=start, device=device, words=words))
    models = [trainer.model.cpu().state_dict() for trainer in trainers]
    first = trainers[0]
    first.model.load_state_dict({name: sum(model[name] for model in models) / runs for name in models[0]})
    return first


def write(folder: Path, trainer: Trainer, split: Split, runs: int = 1, line: Line | None = None) -> dict[str, Any]:
    """The model's folder: weights, tokenizer, settings with hashes, and what was measured. Returns the report.

    `line`: where it lies; default: where the held-out texts put it.
    """
    write_model(folder, trainer, split)
    facts = {
        "recipe": asdict(trainer.recipe),
        "runs": runs,
        "learned_from": len(split.learned),
        "steps": len(trainer.losses),
        "last_loss": round(float(np.mean(trainer.losses[-20:])), 4),
        "torch": torch.__version__,
    }
    return measure(folder, split, facts, line)


def line_in(folder: Path) -> Line:
    """Where a model's line lies by its settings."""
    settings = TextReader(folder).settings
    return Line(settings.scale, settings.shift)


def write_model(folder: Path, trainer: Trainer, split: Split) -> None:
    """The weights and the tokenizer."""
    folder.mkdir(parents=True)
    trainer.model.cpu().eval()
    draw = random.Random(trainer.recipe.seed)
    graph = to_onnx(trainer.model)
    if not trainer.recipe.words_only:  # else the heads stay as they are
        learned = [with_values(example, draw) for example in split.learned]
        graph = fit_topics(graph, trainer.tokenizer, learned)
    (folder / MODEL).write_bytes(graph)
    assert trainer.words is not None
    (folder / TOKENIZER).write_text(trainer.words.tokenizer, encoding="utf-8")


def measure(folder: Path, split: Split, facts: dict[str, Any], line: Line | None = None) -> dict[str, Any]:
    """Draw the line and take all figures with the written file itself, as it will run; write settings and report."""
    write_settings(folder, Line(1.0, 0.0))
    reader = load_reader(str(folder))
    held_out, public = with_fixed_values(split.held_out), with_fixed_values(split.public_held_out)
    logits = _logits(reader, held_out)
    if line is None:
        line = draw_line(logits, np.array([example.stays for example in held_out]), false_alarms=FALSE_ALARMS)
    write_settings(folder, line)
    report = {**facts, "held_out": figures(held_out, logits, line)}
    if public:
        report["public_held_out"] = figures(public, _logits(reader, public), line)
    report["spans"] = span_report(reader, held_out, split.spans.held_out)
    (folder / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def line_of(reader: WindowReader, examples: Sequence[Example]) -> Line:
    """Where a model's line lies by these examples."""
    stays = np.array([example.stays for example in examples])
    return draw_line(_logits(reader, examples), stays, false_alarms=FALSE_ALARMS)


def span_report(reader: WindowReader, examples: Sequence[Example], more: Sequence[SpanText]) -> dict[str, Any]:
    """Figures of spans in examples and in texts, with pieces of names as the names that they make."""
    texts = [*map(_span_text, examples), *more]
    readings = reader.read([text.text for text in texts])
    found = [[(span.start, span.end, span.label) for span in reading.spans] for reading in readings]
    return span_figures(
        [with_whole_names(text) for text in texts],
        [whole_names(text.text, spans) for text, spans in zip(texts, found, strict=True)],
    )


def _span_text(example: Example) -> SpanText:
    return SpanText(example.text, example.spans or (), example.lang, example.source, example.group, known=example.known)


def with_fixed_values(examples: Sequence[Example]) -> list[Example]:
    """Slots are filled alike each time."""
    draw = random.Random(1)
    return [with_values(example, draw) for example in examples]


def _logits(reader: WindowReader, examples: Sequence[Example]) -> np.ndarray[Any, Any]:
    return np.array([reader.logit(example.text) for example in examples])


def write_settings(folder: Path, line: Line) -> None:
    """What the model's folder says of it, with the hashes of its files."""
    files = HYBRID if is_hybrid(folder) else (MODEL, TOKENIZER)
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files}
    settings = {
        "topics": list(TOPICS),
        "labels": list(LABELS),
        "window": HYBRID_TOKENS if is_hybrid(folder) else MAX_TOKENS,
        "scale": line.scale,
        "shift": line.shift,
        "sha256": hashes,
    }
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
