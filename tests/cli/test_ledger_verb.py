from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from nemora.cli import ledger as verb
from nemora.errors import LedgerError, UsageError
from nemora.privacy.decide import Decision
from nemora.privacy.finding import Finding, Kind, Sensitivity
from nemora.privacy.keys import HEAD_FILE, LEDGER_FILE, load_key
from nemora.privacy.ledger import Ledger, LedgerRow
from nemora.privacy.policy import Action


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "share" / "nemora"


@pytest.fixture
def filled(data) -> Path:
    ledger = Ledger.open(data, load_key(data))
    decision = Decision(
        action=Action.REDACT,
        sensitivity=Sensitivity.PERSONAL,
        reasons=("finding:person_name", "class:personal"),
        findings=(Finding(Kind.PERSON_NAME, "test", "/messages/0/content", 0, 4, 1.0),),
        scores={},
        policy_id="0123456789ab",
    )
    for number in range(15):
        seq = ledger.record_decision(
            request_id=f"req_{number}",
            endpoint="/v1/chat/completions",
            decision=decision,
            route="local",
            destination="local",
            model="smollm2-135m",
        )
        ledger.record_completion(seq, request_id=f"req_{number}", status="stop", tokens_in=11, tokens_out=22)
    ledger.close()
    return data


def run(*words: str) -> int:
    parser = argparse.ArgumentParser(exit_on_error=False)
    verb.add_arguments(parser)
    return verb.run(argparse.Namespace(config=None, **vars(parser.parse_args(words))))


def test_an_empty_ledger_is_fine_says_so_and_makes_nothing(capsys, data):
    assert run("show") == 0 and run("verify") == 0
    assert capsys.readouterr().out.splitlines() == [verb.EMPTY] * 2
    assert run("show", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert not data.exists()


def test_show_prints_the_last_rows_newest_last(capsys, filled):
    assert run("show", "--limit", "4") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["#", "27", "28", "29", "30"]
    assert "redact" in lines[3] and "local (smollm2-135m)" in lines[3] and "1 person_name" in lines[3]
    assert "end of 29: stop" in lines[4] and "11/22" in lines[4]
    run("show")
    assert len(capsys.readouterr().out.splitlines()) == 21
    run("show", "--limit", "0")
    assert len(capsys.readouterr().out.splitlines()) == 31


def test_json_has_every_column(capsys, filled):
    assert run("show", "--json", "--limit", "2") == 0
    decision, completion = json.loads(capsys.readouterr().out)
    assert set(decision) == set(LedgerRow.__dataclass_fields__)
    assert decision["reasons"] == ["finding:person_name", "class:personal"] and decision["kinds"] == {"person_name": 1}
    assert completion["decision_seq"] == decision["seq"] == 29 and completion["reasons"] is None


def test_verify_counts_the_rows_of_an_intact_ledger(capsys, filled):
    assert run("verify") == 0
    assert capsys.readouterr().out == "The ledger is intact: 30 rows. Signed heads that fit: 1.\n"


def test_verify_names_the_first_bad_row_in_one_sentence(filled):
    with sqlite3.connect(filled / LEDGER_FILE) as connection:
        connection.execute("UPDATE entries SET sensitivity = 'public' WHERE seq IN (7, 9)")
    connection.close()
    with pytest.raises(LedgerError) as raised:
        run("verify")
    assert "row 7 has been altered" in raised.value.message and "\n" not in raised.value.message
    assert run("show") == 0, "an altered ledger can still be looked at"


def test_verify_against_a_head_kept_elsewhere(capsys, filled, tmp_path):
    kept = shutil.copy(filled / HEAD_FILE, tmp_path / "kept")
    assert run("verify", "--head", str(kept)) == 0
    shutil.rmtree(filled)
    with pytest.raises(LedgerError, match="gone"):
        run("verify", "--head", str(kept))
    assert run("verify") == 0


def test_wrong_words_are_usage_errors(filled, tmp_path):
    with pytest.raises(UsageError):
        run("show", "--limit", "-1")
    with pytest.raises(UsageError):
        run("verify", "--head", str(tmp_path / "nothing"))
    for words in (["show", "--limit", "many"], ["erase"], []):
        with pytest.raises((SystemExit, argparse.ArgumentError)):
            run(*words)


def test_a_deleted_database_is_not_an_empty_ledger(filled):
    for part in filled.glob(LEDGER_FILE + "*"):
        part.unlink()
    with pytest.raises(LedgerError, match="gone"):
        run("verify")


@pytest.mark.parametrize("limit", ["-1", "99999999999999999999"])
def test_a_limit_out_of_range_is_refused(filled, limit):
    with pytest.raises(UsageError, match="--limit must be from 0"):
        run("show", f"--limit={limit}")


@pytest.mark.parametrize("edge", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"])
def test_a_moment_that_utc_has_no_year_for_is_refused_in_one_sentence(filled, edge):
    with pytest.raises(UsageError, match="--since must be like"):
        run("report", "--since", edge)


@pytest.mark.parametrize("edge", ["0001-01-01", "9999-12-31T23:59:59.999999"])
def test_the_first_and_the_last_moment_can_be_shown(filled, edge, capsys):
    assert run("report", "--since", edge) == 0
    assert edge[:10] in capsys.readouterr().out
