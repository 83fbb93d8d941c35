"""The ledger is one unbroken chain, holds no content, and every change of it is seen."""

# ruff: noqa: S608 - the statements that tamper are made of this file's own words

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from nemora.errors import LedgerError
from nemora.privacy.decide import Decision
from nemora.privacy.finding import Finding, Kind, Sensitivity
from nemora.privacy.keys import HEAD_FILE, LEDGER_FILE, load_key
from nemora.privacy.ledger import COLUMNS, Ledger, Verification
from nemora.privacy.policy import Action

KEY = bytes(range(32))
CANARY = "zirkonvogel"


def decision(**changes) -> Decision:
    found = (Finding(Kind.PAYMENT_CARD, "test", "/messages/0/content", 3, 22, 0.9),)
    made = Decision(
        action=Action.LOCAL,
        sensitivity=Sensitivity.SECRET,
        reasons=("finding:payment_card", "class:secret"),
        findings=found,
        scores={"finance": 0.9},
        policy_id="0123456789ab",
    )
    return dataclasses.replace(made, **changes)


def record(ledger: Ledger, number: int = 1, **changes) -> int:
    values = {
        "endpoint": "/v1/chat/completions",
        "decision": decision(),
        "route": "cloud",
        "destination": "lab",
        "model": "m-1",
    }
    return ledger.record_decision(request_id=f"req_{number}", **(values | {"body": b'{"a": 1}'} | changes))


def fill(ledger: Ledger, requests: int = 3) -> None:
    for number in range(requests):
        seq = record(ledger, number)
        ledger.record_completion(
            seq, request_id=f"req_{number}", status="stop", bytes_sent=8, tokens_in=3, tokens_out=5
        )


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    ledger = Ledger.open(tmp_path / "data", KEY)
    fill(ledger)
    return ledger


def tamper(ledger: Ledger, *statements: str) -> None:
    """Change the database behind the ledger's back."""
    with sqlite3.connect(ledger._database.path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_an_empty_ledger_is_intact_and_looking_makes_no_file(tmp_path):
    ledger = Ledger.open(tmp_path / "data", KEY)
    assert ledger.verify() == Verification(True, 0) and ledger.rows() == []
    assert not (tmp_path / "data").exists()


def test_rows_come_back_as_they_were_recorded(ledger):
    rows = ledger.rows()
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5, 6]
    first, second = rows[:2]
    assert (first.kind, first.action, first.route, first.destination, first.model) == (
        "decision",
        "local",
        "cloud",
        "lab",
        "m-1",
    )
    assert json.loads(first.reasons) == ["finding:payment_card", "class:secret"]
    assert json.loads(first.kinds) == {"payment_card": 1}
    assert (first.sensitivity, first.policy_id, first.tenant) == ("secret", "0123456789ab", "default")
    assert first.body_digest == ledger.body_digest(b'{"a": 1}') and first.bytes_sent is None
    assert (second.kind, second.decision_seq, second.status) == ("completion", 1, "stop")
    assert (second.bytes_sent, second.tokens_in, second.tokens_out) == (8, 3, 5)
    assert abs(first.time_ms / 1000 - time.time()) < 600
    assert [row.seq for row in ledger.rows(limit=2)] == [5, 6]


def test_an_untouched_ledger_is_intact_also_when_opened_again(ledger, tmp_path):
    assert ledger.verify() == Verification(True, 6)
    ledger.close()
    again = Ledger.open(tmp_path / "data", KEY)
    assert again.verify() == Verification(True, 6)
    fill(again, 1)
    assert again.verify() == Verification(True, 8)


CHANGED = {"INTEGER": "ifnull({0}, 0) + 1000", "TEXT": "ifnull({0}, '') || 'x'"}


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_of_every_row_is_covered(ledger, column):
    path = ledger._database.path
    kept_rows = ledger.rows()
    ledger.close()
    kept = path.with_name("kept")
    shutil.copy(path, kept)
    kind = "INTEGER" if isinstance(getattr(kept_rows[0], column) or getattr(kept_rows[1], column), int) else "TEXT"
    for seq in range(1, 7):
        tamper(ledger, f"UPDATE entries SET {column} = {CHANGED[kind].format(column)} WHERE seq = {seq}")
        found = Ledger.open(path.parent, KEY).verify()
        assert not found.intact and found.bad_seq == seq and found.rows == seq - 1
        assert f"row {seq}" in found.problem
        for part in path.parent.glob(LEDGER_FILE + "*"):
            part.unlink()
        shutil.copy(kept, path)
        assert Ledger.open(path.parent, KEY).verify().intact


