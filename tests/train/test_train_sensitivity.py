"""The whole recipe on a tiny encoder: it learns, what it writes is what runs, and the figures are right."""

from __future__ import annotations

import argparse
import dataclasses
import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_encoder import write_encoder

from nemora.cli import train_sensitivity as verb
from nemora.cli.main import main
from nemora.errors import CorruptCheckpoint, UsageError
from nemora.tagger.reader import TextReader
from nemora.train import sensitivity
from nemora.train.authored import Example
from nemora.train.evaluate import area_under_curve, draw_line, figures, interval
from nemora.train.log_lines import now_and_then
from nemora.train.reader import Recipe, Trainer

TINY = Recipe(epochs=2, layers=1, generated=8)


def request(number: int) -> dict[str, object]:
    stays = number % 2 == 0
    return {
        "id": str(number),
        "text": f"my salary is [[GIVEN_NAME|{'abcdefghij'[number % 10]}]] fired"
        if stays
        else f"the weather is {'klmnopqrst'[number % 10]} cake",
        "class": "confidential" if stays else "public",
        "topics": ["employment"] if stays else [],
        "group": str(number),
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    folder = tmp_path_factory.mktemp("train")
    (folder / "data").mkdir()
    (folder / "data" / "rows.jsonl").write_text("\n".join(json.dumps(request(number)) for number in range(400)))
    base = write_encoder(folder / "base")
    recipe = Recipe(epochs=12, rate=2e-3, layers=2, tokens_per_batch=256, generated=8)
    split = sensitivity.gather(sensitivity.Sources(authored=(folder / "data",)), recipe)
    lines: list[tuple[int, int]] = []
    trainer = sensitivity.train(base, split, recipe, lambda text, done, total: lines.append((done, total)))
    report = sensitivity.write(folder / "out", trainer, split)
    assert lines and all(done <= total for done, total in lines)
    return folder / "out", report


def test_it_learns_what_separates_the_texts(trained: tuple[Path, dict[str, object]]) -> None:
    held_out = trained[1]["held_out"]
    assert isinstance(held_out, dict) and held_out["auc"] > 0.99
    assert held_out["by_topic"].keys() == {"employment"}


def test_the_report_counts_spans_by_type_and_language(trained: tuple[Path, dict[str, object]]) -> None:
    spans = trained[1]["spans"]
    assert isinstance(spans, dict)
    assert spans["by_type"]["NAME"]["recall"] > 0.9 and spans["by_source"]["authored"]["precision"] > 0.9
    assert "en" in spans["by_language"]


def test_the_written_folder_judges_as_the_trained_model(trained: tuple[Path, dict[str, object]]) -> None:
    reader = TextReader(trained[0])
    kept, left = reader.read(["my salary is c fired", "the weather is n cake"])
    assert [span.label for span in kept.topics] == ["employment"] and left.topics == ()
    assert (kept.topics[0].start, kept.topics[0].end) == (0, 20) and 0.5 <= kept.topics[0].score <= 1
    assert [(span.label, span.start, span.end) for span in kept.spans] == [("GIVEN_NAME", 13, 14)] and left.spans == ()


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"topics": [], "window": 256, "scale": 1, "shift": 0}', b"[" * 999])
def test_damaged_settings_are_one_sentence(
    trained: tuple[Path, dict[str, object]], tmp_path: Path, damage: bytes
) -> None:
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / name).write_bytes((trained[0] / name).read_bytes())
    (tmp_path / "reader.json").write_bytes(damage)
    with pytest.raises(CorruptCheckpoint, match=r"reader\.json"):
        TextReader(tmp_path)


def test_too_few_groups_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(request(0)))
    with pytest.raises(UsageError, match="groups"):
        sensitivity.gather(sensitivity.Sources(authored=(tmp_path,)), TINY)


def test_training_twice_with_a_seed_gives_the_same_losses(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(request(number)) for number in range(120)))
    base = write_encoder(tmp_path / "base")
    split = sensitivity.gather(sensitivity.Sources(authored=(tmp_path,)), TINY)
    losses = [sensitivity.train(base, split, TINY, lambda *_: None).losses for _ in range(2)]
    assert losses[0] == losses[1]


