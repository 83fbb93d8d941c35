"""A private file is the old or the new one, never a part of either, and open to nobody else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nemora.errors import SettingsError
from nemora.privacy.private_file import replace_private_file, sync_folder


def test_what_is_written_is_whole_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "data" / "file"
    for data in (b"old", b"new and longer"):
        replace_private_file(path, data)
        sync_folder(path.parent)
        assert path.read_bytes() == data and path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_what_is_broken_off_leaves_the_old_bytes_and_nothing_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "file"
    replace_private_file(path, b"old")

    def fails(_file: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(type(error)):
        replace_private_file(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be used"):
        replace_private_file(tmp_path / "file" / "below", b"")
