"""Compiling the kernels: whole or not at all, and without a compiler one line says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nemora.ops.cpu import build

SCRIPT = Path(build.__file__)


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_it_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(build.CannotCompile, match="no C\\+\\+ compiler"):
        build.compile_library(tmp_path / build.LIBRARY)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["/no/such/compiler"], [sys.executable, "-c", "raise SystemExit(3)"]])
def test_a_compiler_that_fails_leaves_nothing_behind(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / build.LIBRARY).write_bytes(b"the one before")
    with pytest.raises(build.CannotCompile):
        build.compile_library(tmp_path / build.LIBRARY, command)
    assert [file.name for file in tmp_path.iterdir()] == [build.LIBRARY]
    assert (tmp_path / build.LIBRARY).read_bytes() == b"the one before"


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    with pytest.raises(build.CannotCompile, match="written"):
        build.compile_library(tmp_path / "missing" / build.LIBRARY, [sys.executable])


def test_the_script_needs_nothing_of_nemora(tmp_path: Path) -> None:
    """As Nemora's build runs it: alone, with a compiler that is not there."""
    copied = tmp_path / SCRIPT.name
    copied.write_bytes(SCRIPT.read_bytes())
    command = [sys.executable, "-I", str(copied)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PATH": str(tmp_path)})
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "works without them" in done.stderr


def test_a_library_of_these_sources_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / build.LIBRARY).write_bytes(b"\0" + build.sources_hash().encode() + b"\0")
    made = build.compile_library(tmp_path / build.LIBRARY, ["/no/such/compiler"])
    assert made.read_bytes() == b"\0" + build.sources_hash().encode() + b"\0"


def test_the_hash_is_of_every_source(tmp_path: Path) -> None:
    for file in (*SCRIPT.parent.glob("*.cpp"), *SCRIPT.parent.glob("*.h"), SCRIPT):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert build.sources_hash(tmp_path) == build.sources_hash()
    for file in tmp_path.iterdir():
        kept = file.read_bytes()
        file.write_bytes(kept + b"\n")
        assert build.sources_hash(tmp_path) != build.sources_hash()
        file.write_bytes(kept)
    assert set(build.SCALAR | build.X86) == {file.name for file in SCRIPT.parent.glob("*.cpp")}
