"""`nemora models` shows the family: the table, one model in full, and JSON say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from nemora.cli import family_view
from nemora.cli.main import main
from nemora.weights import fit
from nemora.weights.family import FAMILY, USUAL_CONTEXT

ROOM = 24_000_000_000


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home on a machine with that much room."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("nemora.weights.memory.available_memory", lambda device="cpu": ROOM)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["models", *arguments]) == 0
    return capsys.readouterr().out


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(shown(capsys, *arguments, "--json"))


def test_table_and_json_have_every_model_and_agree(capsys: pytest.CaptureFixture[str]) -> None:
    table = {line.split()[0]: line for line in shown(capsys).splitlines() if line.strip()}
    answer = as_json(capsys)
    assert (answer["context"], answer["available"]) == (USUAL_CONTEXT, ROOM)
    assert [row["name"] for row in answer["family"]] == list(FAMILY)
    for row in answer["family"]:
        cells = re.split(r" {2,}", table[row["name"]])
        left_out = "unknown" if row["implemented"] else "not yet"
        assert cells[-1] == (row["fits_at"] or "no" if row["runnable"] else left_out)
        sizes = [family_view.gigabytes(entry["bytes"]) for entry in row["precisions"] if entry["bytes"]]
        assert all(size in cells for size in sizes)
        assert row["kind"] in cells
        if row["parameters"] is not None:
            assert cells[1].startswith(f"{row['parameters']['total'] / 1e9:.1f}B")


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
def test_table_fits_its_terminal_without_losing_names_or_verdicts(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("FORCE_COLOR", "1")  # how rich is told that this is a terminal
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown(capsys)).splitlines()
    for name in FAMILY:
        (line,) = [line for line in lines if line.startswith(f"{name} ")]
        assert len(line) <= min(columns, 120)
        assert re.search(r"(bf16|fp8|nvfp4|no|unknown|not yet)$", line) and "…" not in line


@pytest.mark.parametrize("name", FAMILY)
def test_one_model_in_full_shows_licence_repositories_and_a_sum_that_adds_up(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text, row = shown(capsys, name), as_json(capsys, name)
    model = FAMILY[name]
    assert text.startswith(f"{name}: {model.title}")
    assert all(repository.id in text for repository in model.repositories)
    assert all(terms.url in text for terms in model.licences) and ("unknown here" in text) == (not model.licences)
    assert row["config"] == model.config
    if row["fit"] is None:
        assert not fit.is_sized(model) and "not known" in text
        return
    numbers = [int(number.replace(",", "")) for number in re.findall(r"^ *([\d,]+)  ", text, re.MULTILINE)]
    *summands, needed, available = numbers
    assert sum(summands) == needed == row["fit"]["needed"] and available == ROOM
    assert ("it fits" in text) == row["fit"]["fits"] == (needed <= available)
    assert [line["bytes"] for line in row["fit"]["lines"]] == summands


def test_a_repository_of_the_hub_is_shown_as_its_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "nvidia/nvidia-nemotron-3-nano-4b-fp8") == shown(capsys, "nemotron-3-nano-4b")


def test_more_context_needs_more_and_a_wrong_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    needed = [as_json(capsys, "nemotron-3-nano-4b", "--context", str(n))["fit"]["needed"] for n in (1024, 65536)]
    per_token = fit.cache_per_token(FAMILY["nemotron-3-nano-4b"])
    assert per_token is not None and needed[1] - needed[0] > (65536 - 1024) * per_token
    assert main(["models", "--context", "0"]) == 2
    assert "--context" in capsys.readouterr().err


def test_what_fits_follows_the_room(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    fits = {row["name"]: row["fits_at"] for row in as_json(capsys)["family"]}
    assert (fits["nemotron-3-nano-30b-a3b"], fits["nemotron-3-super-120b-a12b"]) == ("nvfp4", None)
    monkeypatch.setattr("nemora.weights.memory.available_memory", lambda device="cpu": 1 << 50)
    fits = {row["name"]: row["fits_at"] for row in as_json(capsys)["family"]}
    assert all(fits[name] == "bf16" for name, model in FAMILY.items() if not fit.why_not_runnable(model))


def test_unknown_values_are_null_and_said_to_be_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    row = as_json(capsys, "nemotron-nano-9b-v2")
    assert row["sampling"]["plain"] is None and row["parsers"][0]["reasoning"] is None
    text = shown(capsys, "nemotron-nano-9b-v2")
    assert re.search(r"plain +unknown", text) and "None" not in text


def test_a_precision_after_the_name_shows_the_model_and_an_unknown_one_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = next(iter(FAMILY))
    assert as_json(capsys, f"{name}:fp8")["name"] == as_json(capsys, name)["name"] == name
    assert main(["models", f"{name}:fp9"]) == 1
    assert "expected one of bf16" in capsys.readouterr().err


def test_an_unknown_name_to_pull_points_at_the_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", "nope"]) == 1
    error = capsys.readouterr().err
    assert "family" in error and "nemora models" in error and error.count("\n") == 1
