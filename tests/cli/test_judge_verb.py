"""nemora judge calibrate: what is measured, what is refused, and that no text is printed or stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from nemora.cli import judge as judge_verb
from nemora.cli.main import main
from nemora.privacy.calibration import parse_calibration
from nemora.privacy.protocols import Question
from nemora.privacy.questions import questions_id
from nemora.weights.catalog import STARTER
from own_hybrid import FOLDER

CANARY = "quillfeather"


class Scripted:
    """Right about texts with its word in them."""

    name = "scripted"

    def __init__(self, word: str = CANARY) -> None:
        self.word, self.seen = word, list[str]()

    def judge(self, text: str, questions: Sequence[Question], *, seconds: float) -> list[tuple[float, ...]]:
        self.seen.append(text)
        return [(0.8, 0.2) if self.word in text else (0.3, 0.7)] * len(questions)


def rows(count: int = 60) -> str:
    private = [{"text": f"we shall let {CANARY} go in {n} days", "class": "confidential"} for n in range(count)]
    harmless = [{"messages": [{"role": "user", "content": f"a haiku about {n} tides"}], "class": "public"} for n in range(count)]  # fmt: skip
    left_out = [{"text": "lunch with Ada Berg", "class": "personal"}, {"text": "x", "class": "public"}]
    return "\n".join(map(json.dumps, [*private, *harmless, *left_out])) + "\nno json\n"


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    scripted = Scripted()
    monkeypatch.setattr(judge_verb, "LocalJudge", lambda _model, _identity: scripted)
    return scripted


def calibrate(tmp_path: Path, data: str, model: str = str(FOLDER), *more: str) -> int:
    (tmp_path / "rows.jsonl").write_text(data)
    files = ["--data", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "judge.json")]
    return main(["judge", "calibrate", model, *files, *more])


def test_a_good_judge_gets_a_file_that_can_be_loaded(
    tmp_path: Path, judge: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(tmp_path, rows()) == 0
    found = parse_calibration((tmp_path / "judge.json").read_bytes())
    assert (found.auc, found.recall, found.false_alarms, found.private, found.harmless) == (1, 1, 0, 60, 60)
    assert found.model == str(FOLDER.resolve()) and len(found.identity) == 64 and found.questions == questions_id()
    said = capsys.readouterr()
    assert "AUC 1.000" in said.out and "judge.json" in said.out
    assert CANARY not in said.out + said.err + (tmp_path / "judge.json").read_text()
    assert len(judge.seen) == 120


@pytest.mark.parametrize(
    ("word", "count", "why"), [("haiku", 60, "AUC"), ("nothing", 60, "AUC"), (CANARY, 40, "at least")]
)
def test_a_judge_that_is_not_good_enough_gets_none(
    tmp_path: Path, judge: Scripted, capsys: pytest.CaptureFixture[str], word: str, count: int, why: str
) -> None:
    judge.word = word
    assert calibrate(tmp_path, rows(count)) == 2
    said = capsys.readouterr().err
    assert why in said and said.count("\n") == 1 and not (tmp_path / "judge.json").exists()


def test_the_starter_is_refused_before_anything_is_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(tmp_path, rows(), STARTER[0]) == 2
    assert "starter model cannot be a judge" in capsys.readouterr().err


def test_what_is_left_out_is_counted_in_one_line(
    tmp_path: Path, judge: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(tmp_path, rows() + json.dumps({"text": "quite long", "class": CANARY}) + "\n") == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert (
        first.startswith("Left out: lines")
        and "no text): 1;" in first
        and first.endswith(": 1.")
        and CANARY not in first
    )


def test_data_that_is_not_there_or_holds_no_row_is_said_before_a_model_is_loaded(
    tmp_path: Path, judge: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["judge", "calibrate", "none", "--data", str(tmp_path / "nope"), "--out", str(tmp_path / "j")]) == 2
    said = capsys.readouterr().err
    assert "does not exist" in said and "eval" not in said
    assert calibrate(tmp_path, "broken\n", "none") == 2
    assert "No line of rows.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize("recall", ["0", "1.1", "nan"])
def test_a_wrong_recall_is_refused(tmp_path: Path, recall: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(tmp_path, rows(), str(FOLDER), "--recall", recall) == 2
    assert "--recall" in capsys.readouterr().err


def test_long_texts_are_judged_in_pieces_of_which_the_strongest_counts(tmp_path: Path, judge: Scripted) -> None:
    long = json.dumps({"text": "word " * 500 + CANARY + " word" * 100, "class": "confidential"})
    assert calibrate(tmp_path, rows() + long) == 0
    pieces = judge.seen[120:]
    assert max(map(len, pieces)) <= judge_verb.WINDOW and sum(CANARY in piece for piece in pieces) == 1
    assert parse_calibration((tmp_path / "judge.json").read_bytes()).auc == 1


def test_the_same_rows_give_the_tiny_model_its_true_measure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way with a real model, which is far too small to be good."""
    monkeypatch.setattr("nemora.privacy.calibration.LEAST_ROWS", 2)
    data = [{"text": text, "class": name} for name in ("secret", "public") for text in ("good morning", "what is rain")]
    assert calibrate(tmp_path, "\n".join(map(json.dumps, data))) == 2
    assert "AUC on these texts is 0.500" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, judge: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    for out in (tmp_path / "none" / "judge.json", tmp_path):
        assert calibrate(tmp_path, rows(), str(FOLDER), "--out", str(out)) == 2
        assert "--out" in capsys.readouterr().err
    assert not judge.seen
