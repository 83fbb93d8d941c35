"""The cache on disk: verified once, hashed again when in doubt, never trusted by name."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.errors import FetchError, UnknownModel
from nemora.weights import cache as store
from nemora.weights.catalog import Entry, Licence, ModelFile, PathFile

CONTENT = b"weights" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()
LICENCE = Licence(spdx="Apache-2.0", holder="Someone", homepage="https://example.org", text_file="Apache-2.0.txt")


WRONG_TYPES = '{"format": 1, "files": {"sub/w.bin": {"sha256": 1, "size": "x", "mtime_ns": 0, "origin": ""}}}'


def entry(name: str = "tiny") -> Entry:
    file = ModelFile("sub/w.bin", SHA, len(CONTENT), (PathFile("/nowhere"),))
    return Entry(name=name, kind="chat", summary="A test", files=(file,), licence=LICENCE, main="sub/w.bin")


def place(cache: Path, content: bytes = CONTENT) -> Path:
    path = store.model_folder(cache, "tiny") / "sub/w.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file that is hashed."""
    seen: list[Path] = []
    real = store.sha256_of
    monkeypatch.setattr(store, "sha256_of", lambda path: seen.append(path) or real(path))
    return seen


def test_states(tmp_path: Path) -> None:
    assert store.status(tmp_path, entry()).state == store.State.ABSENT
    path = place(tmp_path)
    assert store.status(tmp_path, entry()) == store.Status(
        store.State.READY, store.folder_bytes(store.model_folder(tmp_path, "tiny"))
    )
    path.write_bytes(CONTENT[:-1] + b"x")
    assert store.status(tmp_path, entry()).damaged == ("sub/w.bin",)
    path.rename(path.with_suffix(".part"))
    assert store.status(tmp_path, entry()).state == store.State.PARTIAL
    assert store.status(tmp_path, entry()).missing == ("sub/w.bin",)


def test_unchanged_file_is_hashed_once(tmp_path: Path, hashes: list[Path]) -> None:
    place(tmp_path)
    for _ in range(3):
        assert store.status(tmp_path, entry()).state == store.State.READY
    assert len(hashes) == 1


def test_touched_file_is_hashed_again(tmp_path: Path, hashes: list[Path]) -> None:
    path = place(tmp_path)
    store.status(tmp_path, entry())
    os.utime(path, ns=(1, 1))
    assert store.status(tmp_path, entry()).state == store.State.READY
    assert len(hashes) == 2


def test_full_check_sees_a_change_that_keeps_size_and_time(tmp_path: Path) -> None:
    path = place(tmp_path)
    store.status(tmp_path, entry())
    stat = path.stat()
    path.write_bytes(CONTENT[:-1] + b"x")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert store.status(tmp_path, entry()).state == store.State.READY
    assert store.status(tmp_path, entry(), full=True).state == store.State.DAMAGED
    assert store.status(tmp_path, entry()).state == store.State.DAMAGED  # it is remembered


def test_manifest_cannot_vouch_for_other_bytes(tmp_path: Path) -> None:
    path = place(tmp_path, b"evil")
    store.record_file(store.model_folder(tmp_path, "tiny"), "sub/w.bin", hashlib.sha256(b"evil").hexdigest(), "x")
    assert path.exists() and store.status(tmp_path, entry()).state == store.State.DAMAGED


def test_copied_folder_is_ready(tmp_path: Path) -> None:
    place(tmp_path / "a")
    store.status(tmp_path / "a", entry())
    shutil.copytree(tmp_path / "a", tmp_path / "b", copy_function=shutil.copyfile)
    assert store.status(tmp_path / "b", entry()).state == store.State.READY


def test_cache_whose_manifest_cannot_be_written_still_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(tmp_path)

    def refuse(path: Path, data: bytes) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(store, "write_atomically", refuse)
    assert store.status(tmp_path, entry()).state == store.State.READY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 2, "files": {}}',
        '{"format": 1}',
        '{"format": 1, "files": []}',
        "[" * 90_000,
        WRONG_TYPES,
    ],
)
def test_damaged_manifest_means_hashing_again(tmp_path: Path, text: str) -> None:
    place(tmp_path)
    (store.model_folder(tmp_path, "tiny") / store.MANIFEST).write_text(text)
    assert store.status(tmp_path, entry()).state == store.State.READY


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda x: st.dictionaries(st.text(max_size=9), x)))
def test_any_json_is_read_as_a_manifest_or_none(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    folder = tmp_path_factory.mktemp("m")
    for table in (value, {"format": 1, "files": value}, {"format": 1, "files": {"a": value}}):
        (folder / store.MANIFEST).write_text(json.dumps(table))
        assert isinstance(store.read_manifest(folder), store.Manifest)


def test_records_that_point_outside_are_dropped(tmp_path: Path) -> None:
    record = {"sha256": "", "size": 0, "mtime_ns": 0, "origin": "", "derived_from": "x"}
    table = {"format": 1, "files": {"../../etc/passwd": record, "/etc/passwd": record, "fine": record}}
    (tmp_path / store.MANIFEST).write_text(json.dumps(table))
    assert set(store.read_manifest(tmp_path).files) == {"fine"}


def test_damaged_derived_file_is_seen(tmp_path: Path) -> None:
    place(tmp_path)
    folder = store.model_folder(tmp_path, "tiny")
    (folder / "made.bin").write_bytes(b"made")
    store.record_file(folder, "made.bin", hashlib.sha256(b"made").hexdigest(), "recipe", derived_from=SHA)
    assert store.status(tmp_path, entry(), full=True).state == store.State.READY
    (folder / "made.bin").write_bytes(b"evil")
    assert store.status(tmp_path, entry(), full=True).damaged == ("made.bin",)


@pytest.mark.parametrize("name", ["../x", "/etc", "a/b", "", ".", "..", "A", "x\0"])
def test_name_that_could_be_a_path_is_refused_everywhere(tmp_path: Path, name: str) -> None:
    for act in (store.model_folder, store.remove):
        with pytest.raises(UnknownModel) as caught:
            act(tmp_path, name)
        assert not name or len(name) < 3 or name not in str(caught.value)


def test_remove_frees_what_it_says(tmp_path: Path) -> None:
    place(tmp_path)
    assert store.remove(tmp_path, "tiny") == len(CONTENT)
    assert store.model_names(tmp_path) == []
    with pytest.raises(UnknownModel):
        store.remove(tmp_path, "tiny")


def test_remove_of_a_link_leaves_what_it_points_to(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "w.bin").write_bytes(CONTENT)
    store.models_folder(tmp_path).mkdir()
    (store.models_folder(tmp_path) / "tiny").symlink_to(shared)
    assert store.remove(tmp_path, "tiny") == 0
    assert (shared / "w.bin").read_bytes() == CONTENT


def test_lock_excludes_threads(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        with store.lock(tmp_path, "tiny", on_wait=waiting.set):
            order.append("second")

    with store.lock(tmp_path, "tiny"):
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


HOLD = """
import sys
from pathlib import Path
from nemora.weights import cache
with cache.lock(Path(sys.argv[1]), "tiny"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_lock_excludes_processes_and_ends_with_them(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None and child.stdout.readline() == b"held\n"
        waited: list[bool] = []

        def kill() -> None:
            waited.append(True)
            child.kill()

        with store.lock(tmp_path, "tiny", on_wait=kill):
            assert waited
    finally:
        child.kill()
        child.communicate()


def test_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("in the way")
    with pytest.raises(FetchError, match="cannot be written"), store.lock(tmp_path, "tiny"):
        pass