def test_of_several_runs_the_mean_of_the_weights_is_kept(
    tmp_path: Path, trained: tuple[Path, dict[str, object]]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.jsonl").write_text("\n".join(json.dumps(request(number)) for number in range(60)))
    split = sensitivity.gather(sensitivity.Sources(authored=(tmp_path / "data",)), TINY)

    def one(seed: int) -> Trainer:
        recipe = dataclasses.replace(TINY, seed=seed)
        return sensitivity.train(trained[0], split, recipe, lambda *_: None, start=trained[0])

    def mean(start: Path | None) -> Trainer:
        return sensitivity.train_mean(trained[0], split, TINY, lambda *_: None, runs=2, start=start)

    alone = [one(seed).model.state_dict() for seed in (0, 1)]
    for name, tensor in mean(trained[0]).model.state_dict().items():
        torch.testing.assert_close(tensor, (alone[0][name] + alone[1][name]) / 2)
    with pytest.raises(UsageError, match="--warm-start"):
        mean(None)


def test_where_only_words_are_learned_latin_texts_keep_their_answers_to_the_bit(
    tmp_path: Path, trained: tuple[Path, dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensitivity, "fit_topics", lambda *_: pytest.fail("the heads were fitted anew"))
    (tmp_path / "data").mkdir()
    rows = [request(number) for number in range(60)]
    rows += [{**row, "text": f"請聯絡張偉 {row['text']}", "lang": "zh"} for row in rows]
    (tmp_path / "data" / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    recipe = dataclasses.replace(TINY, words_only=True)
    split = sensitivity.gather(sensitivity.Sources(authored=(tmp_path / "data",)), recipe)
    trainer = sensitivity.train(trained[0], split, recipe, lambda *_: None, start=trained[0])
    sensitivity.write(tmp_path / "out", trainer, split, line=sensitivity.line_in(trained[0]))
    before, after = TextReader(trained[0]), TextReader(tmp_path / "out")
    latin, chinese = str(rows[0]["text"]), str(rows[-1]["text"])
    assert before.read([latin]) == after.read([latin]) and before.logit(latin) == after.logit(latin)
    assert before.logit(chinese) != after.logit(chinese)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    base = write_encoder(tmp_path / "base")
    examples = [Example(f"word {'abcdef'[n % 6]} cake", n % 2 == 0, (), str(n)) for n in range(24)]
    whole = Trainer(base, examples, TINY, run=tmp_path / "whole")
    whole.train(lambda *_: None)

    def stop(epoch: int) -> list[Example]:
        if epoch:
            raise KeyboardInterrupt
        return []

    stopped = Trainer(base, examples, TINY, stop, run=tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        stopped.train(lambda *_: None)
    assert 0 < len(stopped.losses) < len(whole.losses)
    again = Trainer(base, examples, TINY, run=tmp_path / "run")
    again.train(lambda *_: None)
    assert again.losses == whole.losses
    assert all(torch.equal(a, b) for a, b in zip(again.model.parameters(), whole.model.parameters(), strict=True))
    with pytest.raises(UsageError, match="other data"):
        Trainer(base, examples[1:], TINY, run=tmp_path / "run").train(lambda *_: None)


def test_of_the_word_embeddings_only_those_of_other_scripts_are_learned(tmp_path: Path) -> None:
    base = write_encoder(tmp_path / "base")
    examples = [Example("東 word cake", n % 2 == 0, (), str(n)) for n in range(8)]
    trainer = Trainer(base, examples, TINY)
    before = trainer.model.encoder.words.weight.detach().clone()
    trainer.train(lambda *_: None)
    changed = (trainer.model.encoder.words.weight != before).any(1).nonzero().flatten().tolist()
    assert changed == [trainer.tokenizer.token_to_id("東")]


def test_the_line_leaves_the_asked_share_of_harmless_texts_above_it() -> None:
    draw = np.random.default_rng(0)
    stays = np.arange(4000) % 2 == 0
    logits = draw.normal(0, 2, 4000) + 3 * stays
    line = draw_line(logits, stays, false_alarms=0.05)
    kept = line.probability(logits) >= 0.5
    assert abs(kept[~stays].mean() - 0.05) < 0.005
    assert line.scale > 0


def test_figures_are_counted_as_they_are_called() -> None:
    assert area_under_curve(np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, True, False, True])) == 0.75
    low, high = interval(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)  # Wilson, as statistics tables have it
    examples = [Example("a", True, ("health",), "g", "de"), Example("b", False, (), "g", "en", "set")]
    report = figures(
        examples, np.array([1.0, -1.0]), draw_line(np.array([1.0, -1.0]), np.array([True, False]), false_alarms=0.0)
    )
    assert report["by_topic"]["health"]["share"] == 1.0
    assert report["by_language"]["en"]["harmless"]["share"] in (0.0, 1.0)
    assert report["by_source"]["set"]["stay"] == {"of": 0}


def test_bf16_training_keeps_fp32_weights(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(request(number)) for number in range(60)))
    split = sensitivity.gather(sensitivity.Sources(authored=(tmp_path,)), TINY)
    trainer = sensitivity.train(write_encoder(tmp_path / "base"), split, TINY, lambda *_: None)
    assert {parameter.dtype for parameter in trainer.model.parameters()} == {torch.float32}


def test_a_log_is_told_of_the_beginning_and_then_every_half_minute() -> None:
    now, told = 0.0, list[str]()
    tell = now_and_then(told.append, lambda: now)
    for second in range(100):
        now = float(second)
        tell(f"{second}")
    assert told == ["0", "30", "60", "90"]


def test_training_tells_of_its_beginning_and_of_every_step(tmp_path: Path) -> None:
    examples = [Example(f"word {'abcdef'[n % 6]} cake", n % 2 == 0, (), str(n)) for n in range(24)]
    trainer, told = Trainer(write_encoder(tmp_path / "base"), examples, TINY), list[tuple[str, int, int]]()
    trainer.train(lambda *line: told.append(line))
    assert told[0][:2] == ("training", 0)
    assert [done for _, done, _ in told] == list(range(len(trainer.losses) + 1))
    assert {total for *_, total in told} == {len(trainer.losses)}


@pytest.mark.parametrize("is_kept", [True, False])
def test_who_stops_a_run_is_told_whether_it_can_go_on(
    tmp_path: Path, is_kept: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stops(_args: argparse.Namespace, unfinished: Path) -> dict[str, object]:
        if is_kept:
            unfinished.mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(verb, "_from_encoder", stops)
    assert main(["train", "sensitivity", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 130
    assert ("--resume goes on" in capsys.readouterr().err) == is_kept


def test_the_card_says_what_the_report_of_the_shipped_model_says() -> None:
    recipe = Path(__file__).parent.parent.parent / "recipes" / "sensitivity"
    card: Any = runpy.run_path(str(recipe / "card.py"))
    text = (recipe / "README.md").read_text(encoding="utf-8")
    report = json.loads(card["REPORT"].read_text(encoding="utf-8"))
    assert card["BEGIN"] + card["figures"](report) + card["END"] in text
