"""A recipe from its texts to a folder that loads: in miniature, the same each time, and after a stop as without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tiny_recipe import RECIPE, write_recipe, write_texts

from nemora.backends.perplexity import perplexity
from nemora.cli.main import main
from nemora.errors import UsageError
from nemora.models.nemotron_h import NemotronH
from nemora.train.corpus import read_corpus
from nemora.train.pretrain import MODEL, new_run, open_vocabulary, write_vocabulary
from nemora.train.recipe import Recipe, read_recipe
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe, its texts, and `out`, which the command made of them."""
    folder = tmp_path_factory.mktemp("pretrain")
    write_texts(folder / "data")
    write_recipe(folder)
    assert train(folder, "out") == 0
    return folder


def train(folder: Path, out: str, *more: str) -> int:
    arguments = ["--config", str(folder / "recipe.toml"), "--data", str(folder / "data"), "--out", str(folder / out)]
    return main(["train", "pretrain", *arguments, "--json", *more])


def test_the_folder_loads_with_its_draft_head_and_is_in_bf16(place: Path) -> None:
    checkpoint = open_checkpoint(place / "out" / MODEL)
    model = load_model(checkpoint, mtp=True)
    assert isinstance(model, NemotronH) and model.mtp is not None
    formats = {name: info.format.name for name, info in checkpoint.file.tensors.items()}
    assert {format for name, format in formats.items() if "e_score" not in name} == {"BF16"}
    assert {format for name, format in formats.items() if "e_score" in name} == {"F32"}
    assert "mtp.layers.0.eh_proj.weight" in formats and "backbone.layers.1.mixer.experts.3.up_proj.weight" in formats


def test_what_was_written_is_what_was_trained(place: Path) -> None:
    recipe, documents = read_recipe(place / "recipe.toml"), documents_of(place)
    trainer = new_run(place / "out", documents, recipe)
    assert trainer.resume() and trainer.done == recipe.training.steps
    model = load_model(open_checkpoint(place / "out" / MODEL), mtp=True)
    assert isinstance(model, NemotronH)
    ids = torch.tensor([open_vocabulary(place / "out").encode("a ferry waits for the tide and an old map")])
    opened = trainer.trainable.open()
    with torch.inference_mode():
        trained, written = opened.hidden(ids), model.read(ids, model.new_state(ids.shape[1]))
        drafted, draft = opened.draft(ids, trained), model.draft(ids[:, 1:], written[:, :-1], model.new_draft_state(99))
    for ours, theirs in ((trained, written), (drafted, draft)):
        assert (ours.float() - theirs).abs().max() < 0.05 * theirs.abs().max()  # bf16 activations against fp32


def test_transformers_loads_it_and_computes_the_same(place: Path) -> None:
    transformers = pytest.importorskip("transformers")
    folder = place / "out" / MODEL
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, time_step_min=0.0).eval()
    ours, ids = load_model(open_checkpoint(folder)), torch.arange(20, 60)[None]
    with torch.inference_mode():
        mine, yours = ours.forward(ids, ours.new_state(40)), theirs(ids, use_cache=False).logits
    assert (mine - yours).abs().max() <= 1e-4 * yours.abs().max()


def test_it_has_learned_something(place: Path) -> None:
    report = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))
    vocabulary = open_vocabulary(place / "out")
    assert report["held_out"]["all"]["perplexity"] < 0.9 * report["vocabulary"]
    model = load_model(open_checkpoint(place / "out" / MODEL))
    assert perplexity(model, vocabulary.encode("the harbour waits for rain."), context=64).value < report["vocabulary"]


def test_the_same_recipe_gives_the_same_bytes(place: Path) -> None:
    assert train(place, "again") == 0
    first, again = ((place / out / MODEL / WEIGHTS).read_bytes() for out in ("out", "again"))
    assert first == again


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(place: Path) -> None:
    recipe, documents, folder = read_recipe(place / "recipe.toml"), documents_of(place), place / "stopped"
    write_vocabulary(folder, documents, recipe)
    stopped = new_run(folder, documents, recipe)
    for _ in range(3):
        stopped.step()
    stopped.save()
    assert train(place, "stopped", "--resume") == 0
    first, second = ((place / out / MODEL / WEIGHTS).read_bytes() for out in ("out", "stopped"))
    assert first == second


def documents_of(place: Path) -> list:
    recipe = read_recipe(place / "recipe.toml")
    return read_corpus([place / "data"], recipe.sets, recipe.seed)[0]


def test_a_finished_folder_is_never_written_over(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "out") == 2
    assert "--resume" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["--config", "--data"])
def test_a_command_without_recipe_or_texts_says_so(
    place: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"--config": str(place / "recipe.toml"), "--data": str(place / "data")}
    given.pop(missing)
    arguments = [part for pair in given.items() for part in pair]
    assert main(["train", "pretrain", *arguments, "--out", str(place / "new")]) == 2
    assert missing in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("steps = 6", "steps = 0"),
        ("rate = 3e-3", 'rate = "fast"'),
        ("rows = 4", "rows = 4.5"),
        ("draft_weight = 0.3\n", ""),
        ("warm_up = 1", "warm_up = 1\nunknown = 2"),
        ("hybrid_override_pattern", "no_pattern"),
        ("vocabulary = 320", ""),
        ("seed = 3", "seed = = 3"),
    ],
)
def test_a_recipe_that_lacks_something_is_refused_in_a_sentence(tmp_path: Path, old: str, new: str) -> None:
    assert old in RECIPE
    (tmp_path / "recipe.toml").write_text(RECIPE.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError):
        read_recipe(tmp_path / "recipe.toml")


def test_the_shipped_recipe_is_a_model_of_the_family() -> None:
    recipe: Recipe = read_recipe(Path(__file__).parents[2] / "recipes" / "hybrid" / "config.toml")
    assert recipe.settings["model_type"] == "nemotron_h"
    assert all(text_set.licence for text_set in recipe.sets)
