"""A hybrid learns to read beside writing: in miniature, the same after a stop, and what is written is what was trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_recipe import write_recipe, write_texts

from nemora.cli.main import main
from nemora.tagger.hybrid import load_heads
from nemora.tagger.reader import load_reader
from nemora.tagger.window_reader import HYBRID
from nemora.train import sensitivity
from nemora.train.authored import TOPICS
from nemora.train.batches import encoded_for_hybrid
from nemora.train.corpus import Document, read_corpus
from nemora.train.data import Tokens
from nemora.train.hybrid import HybridRecipe, finish, heads_of, new_run, read
from nemora.train.loop import Trainer
from nemora.train.pretrain import MODEL, REPORT, open_vocabulary
from nemora.train.reader import Recipe
from nemora.train.recipe import read_recipe
from nemora.train.span_labels import LABELS
from nemora.train.vocabulary import encoded as encoded_document
from nemora.weights.checkpoint import open_checkpoint

STEPS = 40
RECIPE = HybridRecipe(steps=STEPS, rate=5e-3, warm_up=2, decay=20, generated=4, save_every=10)


def request(number: int) -> dict[str, object]:
    stays = number % 2 == 0
    return {
        "text": f"my salary is [[GIVEN_NAME|{'abcdefghij'[number % 10]}]] fired" if stays else f"cake {number % 7}",
        "class": "confidential" if stays else "public",
        "topics": ["employment"] if stays else [],
        "group": str(number),
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a language model in `start/model`, its texts, and requests."""
    folder = tmp_path_factory.mktemp("hybrid")
    write_texts(folder / "data")
    recipe = write_recipe(folder)
    arguments = ["--config", str(recipe), "--data", str(folder / "data"), "--out", str(folder / "start"), "--json"]
    assert main(["train", "pretrain", *arguments]) == 0
    (folder / "requests").mkdir()
    (folder / "requests" / "rows.jsonl").write_text("\n".join(json.dumps(request(number)) for number in range(400)))
    return folder


def documents_of(place: Path) -> list[Document]:
    recipe = read_recipe(place / "recipe.toml")
    return read_corpus([place / "data"], recipe.sets, recipe.seed)[0]


def run_of(place: Path, out: Path | None) -> tuple[Trainer, sensitivity.Split]:
    start = place / "start" / MODEL
    tokenizer = open_vocabulary(start)
    split = sensitivity.gather(sensitivity.Sources(authored=(place / "requests",)), Recipe(generated=8))
    trainer = new_run(start, documents_of(place), lambda d: Tokens(encoded_document(d, tokenizer)), split, RECIPE, out)
    return trainer, split


@pytest.fixture(scope="module")
def trained(place: Path) -> tuple[Trainer, list[dict[str, float]]]:
    trainer, split = run_of(place, place / "out")
    losses: list[dict[str, float]] = []
    trainer.report = lambda step: losses.append(step.losses)
    trainer.run()
    finish(trainer, documents_of(place), split, place / "start" / MODEL)
    return trainer, losses


def test_a_short_training_lowers_each_loss_of_reading(trained: tuple[Trainer, list[dict[str, float]]]) -> None:
    for name in ("stay", "span"):
        # The median: few batches hold generated texts, which so small a model does not learn in so few steps.
        first, last = (np.median([step[name] for step in part]) for part in (trained[1][:5], trained[1][-10:]))
        assert last < 0.6 * first


def test_heads_written_and_loaded_say_the_same(
    trained: tuple[Trainer, list[dict[str, float]]], place: Path, tmp_path: Path
) -> None:
    """But for bf16, in which a checkpoint is kept."""
    kept = heads_of(trained[0].trainable.weights)
    hidden = trained[0].trainable.weights.inventory.matrices["embedding"][1]
    loaded = load_heads(place / "out" / MODEL / HYBRID[1], hidden, len(TOPICS), len(LABELS))
    for ours, theirs in zip(kept.parameters(), loaded.parameters(), strict=True):
        assert torch.equal(ours.to(torch.bfloat16).float(), theirs)


@torch.inference_mode()
def test_the_folder_reads_as_the_trained_model(trained: tuple[Trainer, list[dict[str, float]]], place: Path) -> None:
    reader = load_reader(str(place / "out" / MODEL))
    text = "my salary is c fired"
    told = encoded_for_hybrid(reader._tokenizer, text)
    opened = trained[0].trainable.open()
    logits, _ = read(
        opened, heads_of(trained[0].trainable.weights), torch.tensor([told.ids]), torch.tensor([len(told.ids)])
    )
    assert reader.logit(text) == pytest.approx(float(logits[0, 0]), abs=0.3)  # bf16 products in training


def test_the_report_tells_of_reading_and_of_writing(
    trained: tuple[Trainer, list[dict[str, float]]], place: Path
) -> None:
    report = json.loads((place / "out" / REPORT).read_text())
    assert report["held_out"]["auc"] > 0.95
    assert report["language"]["held_out"]["all"]["perplexity"] > 1
    assert report["run"]["steps"] == STEPS


def test_the_heads_are_fitted_to_the_trunk_that_is_written(
    trained: tuple[Trainer, list[dict[str, float]]], place: Path
) -> None:
    losses = json.loads((place / "out" / REPORT).read_text())["run"]["heads_fitted"]
    assert losses[-1] < 0.9 * losses[0]


def test_the_language_model_in_the_folder_is_sound(
    trained: tuple[Trainer, list[dict[str, float]]], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place / "out" / MODEL
    assert main(["check", str(folder)]) == 0
    assert not any("reader" in name for name in open_checkpoint(folder).file.tensors)


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(
    trained: tuple[Trainer, list[dict[str, float]]], place: Path, tmp_path: Path
) -> None:
    first, _ = run_of(place, tmp_path)
    for _ in range(10):
        first.step()
    first.save()
    second, _ = run_of(place, tmp_path)
    assert second.resume()
    assert second.step().losses == first.step().losses


def test_the_written_trunk_is_half_way_to_what_was_learned(
    trained: tuple[Trainer, list[dict[str, float]]], place: Path
) -> None:
    fresh, _ = run_of(place, place / "out")
    assert fresh.resume()  # the last checkpoint: before averaging
    start, _ = run_of(place, None)
    name = "head"
    ended, begun, written = (run.trainable.weights.numbers(name) for run in (fresh, start, trained[0]))
    assert not torch.equal(ended, begun)
    assert torch.allclose(written, (ended + begun) / 2, atol=1e-6)
