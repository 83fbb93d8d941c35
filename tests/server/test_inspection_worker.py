"""Requests are read in a child that may die; then they count as not read."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nemora.worker
from nemora.core import ChatRequest, Message, OpaquePart, TextPart, ToolCall
from nemora.errors import CorruptCheckpoint
from nemora.privacy.classify import classify
from nemora.privacy.finding import Kind, Sensitivity
from nemora.privacy.inspect import Inspector
from nemora.privacy.policy import parse_policy
from nemora.privacy.segment import segments
from nemora.privacy.topics import MATTERS
from nemora.server.inspection import InspectionWorker
from nemora.settings import InspectionSettings, Paths, Settings, load_settings
from nemora.tagger.reader import load_reader

CACHE = load_settings().paths.cache


def settings_in(folder: Path, cache: Path = CACHE, **inspection: float | str) -> Settings:
    paths = Paths(config=folder / "config", cache=cache, data=folder / "data")
    return Settings(paths=paths, inspection=InspectionSettings(**inspection), offline=True)  # type: ignore[arg-type]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[InspectionWorker]:
    worker = InspectionWorker(settings_in(tmp_path))
    yield worker
    worker.close()


def asks(text: str) -> ChatRequest:
    return ChatRequest(model="auto", messages=(Message("user", text),))


def test_names_and_numbers_are_found_through_the_child(worker: InspectionWorker) -> None:
    found = worker.inspect(asks("Our patient Margarethe Oyelaran paid with 5412 7538 8106 3098."))
    assert found.complete
    assert {f.kind for f in found.findings} - MATTERS == {Kind.PERSON_NAME, Kind.PAYMENT_CARD}


def test_lone_surrogates_and_control_characters_are_read(worker: InspectionWorker) -> None:
    assert worker.inspect(asks("a\ud800b\x00c")).complete


def test_a_dead_child_counts_as_not_read_and_the_next_request_is_read(worker: InspectionWorker) -> None:
    child = worker._worker._child
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)
    os.kill(child.pid, signal.SIGKILL)
    worker.inspect(asks("hello"))
    assert worker.inspect(asks("hello")).complete


def test_a_child_that_dies_while_it_reads_counts_as_not_read_and_says_no_content(
    worker: InspectionWorker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    child = worker._worker._child
    assert child is not None
    write = nemora.worker._write_frame

    def write_and_kill(pipe: Any, value: Any, deadline: float) -> None:
        os.kill(child.pid, signal.SIGSTOP)  # it cannot answer before it dies
        write(pipe, value, deadline)
        os.kill(child.pid, signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(nemora.worker, "_write_frame", write_and_kill)
        died = worker.inspect(asks("the canary flies"))
    assert (died.complete, died.findings, died.failures) == (False, (), ("WorkerFailed",))
    assert classify(died).sensitivity is Sensitivity.CONFIDENTIAL
    assert "canary" not in caplog.text
    assert worker.inspect(asks("hello")).complete


def test_the_child_answers_as_the_inspector_does_in_this_process(worker: InspectionWorker) -> None:
    parts = (TextPart("card 4716 2093"), TextPart("8854 1728"), OpaquePart("image_url", {"type": "image_url"}))
    request = ChatRequest(
        model="auto",
        messages=(
            Message("user", parts),
            Message("assistant", tool_calls=(ToolCall("c", "f", '{"password": "hunter2zebra"}'),)),
        ),
    )
    expected = Inspector(load_reader()).inspect(segments(request))
    found = {f.kind for f in expected.findings}
    assert found - MATTERS == {Kind.PAYMENT_CARD, Kind.UNREADABLE, Kind.PASSWORD}
    assert worker.inspect(request) == expected
    assert worker.inspect(request) == expected  # from the cache


def test_the_policys_entities_reach_the_child_also_one_that_was_restarted(worker: InspectionWorker) -> None:
    rules = [
        parse_policy(f"[[entities]]\nname = '{n}'\nclass = 'secret'\nwords = ['{n}x']").reading for n in "abcdefghijk"
    ]
    for each in (*rules, *rules):  # more than the child keeps
        name = each.entities[0].name
        found = worker.inspect(asks("see ax bx cx dx ex fx gx hx ix jx kx"), each)
        assert found.complete and [f.entity for f in found.findings if f.entity] == [name]
    child = worker._worker._child
    assert child is not None
    child.kill()
    child.wait()
    assert [f.entity for f in worker.inspect(asks("ax"), rules[0]).findings if f.entity] == ["a"]
    assert not [f.entity for f in worker.inspect(asks("ax")).findings if f.entity]


def test_a_reading_that_takes_too_long_counts_as_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.server.inspection.CHARACTERS_PER_SECOND", 10**12)
    worker = InspectionWorker(settings_in(tmp_path, seconds=0.0001))
    try:
        found = worker.inspect(asks("Margarethe Oyelaran lives here. " * 3000))
        assert not found.complete
        assert found.failures == ("WorkerFailed",)
    finally:
        worker.close()


def test_without_the_model_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(CorruptCheckpoint, match="install it anew"):
        InspectionWorker(settings_in(tmp_path, model=str(tmp_path)))


def test_reading_needs_nothing_that_is_fetched(tmp_path: Path) -> None:
    worker = InspectionWorker(settings_in(tmp_path, cache=tmp_path / "empty"))
    try:
        assert worker.inspect(asks("hello")).complete
    finally:
        worker.close()
