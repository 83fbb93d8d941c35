"""`nemora policy check` says what is wrong or what it means; `replay` says what would have been otherwise."""

from __future__ import annotations

import argparse
import csv
import io
import json
from pathlib import Path

import pytest

from nemora.cli import ledger as ledger_verb
from nemora.cli import policy as verb
from nemora.cli.main import main
from nemora.cli.span import moment, words
from nemora.errors import LedgerError, SettingsError, UsageError
from nemora.privacy.decide import decide
from nemora.privacy.finding import Finding, Kind, Sensitivity
from nemora.privacy.inspect import Inspection
from nemora.privacy.keys import LEDGER_FILE, load_key
from nemora.privacy.ledger import Ledger
from nemora.privacy.ledger_rows import COLUMNS
from nemora.privacy.policy import DEFAULT_POLICY, Policy

FULL = """
shadow = "next.toml"
[kinds]
ip_address = "secret"
private_key = { action = "block" }
[[entities]]
name = "project"
class = "confidential"
words = ["Falcon Nine"]
[allow]
email_address = ["info@example.org"]
[destinations.frankfurt]
server = "eu-1"
region = "eu"
price = { input = 0.5, output = 1.5 }
[goes_to]
confidential = []
[cap]
usd_per_day = 2.5
[tenants.acme.actions]
personal = "local"
"""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "share" / "nemora"


@pytest.fixture
def filled(data: Path) -> Path:
    ledger = Ledger.open(data, load_key(data))
    for kind in (Kind.EMAIL_ADDRESS, None, None):
        found = Inspection(() if kind is None else (Finding(kind, "t", "/x", 0, 4, 0.9),))
        classified = type("C", (), {"sensitivity": Sensitivity.PUBLIC, "scores": {}})()
        decision = decide(found, classified, Sensitivity.PUBLIC, Policy())
        to = "far" if decision.route == "cloud" else "local"
        seq = ledger.record_decision(
            request_id="r",
            endpoint="/x",
            decision=decision,
            route=decision.route,
            destination=to,
            model="m",
            body=b"12345" if to == "far" else None,
        )
        ledger.record_completion(
            seq,
            request_id="r",
            status="stop",
            bytes_sent=5 if to == "far" else 0,
            destination=to,
            micro_usd=1_500_000 if to == "far" else None,
        )
    ledger.close()
    return data


def run(module: object, *arguments: str) -> int:
    parser = argparse.ArgumentParser(exit_on_error=False)
    module.add_arguments(parser)  # type: ignore[attr-defined]
    return int(module.run(argparse.Namespace(config=None, **vars(parser.parse_args(arguments)))))  # type: ignore[attr-defined]