@pytest.mark.parametrize(
    "column", [c for c in COLUMNS if c not in ("seq", "kind", "time_ms", "request_id", "tenant", "prev_mac", "mac")]
)
def test_a_value_taken_out_or_put_in_is_seen(ledger, column):
    rows = ledger.rows()
    seq = next(row.seq for row in rows if getattr(row, column) is not None)
    tamper(ledger, f"UPDATE entries SET {column} = NULL WHERE seq = {seq}")
    assert ledger.verify().bad_seq == seq


@pytest.mark.parametrize("seq", range(1, 7))
def test_a_deleted_row_is_named(ledger, seq):
    tamper(ledger, f"DELETE FROM entries WHERE seq = {seq}")
    found = ledger.verify()
    assert not found.intact and found.bad_seq == seq and "missing" in found.problem


def test_a_deleted_row_with_the_rest_renumbered_is_seen(ledger):
    tamper(
        ledger,
        "DELETE FROM entries WHERE seq = 3",
        *[f"UPDATE entries SET seq = {n - 1} WHERE seq = {n}" for n in (4, 5, 6)],
    )
    assert ledger.verify().bad_seq == 3


def test_swapped_rows_are_seen(ledger):
    tamper(
        ledger,
        "UPDATE entries SET seq = 99 WHERE seq = 3",
        "UPDATE entries SET seq = 3 WHERE seq = 5",
        "UPDATE entries SET seq = 5 WHERE seq = 99",
    )
    assert ledger.verify().bad_seq == 3


def test_a_copied_row_is_seen(ledger):
    columns = ", ".join(c for c in COLUMNS if c != "seq")
    tamper(ledger, f"INSERT INTO entries (seq, {columns}) SELECT 7, {columns} FROM entries WHERE seq = 6")
    assert ledger.verify().bad_seq == 7


@pytest.mark.parametrize(
    "head",
    [
        "DELETE FROM head",
        "UPDATE head SET count = 4",
        "UPDATE head SET count = 4, last_mac = (SELECT mac FROM entries WHERE seq = 4)",
        "UPDATE head SET count = 4, last_mac = (SELECT mac FROM entries WHERE seq = 4), mac = last_mac",
        "UPDATE head SET mac = 'x'",
    ],
)
@pytest.mark.parametrize("cut", ["DELETE FROM entries WHERE seq > 4", "SELECT 1"])
def test_a_cut_tail_is_seen_whatever_is_done_to_the_head(ledger, head, cut):
    tamper(ledger, cut, head)
    assert not ledger.verify().intact
    with pytest.raises(LedgerError, match="verify"):
        record(ledger)
    assert not ledger.writable()


def test_a_cut_tail_with_the_head_of_that_time_is_seen_by_the_head_file(tmp_path):
    data = tmp_path / "data"
    ledger = Ledger.open(data, KEY)
    fill(ledger, 2)
    ledger.close()
    shutil.copy(data / LEDGER_FILE, tmp_path / "old")
    fill(ledger, 1)
    ledger.close()
    shutil.copy(tmp_path / "old", data / LEDGER_FILE)
    found = ledger.verify()
    assert not found.intact and found.bad_seq == 5
    with pytest.raises(LedgerError):
        record(ledger)


def test_a_ledger_rolled_back_whole_is_seen_by_a_head_kept_elsewhere(tmp_path):
    data = tmp_path / "data"
    ledger = Ledger.open(data, KEY)
    fill(ledger, 2)
    ledger.close()
    shutil.copytree(data, tmp_path / "old")
    fill(ledger, 1)
    shutil.copy(data / HEAD_FILE, tmp_path / "kept")
    ledger.close()
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "old", data)
    assert ledger.verify().intact, "nothing in the folder can show it"
    assert ledger.verify(tmp_path / "kept").bad_seq == 5
    fill(ledger, 1)
    assert ledger.verify(tmp_path / "kept").bad_seq == 6, "rows put in the place of those that were taken"


def test_an_older_head_of_the_ledgers_own_does_not_pass(ledger):
    with sqlite3.connect(ledger._database.path) as connection:
        old = connection.execute("SELECT count, last_mac, mac FROM head").fetchone()
    connection.close()
    fill(ledger, 1)
    with sqlite3.connect(ledger._database.path) as connection:
        connection.execute("UPDATE head SET count = ?, last_mac = ?, mac = ?", old)
    connection.close()
    assert ledger.verify().bad_seq == 7
    with pytest.raises(LedgerError):
        record(ledger)


