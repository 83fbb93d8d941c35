"""A worker can be killed, and the next call works."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nemora.errors import TemplateError, WorkerFailed
from nemora.worker import Worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker("worker_jobs:make", {"answer": 42}, memory_bytes=1024**3)
    yield worker
    worker.close()


def test_options_reach_the_job_and_unicode_survives(worker: Worker) -> None:
    assert worker.call({"do": "options"}, 10) == {"answer": 42}
    assert worker.call({"do": "echo", "value": "é\ud800\U0001f600\x00"}, 10) == "é\ud800\U0001f600\x00"


@pytest.mark.parametrize("fate", ["loop", "crash", "swell", "raise"])
def test_after_a_failure_the_next_call_works(worker: Worker, fate: str) -> None:
    with pytest.raises(WorkerFailed) as caught:
        worker.call({"do": fate}, 1.0)
    assert "content" not in caught.value.message
    assert worker.call({"do": "echo", "value": 1}, 10) == 1


def test_an_error_of_the_tree_keeps_its_class(worker: Worker) -> None:
    with pytest.raises(TemplateError, match="The template is wrong"):
        worker.call({"do": "refuse"}, 10)


def test_a_large_argument_and_answer_pass(worker: Worker) -> None:
    value = "x" * 5_000_000
    assert worker.call({"do": "echo", "value": value}, 30) == value


def test_a_job_that_prints_does_not_break_the_protocol(worker: Worker) -> None:
    assert worker.call({"do": "print", "value": 7}, 10) == 7


def test_the_child_holds_no_keys(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAR_API_KEY", "a-key")
    assert "FAR_API_KEY" not in worker.call({"do": "environment"}, 10)


def test_a_job_that_cannot_start_is_one_error() -> None:
    worker = Worker("worker_jobs:missing")
    with pytest.raises(WorkerFailed):
        worker.call({}, 10)
    worker.close()
