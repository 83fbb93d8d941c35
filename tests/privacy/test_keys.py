"""The installation's key: private, whole, and never silently replaced."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from nemora.errors import SettingsError
from nemora.privacy.keys import HEAD_FILE, KEY_FILE, LEDGER_FILE, derive, load_key


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_key_is_made_once_private_and_stays_the_same(tmp_path):
    data = tmp_path / "a" / "nemora"
    old = os.umask(0)
    try:
        key = load_key(data)
    finally:
        os.umask(old)
    assert len(key) == 32 and load_key(data) == key
    assert mode(data / KEY_FILE) == 0o600 and mode(data) == 0o700
    assert [p.name for p in data.iterdir()] == [KEY_FILE]
    assert load_key(tmp_path / "b") != key


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused_with_the_command_that_helps(tmp_path, bits):
    load_key(tmp_path)
    (tmp_path / KEY_FILE).chmod(bits)
    with pytest.raises(SettingsError, match="chmod 600"):
        load_key(tmp_path)


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_key_of_another_length_is_refused(tmp_path, content):
    load_key(tmp_path)
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(SettingsError, match="32 bytes"):
        load_key(tmp_path)


def test_a_link_or_folder_in_place_of_the_key_is_refused(tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"x" * 32)
    (tmp_path / "elsewhere").chmod(0o600)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / KEY_FILE).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "two" / KEY_FILE).mkdir(parents=True)
    for folder in ("one", "two"):
        with pytest.raises(SettingsError, match="key"):
            load_key(tmp_path / folder)


@pytest.mark.parametrize("left", [LEDGER_FILE, HEAD_FILE])
def test_a_lost_key_is_not_replaced_while_its_ledger_is_there(tmp_path, left):
    (tmp_path / left).write_bytes(b"")
    with pytest.raises(SettingsError, match="ledger"):
        load_key(tmp_path)
    assert not (tmp_path / KEY_FILE).exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SettingsError, match="data folder"):
        load_key(tmp_path / "file" / "nemora")


def test_an_open_folder_is_closed_to_others(tmp_path):
    tmp_path.chmod(0o755)
    load_key(tmp_path)
    assert mode(tmp_path) == 0o700


def test_processes_that_start_together_get_one_key(tmp_path):
    code = "import sys, pathlib; from nemora.privacy.keys import load_key; print(load_key(pathlib.Path(sys.argv[1])).hex())"
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    keys = {child.communicate(timeout=60)[0].strip() for child in children}
    assert len(keys) == 1 and len(keys.pop()) == 64
    assert [p.name for p in (tmp_path / "data").iterdir()] == [KEY_FILE]


def test_each_purpose_has_a_key_of_its_own():
    key = bytes(range(32))
    derived = {purpose: derive(key, purpose) for purpose in ("ledger", "ledger-body", "taint", "segment-cache")}
    assert len({*derived.values(), key}) == 5 and all(len(value) == 32 for value in derived.values())
    assert derive(key, "ledger") == derived["ledger"] != derive(bytes(32), "ledger")
