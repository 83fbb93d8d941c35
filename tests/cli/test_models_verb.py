"""`nemora models`, `pull` and `rm`, over a small catalog and an own cache folder."""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
from pathlib import Path

import pytest

from nemora.errors import FetchError, HashMismatch, NotCached, UnknownModel, UsageError
from nemora.weights.catalog import CATALOG, Entry, Licence, ModelFile, PathFile

CONTENT = b"weights" * 100


def verb(name: str, *arguments: str) -> int:
    """Run a verb as the command line does, without its error handling."""
    module = importlib.import_module(f"nemora.cli.{name}")
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    args = parser.parse_args(arguments)
    args.config = None
    status: int = module.run(args)
    return status


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and a catalog of one model that lies in a folder; returns the cache."""
    (tmp_path / "w.bin").write_bytes(CONTENT)
    file = ModelFile("w.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), (PathFile(str(tmp_path / "w.bin")),))
    licence = Licence(
        spdx="CC-BY-4.0", holder="Jo Doe", homepage="https://jo.example", text_file="Apache-2.0.txt", changes="Cut."
    )
    tiny = Entry(name="tiny", kind="chat", summary="A tiny one", files=(file,), licence=licence, main="w.bin")
    for name in list(CATALOG):
        monkeypatch.delitem(CATALOG, name)
    monkeypatch.setitem(CATALOG, "tiny", tiny)
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "NEMORA_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / ".cache/nemora"


def test_models_lists_the_catalog_before_anything_is_pulled(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb("models") == 0
    head, row, blank, family, *_ = capsys.readouterr().out.splitlines()
    assert blank == "" and family.startswith("NAME")
    assert head.split() == ["NAME", "KIND", "STATE", "SIZE", "LICENCE"]
    assert row.startswith("tiny") and "not pulled" in row and "CC-BY-4.0" in row
    assert not home.exists()


def test_pull_shows_the_licence_first_and_the_path_last(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb("pull", "tiny") == 0
    out, err = capsys.readouterr()
    assert "licence CC-BY-4.0, by Jo Doe" in err.splitlines()[0]
    assert out == f"tiny: {home / 'models/tiny/w.bin'}\n"
    assert (home / "models/tiny/w.bin").read_bytes() == CONTENT


def test_second_pull_fetches_nothing(home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    verb("pull", "tiny")
    (tmp_path / "w.bin").unlink()
    capsys.readouterr()
    assert verb("pull", "tiny", "tiny") == 0
    out, err = capsys.readouterr()
    assert err == "" and out.count("\n") == 1


def test_quiet_pull_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert verb("pull", "--quiet", "tiny") == 0
    assert capsys.readouterr() == ("", "")


def test_pull_from_a_folder_works_offline(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEMORA_OFFLINE", "1")
    with pytest.raises(NotCached, match="nemora pull tiny"):
        verb("pull", "tiny")
    usb = tmp_path / "usb"
    usb.mkdir()
    (tmp_path / "w.bin").rename(usb / "w.bin")
    assert verb("pull", "tiny", "--from", str(usb)) == 0
    assert verb("pull", "tiny") == 0
    with pytest.raises(UsageError, match="--from"):
        verb("pull", "tiny", "--from", str(tmp_path / "nowhere"))


def test_pull_without_a_name_or_with_an_unknown_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--starter"):
        verb("pull")
    with pytest.raises(UnknownModel, match="tiny"):
        verb("pull", "../../etc/passwd")


def test_starter_is_what_the_server_needs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("nemora.cli.pull.STARTER", ("tiny",))
    assert verb("pull", "--starter", "tiny") == 0
    assert capsys.readouterr().out.startswith("tiny: ")


def test_pull_that_fails_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "w.bin").unlink()
    with pytest.raises(FetchError, match=r"w\.bin of the model tiny could not be fetched"):
        verb("pull", "tiny")


def test_models_name_shows_files_and_where_the_licence_lies(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verb("models", "tiny")
    before = capsys.readouterr().out
    shipped = next(line.split(maxsplit=1)[1] for line in before.splitlines() if line.startswith("text"))
    assert "Apache License" in Path(shipped).read_text()
    verb("pull", "--quiet", "tiny")
    verb("models", "tiny")
    after = capsys.readouterr().out
    kept = next(line.split(maxsplit=1)[1] for line in after.splitlines() if line.startswith("text"))
    assert Path(kept).is_relative_to(home) and "Jo Doe" in Path(kept).read_text()
    assert "changes  Cut." in after and hashlib.sha256(CONTENT).hexdigest() in after and "ready" in after


def test_models_json_holds_what_the_table_shows(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verb("pull", "--quiet", "tiny")
    verb("models", "--json")
    (row,) = json.loads(capsys.readouterr().out)["cached"]
    assert (row["name"], row["state"], row["size"], row["damaged"]) == ("tiny", "ready", len(CONTENT), [])
    verb("models", "tiny", "--json")
    assert json.loads(capsys.readouterr().out) == row


def test_verify_finds_damage_that_a_glance_misses_and_pull_repairs_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb("pull", "--quiet", "tiny")
    path = home / "models/tiny/w.bin"
    stat = path.stat()
    path.write_bytes(CONTENT[:-1] + b"x")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert verb("models") == 0
    with pytest.raises(HashMismatch, match="nemora pull tiny"):
        verb("models", "--verify")
    assert "damaged" in capsys.readouterr().out
    verb("pull", "--quiet", "tiny")
    assert verb("models", "--verify") == 0


def test_folder_that_is_not_in_the_catalog_is_listed_and_removable(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "models/own-model").mkdir(parents=True)
    (home / "models/own-model/w").write_bytes(b"x" * 1234)
    verb("models")
    assert "own-model" in capsys.readouterr().out
    verb("models", "own-model")
    assert "not in the catalog" in capsys.readouterr().out
    verb("rm", "own-model")
    assert capsys.readouterr().out == "own-model: 1,234 bytes freed\n"


def test_rm_says_what_it_freed_and_refuses_what_is_not_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verb("pull", "--quiet", "tiny")
    size = sum(p.stat().st_size for p in (home / "models/tiny").iterdir())
    assert verb("rm", "tiny") == 0
    assert capsys.readouterr().out == f"tiny: {size:,} bytes freed\n"
    assert not (home / "models/tiny").exists()
    for name in ("tiny", "../tiny", "/", "."):
        with pytest.raises(UnknownModel):
            verb("rm", name)
    with pytest.raises(UnknownModel):
        verb("models", "nope")