def test_check_prints_what_a_policy_means(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.toml").write_text(FULL)
    (tmp_path / "next.toml").write_text("version = 1")
    assert run(verb, "check", str(tmp_path / "p.toml")) == 0
    said = capsys.readouterr().out
    for part in (
        "frankfurt",
        "eu-1 (not in nemora.toml)",
        "0.5 / 1.5",
        "secret (changed)",
        "block",
        "project",
        "2.5 USD",
    ):
        assert part in said, part
    assert "nowhere" not in said.split("kind")[0].split("secret")[0].split("personal")[1].split("\n")[0]
    assert "1 values of email_address" in said and "acme" in said and "Falcon" not in said
    assert run(verb, "check", str(tmp_path / "p.toml"), "--tenant", "acme") == 0
    assert "redact" not in capsys.readouterr().out
    with pytest.raises(UsageError, match="acme"):
        run(verb, "check", str(tmp_path / "p.toml"), "--tenant", "nobody")


def test_check_without_a_file_shows_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(verb, "check") == 0
    assert Policy().id in capsys.readouterr().out


def test_check_says_in_one_sentence_what_is_wrong_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "p.toml"
    file.write_text(DEFAULT_POLICY.replace('public = "cloud"', 'public = "clout"', 1))
    assert main(["policy", "check", str(file)]) == 2
    said = capsys.readouterr().err
    line = 1 + DEFAULT_POLICY.split("\n").index('public = "cloud"')
    assert said.count("\n") == 1 and f"p.toml: line {line}: actions.public must be one of" in said
    file.write_text("shadow = 'missing.toml'")
    with pytest.raises(SettingsError, match="missing"):
        run(verb, "check", str(file))


def test_replay_counts_what_would_change(filled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "p.toml"
    file.write_text("[actions]\npublic = 'local'\npersonal = 'local'")
    assert run(verb, "replay", str(file), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["decisions"], found["changed"], found["stricter"], found["laxer"]) == (3, 3, 3, 0)
    assert run(verb, "replay", str(file)) == 0
    assert "3 of 3 decisions would be others" in capsys.readouterr().out
    file.write_text("version = 1")
    for arguments, decisions in (((), 3), (("--tenant", "nobody"), 0), (("--until", "1d"), 0)):
        run(verb, "replay", str(file), "--since", "2d", "--json", *arguments)
        found = json.loads(capsys.readouterr().out)
        assert found["decisions"] == decisions
    with pytest.raises(UsageError, match="--since"):
        run(verb, "replay", str(file), "--since", "yesterday")


def test_replay_of_no_ledger_makes_none(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.toml").write_text("version = 1")
    assert run(verb, "replay", str(tmp_path / "p.toml")) == 0
    assert "0 of 0" in capsys.readouterr().out and not data.exists()


def test_the_report_says_what_left_and_whether_that_is_all(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ledger_verb, "report") == 0
    said = capsys.readouterr().out
    for part in (
        "2 requests left, 1 were answered here, 0 were refused",
        "far",
        "10",
        "3.000000",
        "6 rows",
        "Signed heads that fit: 1",
    ):
        assert part in said, part
    assert run(ledger_verb, "report", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["left"]["far"]["bytes"] == 10 and found["ledger"]["intact"] and found["bytes_without_a_decision"] == []
    assert run(ledger_verb, "report", "--until", "1d", "--json") == 0
    assert json.loads(capsys.readouterr().out)["decisions"] == 0


def test_a_report_on_an_altered_ledger_says_so_and_fails(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import sqlite3

    with sqlite3.connect(filled / LEDGER_FILE) as connection:
        connection.execute("UPDATE entries SET bytes_sent = 1 WHERE seq = 4")
    connection.close()
    assert run(ledger_verb, "report") == 1
    assert "not intact: row 4" in capsys.readouterr().out


def test_exports_hold_every_row_and_column(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ledger_verb, "export") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.split("\n")[:-1]]
    assert [row["seq"] for row in rows] == [1, 2, 3, 4, 5, 6] and set(rows[0]) == set(COLUMNS)
    assert run(ledger_verb, "export", "--format", "csv") == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["seq"] for row in table] == list("123456") and set(table[0]) == set(COLUMNS)
    run(ledger_verb, "export", "--until", "1d")
    assert capsys.readouterr().out == ""


def test_rows_are_archived_and_verified_with_and_without_the_archive(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ledger_verb, "archive", "--before", "1d") == 0
    assert "No row" in capsys.readouterr().out
    assert run(ledger_verb, "head") == 0
    kept = filled.parent / "kept"
    kept.write_text(capsys.readouterr().out)
    assert run(ledger_verb, "archive", "--before", "2100-01-01") == 0
    (file,) = (filled / "archive").iterdir()
    capsys.readouterr()
    assert run(ledger_verb, "verify") == 0
    assert "not checked" in capsys.readouterr().out
    assert run(ledger_verb, "verify", "--head", str(kept), "--archives", str(file)) == 0
    assert "6 rows" in capsys.readouterr().out
    file.write_text(file.read_text().replace('"bytes_sent":5', '"bytes_sent":6', 1))
    with pytest.raises(LedgerError, match="altered"):
        run(ledger_verb, "verify", "--archives", str(file))


def test_moments_are_read_and_printed_in_utc() -> None:
    assert moment("2d", "--since", 200_000) == (200_000 - 2 * 86_400) * 1000
    assert moment("90m", "--since", 10_000) == 4_600_000
    assert words(moment("2026-01-31", "--since")) == "2026-01-31 00:00:00"
    assert words(moment("2026-01-31T10:00:00+02:00", "--since")) == "2026-01-31 08:00:00"
    for wrong in ("", "7", "-1d", "2026-13-01", "9" * 400):
        with pytest.raises(UsageError):
            moment(wrong, "--since")


@pytest.mark.parametrize("action", ["check", "replay"])
def test_a_folder_in_place_of_a_policy_is_said_to_be_one(tmp_path, capsys, action):
    assert main(["policy", action, str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err
