"""Requests are read in a child that may die; then they count as not read."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from nemora.core import ChatRequest, Message
from nemora.errors import NotCached
from nemora.privacy.finding import Kind
from nemora.server.inspection import InspectionWorker
from nemora.settings import InspectionSettings, Paths, Settings, load_settings

CACHE = load_settings().paths.cache
needs_tagger = pytest.mark.skipif(
    not (CACHE / "models" / "rampart").is_dir(), reason="the tagger is not in the cache: run `nemora pull rampart`"
)


def settings_in(folder: Path, cache: Path = CACHE, **inspection: float) -> Settings:
    paths = Paths(config=folder / "config", cache=cache, data=folder / "data")
    return Settings(paths=paths, inspection=InspectionSettings(**inspection), offline=True)  # type: ignore[arg-type]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[InspectionWorker]:
    worker = InspectionWorker(settings_in(tmp_path))
    yield worker
    worker.close()


def asks(text: str) -> ChatRequest:
    return ChatRequest(model="auto", messages=(Message("user", text),))


@needs_tagger
def test_names_and_numbers_are_found_through_the_child(worker: InspectionWorker) -> None:
    found = worker.inspect(asks("Our patient Margarethe Oyelaran paid with 5412 7538 8106 3098."))
    assert found.complete
    assert {f.kind for f in found.findings} == {Kind.PERSON_NAME, Kind.PAYMENT_CARD}


@needs_tagger
def test_lone_surrogates_and_control_characters_are_read(worker: InspectionWorker) -> None:
    assert worker.inspect(asks("a\ud800b\x00c")).complete


@needs_tagger
def test_a_dead_child_counts_as_not_read_and_the_next_request_is_read(worker: InspectionWorker) -> None:
    child = worker._worker._child
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)
    os.kill(child.pid, signal.SIGKILL)
    worker.inspect(asks("hello"))
    assert worker.inspect(asks("hello")).complete


@needs_tagger
def test_a_reading_that_takes_too_long_counts_as_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.server.inspection.CHARACTERS_PER_SECOND", 10**12)
    worker = InspectionWorker(settings_in(tmp_path, seconds=0.0001))
    try:
        found = worker.inspect(asks("Margarethe Oyelaran lives here. " * 3000))
        assert not found.complete
        assert found.failures == ("WorkerFailed",)
    finally:
        worker.close()


def test_without_the_tagger_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(NotCached, match="nemora pull"):
        InspectionWorker(settings_in(tmp_path, cache=tmp_path / "empty"))
