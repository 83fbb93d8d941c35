"""What a row rests on, signed heads, and archives: still one chain, and every change of it is seen."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from pathlib import Path

import pytest
from test_ledger import CANARY, KEY, fill, record, tamper

from nemora.errors import LedgerError
from nemora.privacy.keys import HEAD_FILE, LEDGER_FILE
from nemora.privacy.ledger import Ledger, Verification
from nemora.privacy.ledger_archive import archive
from nemora.privacy.ledger_heads import Heads


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    ledger = Ledger.open(tmp_path / "data", KEY)
    fill(ledger)
    return ledger


def test_the_detail_holds_what_a_decision_rests_on_and_no_more(ledger) -> None:
    row = ledger.rows()[0]
    assert row.details() == {"confidence": {"payment_card": 0.9}, "complete": True, "taint": "public", "bytes": 8}


@pytest.mark.parametrize("value", ["NULL", "'{}'", "'{\"complete\":false}'"])
def test_a_changed_or_removed_detail_is_seen(ledger, value) -> None:
    tamper(ledger, f"UPDATE entries SET detail = {value} WHERE seq = 3")  # noqa: S608
    assert ledger.verify().bad_seq == 3


def test_a_ledger_of_the_version_before_is_still_intact_and_goes_on(tmp_path) -> None:
    old = Ledger.open(tmp_path, KEY)
    for number in range(2):  # rows without a detail, as that version wrote them
        old.record_completion(1, request_id=f"req_{number}", status="stop")
    old.close()
    with sqlite3.connect(tmp_path / LEDGER_FILE) as connection:
        connection.execute("ALTER TABLE entries DROP COLUMN detail")
        connection.execute("DROP TABLE base")
    connection.close()
    new = Ledger.open(tmp_path, KEY)
    record(new)
    assert new.verify() == Verification(True, 3) and [row.detail is None for row in new.rows()] == [True, True, False]


def heads_of(ledger: Ledger) -> list[str]:
    assert ledger._heads is not None
    return ledger._heads.path.read_text().split("\n")[:-1]


def test_heads_are_signed_from_time_to_time_and_each_is_evidence(tmp_path) -> None:
    now = [1_000_000.0]
    elsewhere = tmp_path / "elsewhere.heads"
    ledger = Ledger(tmp_path / "data", KEY, heads=Heads(elsewhere, KEY), clock=lambda: now[0])
    for number in range(6):
        record(ledger, number)
        now[0] += 1800
    assert [line.split()[0] for line in heads_of(ledger)] == ["1", "3", "5"]
    assert ledger.verify().heads == 3
    kept = tmp_path / "kept"
    kept.write_text(ledger.signed_head())
    copy = tmp_path / "older"
    shutil.copytree(tmp_path / "data", copy)
    record(ledger, 7)
    assert ledger.verify(kept).intact
    now[0] += 7200
    record(ledger, 8)
    rolled_back = Ledger(copy, KEY, heads=Heads(elsewhere, KEY))
    found = rolled_back.verify()
    assert not found.intact and "row 7, signed in line 4" in found.problem, (
        "all of the folder was put back to an older state"
    )
    elsewhere.write_text(elsewhere.read_text().replace("3 ", "4 ", 1))
    assert "line 2" in ledger.verify().problem


def test_a_head_signed_by_another_key_is_none(tmp_path, ledger) -> None:
    forged = tmp_path / "forged"
    last = ledger.rows()[-1]
    forged.write_text(Heads(forged, b"x" * 32).sign(last.seq, last.mac, 1).line())
    assert "line 1 of forged" in ledger.verify(forged).problem


def test_heads_that_cannot_be_written_hold_nothing_up(tmp_path, caplog) -> None:
    ledger = Ledger(tmp_path, KEY, heads=Heads(tmp_path / "missing" / "heads", KEY))
    fill(ledger)
    assert ledger.verify() == Verification(True, 6) and "could not be written" in caplog.text


def archived_at(ledger: Ledger, tmp_path: Path, rows: int) -> Path:
    kept = ledger.rows()
    moved = archive(ledger, tmp_path / "archive", kept[rows].time_ms) if rows < len(kept) else None
    assert moved is not None and moved[1] == rows
    return moved[0]


def slow_filled(tmp_path: Path) -> Ledger:
    now = iter(range(10_000))
    ledger = Ledger(tmp_path / "data", KEY, heads=Heads(tmp_path / "data" / "heads", KEY), clock=lambda: next(now))
    fill(ledger)
    return ledger


def test_archives_and_the_ledger_are_one_chain(tmp_path) -> None:
    ledger = slow_filled(tmp_path)
    before = ledger.rows()
    kept_head = tmp_path / "kept"
    shutil.copy(tmp_path / "data" / HEAD_FILE, kept_head)
    first = archived_at(ledger, tmp_path, 2)
    second = archived_at(ledger, tmp_path, 2)
    fill(ledger, 1)
    found = ledger.verify(kept_head, [second, first])
    assert (found.intact, found.rows, found.archived) == (True, 8, 4) and ledger.verify().archived == 4
    assert ledger.rows()[:2] == before[4:] and stat.S_IMODE(first.stat().st_mode) == 0o600
    assert archive(ledger, tmp_path / "archive", 0) is None
    assert CANARY not in first.read_text()


def test_what_is_done_to_an_archive_or_to_where_the_ledger_begins_is_seen(tmp_path) -> None:
    ledger = slow_filled(tmp_path)
    file = archived_at(ledger, tmp_path, 4)
    lines = file.read_text().split("\n")[:-1]
    for number, changed in enumerate(
        (lines[1:], lines[:-1], lines[:1] + lines[2:], [lines[0].replace("lab", "lib"), *lines[1:]], lines[::-1][:3])
    ):
        wrong = tmp_path / f"wrong{number}"
        wrong.write_text("\n".join(changed) + "\n")
        assert not ledger.verify(archives=[wrong]).intact
    assert ledger.verify(archives=[file]).intact
    for statement in ("DELETE FROM base", "UPDATE base SET count = 3", "DELETE FROM entries WHERE seq = 5"):
        copy = tmp_path / statement.replace(" ", "_")
        shutil.copytree(tmp_path / "data", copy)
        other = Ledger(copy, KEY)
        tamper(other, statement)
        assert not other.verify().intact
        with pytest.raises(LedgerError, match="not intact"):
            archive(other, tmp_path / "archive", 10**6)


def test_a_crash_between_the_archive_and_the_deletion_loses_nothing(tmp_path, monkeypatch) -> None:
    ledger = slow_filled(tmp_path)
    before = ledger.rows()

    def crash(_last) -> None:
        raise LedgerError("cut")

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "drop_archived", crash)
        with pytest.raises(LedgerError):
            archive(ledger, tmp_path / "archive", before[4].time_ms)
    assert ledger.rows() == before and ledger.verify().intact
    assert archived_at(ledger, tmp_path, 4).exists() and ledger.verify().rows == 6


@pytest.mark.parametrize("text", ["{}", "[1]", "x", '{"seq": 1}', "\xff"])
def test_what_is_no_archive_is_one_sentence(tmp_path, ledger, text) -> None:
    (tmp_path / "no").write_bytes(text.encode("latin-1"))
    with pytest.raises(LedgerError, match="not an archive"):
        ledger.verify(archives=[tmp_path / "no"])
