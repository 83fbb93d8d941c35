"""Taggers by name: fetched, converted once, converted again when in doubt, offline afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tiny_rampart import write_tiny_rampart

from nemora.errors import CorruptCheckpoint, NotCached, UnknownModel, UnsupportedCheckpoint
from nemora.tagger import load
from nemora.tagger.load import CONVERTED, PUBLISHED, load_tagger, prepare_tagger
from nemora.weights import cache as store
from nemora.weights.catalog import CATALOG, Entry, Licence, ModelFile, PathFile

NAME = "tiny-tagger"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; the catalog knows a tiny tagger whose files lie in a folder."""
    folder = tmp_path / "published"
    write_tiny_rampart(folder)
    files = []
    for name in (PUBLISHED, "tokenizer.json", "config.json"):
        data = (folder / name).read_bytes()
        files.append(ModelFile(name, hashlib.sha256(data).hexdigest(), len(data), (PathFile(str(folder / name)),)))
    licence = Licence(spdx="Apache-2.0", holder="x", homepage="x", text_file="Apache-2.0.txt")
    entry = Entry(name=NAME, kind="tagger", summary="x", files=tuple(files), licence=licence)
    monkeypatch.setitem(CATALOG, NAME, entry)
    return tmp_path / "cache"


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts conversions."""
    seen: list[int] = []
    real = load.requantise
    monkeypatch.setattr(load, "requantise", lambda data: seen.append(len(data)) or real(data))
    return seen


def test_fetched_converted_and_then_offline(cache: Path, conversions: list[int]) -> None:
    with pytest.raises(NotCached, match="nemora pull tiny-tagger"):
        load_tagger(NAME, cache=cache, offline=True)
    tagger = load_tagger(NAME, cache=cache)
    assert [span.label for span in tagger.tag(["the Anna"])[0]] == ["GIVEN_NAME"]
    assert tagger.name == NAME
    load_tagger(NAME, cache=cache, offline=True)
    assert len(conversions) == 1


def test_converted_file_lies_beside_the_published_one_and_is_recorded(cache: Path) -> None:
    path = prepare_tagger(NAME, cache=cache)
    folder = store.model_folder(cache, NAME)
    assert path == folder / CONVERTED and (folder / PUBLISHED).is_file()
    record = store.read_manifest(folder).files[CONVERTED]
    assert record.sha256 == store.sha256_of(path)
    assert record.derived_from == CATALOG[NAME].files[0].sha256
    assert store.status(cache, CATALOG[NAME], full=True).state == store.State.READY
    assert not list(folder.rglob(".tmp-*"))


@pytest.mark.parametrize("damage", ["missing", "changed", "no record", "older recipe"])
def test_converted_file_in_doubt_is_made_again(
    cache: Path, conversions: list[int], damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = prepare_tagger(NAME, cache=cache)
    good = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "changed":
        path.write_bytes(b"evil")
    elif damage == "no record":
        store.forget_file(store.model_folder(cache, NAME), CONVERTED)
    else:
        monkeypatch.setattr(load, "RECIPE", "another")
    assert prepare_tagger(NAME, cache=cache, offline=True).read_bytes() == good
    assert len(conversions) == 2


def test_copied_cache_is_not_converted_again(cache: Path, conversions: list[int]) -> None:
    path = prepare_tagger(NAME, cache=cache)
    path.touch()
    prepare_tagger(NAME, cache=cache, offline=True)
    assert len(conversions) == 1


def test_cache_that_cannot_be_written_serves_the_published_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_tagger(NAME, cache=cache).unlink()

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(store, "write_atomically", refuse)
    assert prepare_tagger(NAME, cache=cache, offline=True).name == "model_q4.onnx"


def test_published_file_that_is_no_model_is_one_sentence(cache: Path) -> None:
    path = prepare_tagger(NAME, cache=cache)
    path.unlink()
    published = store.model_folder(cache, NAME) / PUBLISHED
    with pytest.raises(CorruptCheckpoint):
        load._convert(published.parent, "")


def test_names_that_are_no_tagger_are_refused(cache: Path) -> None:
    with pytest.raises(UnknownModel):
        load_tagger("no-such", cache=cache)
    with pytest.raises(UnsupportedCheckpoint, match="not a tagger"):
        load_tagger("smollm2-135m", cache=cache, offline=True)