def test_a_row_spliced_in_from_another_history_of_the_same_ledger_is_seen(tmp_path):
    """Both rows 3 are genuine: one was written before the folder was rolled back, the other after."""
    data = tmp_path / "data"
    fill(Ledger.open(data, KEY), 1)
    shutil.copytree(data, tmp_path / "other")
    for folder in (data, tmp_path / "other"):
        ledger = Ledger.open(folder, KEY)
        fill(ledger, 2)
        ledger.close()
    ledger = Ledger.open(data, KEY)
    assert ledger.verify().intact
    tamper(
        ledger,
        f"ATTACH '{tmp_path / 'other' / LEDGER_FILE}' AS other",
        "INSERT OR REPLACE INTO entries SELECT * FROM other.entries WHERE seq = 4",
    )
    assert ledger.verify().bad_seq == 4


def test_files_that_were_open_to_others_are_closed(ledger, tmp_path):
    ledger.close()
    path = tmp_path / "data" / LEDGER_FILE
    path.chmod(0o644)
    fill(ledger, 1)
    for part in path.parent.glob(LEDGER_FILE + "*"):
        assert stat.S_IMODE(part.stat().st_mode) == 0o600


def test_a_deleted_database_or_head_file_is_seen_and_not_written_over(ledger, tmp_path):
    data = tmp_path / "data"
    (data / HEAD_FILE).rename(tmp_path / "head")
    assert not ledger.verify().intact
    with pytest.raises(LedgerError):
        record(ledger)
    (tmp_path / "head").rename(data / HEAD_FILE)
    assert ledger.verify().intact
    for part in data.glob(LEDGER_FILE + "*"):
        part.unlink()
    assert ledger.verify().bad_seq == 1
    with pytest.raises(LedgerError):
        record(ledger)
    assert not ledger.verify().intact


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"1 2", b"x y z", b"3 a b", b"0  \n", "٣ a b".encode()])
def test_a_head_file_of_any_other_content_is_seen(ledger, tmp_path, content):
    (tmp_path / "data" / HEAD_FILE).write_bytes(content)
    assert not ledger.verify().intact


def test_another_key_verifies_nothing(ledger, tmp_path):
    assert Ledger.open(tmp_path / "data", bytes(32)).verify().bad_seq == 1


def test_no_content_reaches_the_files_and_they_are_private(tmp_path):
    data = tmp_path / "data"
    ledger = Ledger.open(data, KEY)
    seq = record(
        ledger,
        decision=decision(
            reasons=(f"finding:{CANARY} is here", "class:secret"), scores={CANARY: 1.0}, policy_id=f"{CANARY}\n"
        ),
        model=f"the model called {CANARY}",
        destination=f"{CANARY}?",
        endpoint=f"/v1/{CANARY} and more",
        tenant=f"{CANARY} & sons",
        body=f"the whole body with {CANARY}".encode(),
        reasons=(f"{CANARY.upper()}", f"class:{CANARY}!"),
    )
    ledger.record_completion(seq, request_id=f"{CANARY} {CANARY}", status=f"failed: {CANARY}")
    files = list(data.iterdir())
    assert {p.name for p in files} >= {LEDGER_FILE, LEDGER_FILE + "-wal", HEAD_FILE}
    for path in files:
        assert CANARY.encode() not in path.read_bytes().lower()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert ledger.verify().intact


CHILD = textwrap.dedent(
    """
    import os, signal, sys, pathlib
    sys.path.insert(0, {tests!r})
    from test_ledger import KEY, Ledger, record
    ledger = Ledger.open(pathlib.Path({data!r}), KEY, busy_seconds=60)
    """
)


def child(data: Path, body: str) -> subprocess.Popen[bytes]:
    code = CHILD.format(tests=str(Path(__file__).parent), data=str(data)) + textwrap.dedent(body)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)


def test_eight_processes_write_one_chain(tmp_path):
    work = "for n in range(50): record(ledger, n)"
    children = [child(tmp_path / "data", work) for _ in range(8)]
    assert [c.communicate(timeout=120) and c.returncode for c in children] == [0] * 8
    ledger = Ledger.open(tmp_path / "data", KEY)
    assert ledger.verify() == Verification(True, 400)
    assert sorted(row.request_id for row in ledger.rows()) == sorted(f"req_{n}" for n in range(50) for _ in range(8))


