"""A worker can be killed, and the next call works."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nemora.worker
from nemora.errors import TemplateError, WorkerFailed
from nemora.worker import Worker

TESTS = str(Path(__file__).parent)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def process_of(worker: Worker) -> int:
    """The child's process id, as the child says it."""
    pid: int = worker.call({"do": "process"}, 10)
    return pid


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


@pytest.mark.parametrize("fate", ["loop", "crash"])
def test_a_child_that_failed_is_gone_and_its_place_is_taken(worker: Worker, fate: str) -> None:
    before = process_of(worker)
    with pytest.raises(WorkerFailed):
        worker.call({"do": fate}, 0.5)
    assert not Path(f"/proc/{before}").exists()
    assert process_of(worker) != before


@pytest.mark.parametrize("fate", ["swell", "raise", "refuse"])
def test_an_error_of_the_job_costs_no_new_child(worker: Worker, fate: str) -> None:
    before = process_of(worker)
    with pytest.raises((WorkerFailed, TemplateError)):
        worker.call({"do": fate}, 10)
    assert process_of(worker) == before


def test_memory_has_a_limit(worker: Worker) -> None:
    with pytest.raises(WorkerFailed, match="MemoryError"):
        worker.call({"do": "swell"}, 10)


def test_a_closed_worker_leaves_no_process_and_can_be_called_again(worker: Worker) -> None:
    before = process_of(worker)
    worker.close()
    worker.close()
    assert not Path(f"/proc/{before}").exists()
    assert worker.call({"do": "echo", "value": 2}, 10) == 2


def test_calls_of_many_threads_get_their_own_answers(worker: Worker) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: worker.call({"do": "echo", "value": n}, 30), range(64)))
    assert answers == list(range(64))


def test_a_call_that_waits_for_its_turn_loses_no_time(worker: Worker) -> None:
    large = "x" * 1_000_000  # more than a pipe takes at once, so that a late deadline is seen
    worker.start()
    with ThreadPoolExecutor(1) as pool:
        with worker._lock:
            answer = pool.submit(worker.call, {"do": "echo", "value": large}, 1.0)
            threading.Event().wait(1.2)
        assert answer.result() == large


@given(value=JSON)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_comes_back_as_it_went(worker: Worker, value: Any) -> None:
    assert worker.call({"do": "echo", "value": value}, 10) == value


@pytest.mark.parametrize("interruption", [MemoryError, KeyboardInterrupt])
def test_no_call_gets_the_answer_of_an_interrupted_one(
    worker: Worker, interruption: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.start()
    with monkeypatch.context() as patched:

        def interrupted(*_: Any) -> bytes:
            raise interruption

        patched.setattr(nemora.worker, "_read_frame", interrupted)
        with pytest.raises((interruption, WorkerFailed)):
            worker.call({"do": "echo", "value": "the first"}, 10)
    assert worker.call({"do": "echo", "value": "the second"}, 10) == "the second"


def test_an_answer_beyond_the_limit_is_refused_and_not_read(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.start()
    monkeypatch.setattr(nemora.worker, "MAX_REPLY_BYTES", 1000)
    with pytest.raises(WorkerFailed):
        worker.call({"do": "echo", "value": "x" * 2000}, 10)
    assert worker.call({"do": "echo", "value": "y"}, 10) == "y"


def test_an_answer_that_is_no_json_is_a_failure(worker: Worker) -> None:
    with pytest.raises(WorkerFailed):
        worker.call({"do": "set"}, 10)
    assert worker.call({"do": "echo", "value": "y"}, 10) == "y"


def test_an_error_of_the_tree_keeps_its_class(worker: Worker) -> None:
    with pytest.raises(TemplateError, match="The template is wrong"):
        worker.call({"do": "refuse"}, 10)


def test_a_large_argument_and_answer_pass(worker: Worker) -> None:
    value = "x" * 5_000_000
    assert worker.call({"do": "echo", "value": value}, 30) == value


def test_a_job_that_prints_does_not_break_the_protocol(worker: Worker) -> None:
    assert worker.call({"do": "print", "value": 7}, 10) == 7


def test_the_child_holds_no_keys(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("FAR_API_KEY", "HF_TOKEN", "HTTPS_PROXY", "HOME"):
        monkeypatch.setenv(variable, "a-key")
    environment = worker.call({"do": "environment"}, 10)
    assert "a-key" not in environment.values()
    assert set(environment) <= {"PATH", "PYTHONPATH", "LC_ALL", "LC_CTYPE", "ORT_DISABLE_TELEMETRY", "GOMP_SPINCOUNT"}


def test_the_childs_crash_writes_no_core(worker: Worker) -> None:
    assert worker.call({"do": "core limit"}, 10) == [0, 0]


def test_the_child_ends_with_its_parent(worker: Worker) -> None:
    """A parent that is killed closes the pipe; nothing else is left to tell the child."""
    program = (
        "import os, sys; from nemora.worker import Worker; worker = Worker('worker_jobs:make');"
        " print(worker.call({'do': 'process'}, 60), flush=True); os._exit(1)"
    )
    path = os.pathsep.join(filter(None, [TESTS, os.environ.get("PYTHONPATH")]))
    environ = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environ)
    child = Path(f"/proc/{int(done.stdout)}")

    def gone() -> bool:
        try:
            return "\nState:\tZ" in (child / "status").read_text()
        except OSError:
            return True

    for _ in range(1000):
        if gone():
            break
        threading.Event().wait(0.01)
    assert gone(), "the child outlived its parent"


@pytest.mark.parametrize("job", ["worker_jobs:missing", "no_such_module:make", "worker_jobs:unable"])
def test_a_job_that_cannot_start_is_one_error(job: str) -> None:
    worker = Worker(job)
    for _ in range(2):
        with pytest.raises(WorkerFailed) as caught:
            worker.call({}, 10)
        assert "content" not in caught.value.message
    worker.close()


def test_an_argument_is_never_taken_for_a_job() -> None:
    worker = Worker("worker_jobs:unable")
    with pytest.raises(WorkerFailed):
        worker.start()
    try:
        with pytest.raises(WorkerFailed):
            worker.call({"job": "worker_jobs:make", "options": None, "memory_bytes": None}, 10)
    finally:
        worker.close()