def test_many_threads_write_one_chain(tmp_path):
    ledger = Ledger.open(tmp_path / "data", KEY, busy_seconds=60)
    threads = [threading.Thread(target=fill, args=(ledger, 5)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ledger.verify() == Verification(True, 80)


def test_a_process_killed_between_decision_and_completion_leaves_a_sound_chain(tmp_path):
    killed = child(
        tmp_path / "data", "record(ledger)\nprint('decided', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    assert killed.communicate(timeout=60)[0] == b"decided\n" and killed.returncode == -signal.SIGKILL
    ledger = Ledger.open(tmp_path / "data", KEY)
    assert ledger.verify() == Verification(True, 1), "the decision was on the disk before anything could leave"
    fill(ledger, 1)
    assert ledger.verify() == Verification(True, 3)


def test_a_process_killed_while_writing_leaves_a_sound_chain(tmp_path):
    writer = child(tmp_path / "data", "print('on', flush=True)\nfor n in range(10**6): record(ledger, n)")
    writer.stdout.readline()
    ledger = Ledger.open(tmp_path / "data", KEY)
    while len(ledger.rows()) < 20:
        time.sleep(0.01)
    writer.kill()
    writer.communicate()
    assert ledger.verify().intact
    fill(ledger, 1)
    assert ledger.verify().intact


def test_a_locked_ledger_fails_in_bounded_time_and_works_again_afterwards(tmp_path):
    ledger = Ledger.open(tmp_path / "data", KEY, busy_seconds=0.05)
    fill(ledger, 1)
    other = sqlite3.connect(tmp_path / "data" / LEDGER_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert not ledger.writable()
    with pytest.raises(LedgerError, match="locked"):
        record(ledger)
    other.execute("ROLLBACK")
    other.close()
    assert ledger.writable()
    fill(ledger, 1)
    assert ledger.verify() == Verification(True, 4)


def test_a_full_disk_is_an_error_and_not_a_broken_chain(ledger, monkeypatch):
    assert ledger.writable()
    with monkeypatch.context() as patch:
        patch.setattr("nemora.privacy.database.shutil.disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 0))
        assert not ledger.writable()
        with pytest.raises(LedgerError, match="full"):
            record(ledger)
    ledger._database._connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(LedgerError, match="full"):
        fill(ledger, 500)
    assert ledger.verify().intact
    fill(ledger, 1)
    assert ledger.verify().intact


def test_a_read_only_database_is_an_error(ledger):
    ledger._database._connection.execute("PRAGMA query_only = ON")
    assert not ledger.writable()
    assert ledger.writable(), "the failure closed the file, and this is a fresh try"
    ledger._database._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(LedgerError, match="read-only"):
        record(ledger)
    assert ledger.verify() == Verification(True, 6)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_an_error(tmp_path):
    (tmp_path / "data").mkdir(mode=0o500)
    assert not Ledger.open(tmp_path / "data", KEY).writable()


def test_a_folder_that_cannot_be_made_is_an_error_and_not_a_crash_at_start(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    ledger = Ledger.open(tmp_path / "file" / "data", KEY)
    assert not ledger.writable()
    with pytest.raises(LedgerError):
        record(ledger)


@pytest.mark.parametrize("damage", ["whole", "middle"])
def test_a_damaged_file_is_an_error_and_never_intact(tmp_path, damage):
    data = tmp_path / "data"
    ledger = Ledger.open(data, KEY)
    fill(ledger, 100)
    ledger.close()
    path = data / LEDGER_FILE
    content = bytearray(path.read_bytes())
    start = 0 if damage == "whole" else len(content) // 3
    content[start : start + 6000] = b"\xa5" * 6000
    path.write_bytes(content)
    ledger = Ledger.open(data, KEY)
    if damage == "whole":
        assert not ledger.writable()
        with pytest.raises(LedgerError, match="damaged"):
            record(ledger)
    try:
        assert not ledger.verify().intact
    except LedgerError as error:
        assert "damaged" in error.message  # noqa: PT017 - either is right, by where the damage is


def test_a_ledger_removed_under_a_running_server_is_noticed(ledger, tmp_path):
    for part in (tmp_path / "data").glob(LEDGER_FILE + "*"):
        part.unlink()
    with pytest.raises(LedgerError, match="verify"):
        record(ledger)


def test_in_memory_leaves_no_file_and_verifies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ledger = Ledger.in_memory(KEY)
    assert ledger.writable()
    fill(ledger, 2)
    assert ledger.verify() == Verification(True, 4)
    assert list(tmp_path.iterdir()) == []


def test_the_installation_key_and_the_ledger_share_a_folder(tmp_path):
    data = tmp_path / "data"
    fill(Ledger.open(data, load_key(data)), 1)
    assert Ledger.open(data, load_key(data)).verify() == Verification(True, 2)
