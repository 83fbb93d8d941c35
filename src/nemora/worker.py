"""A child process that computes with a deadline and a memory limit, and can be killed.

Reading a request, rendering a template: work on untrusted input that might loop or swell. The child
runs one function, JSON in and JSON out (no pickle), one call after the other. When a call takes too long the child is
killed, the caller gets `WorkerFailed`, and the next call starts a fresh child.

A job is a module-level factory, named "package.module:function". It is called once in the child with the
worker's options and returns the function that answers each call.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from nemora.errors import NemoraError, WorkerFailed
from nemora.net_guard import OWN_WORKER, guard_network, is_air_gapped

MAX_REPLY_BYTES = 256 * 1024 * 1024


class Worker:
    """One child process. Thread-safe: calls wait for each other.

    Args:
        job: "package.module:factory" (see the module's docstring).
        options: JSON-able value for the factory.
        memory_bytes: address-space limit of the child; None for no limit.
    """

    def __init__(self, job: str, options: Any = None, *, memory_bytes: int | None = None) -> None:
        self._job = job
        self._options = options
        self._memory_bytes = memory_bytes
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self, seconds: float = 60.0) -> None:
        """Start the child and wait until its factory has run. Otherwise the first call does this."""
        with self._lock:
            self._ensure_started(time.monotonic() + seconds)

    def call(self, argument: Any, seconds: float) -> Any:
        """Run the job on a JSON-able `argument`, within `seconds` from when its turn comes.

        Raises:
            NemoraError: what the job raised, rebuilt by class name.
            WorkerFailed: the child crashed, ran out of memory or time, or could not start.
        """
        with self._lock:
            self._ensure_started(time.monotonic() + max(seconds, 60.0))
            return self._exchange(argument, time.monotonic() + seconds)

    def close(self) -> None:
        """Kill the child, if there is one."""
        with self._lock:
            self._kill()

    def _ensure_started(self, deadline: float) -> None:
        if self._child is not None and self._child.poll() is None:
            return
        self._kill()
        # The child needs no secrets: it gets the environment without API keys that the parent may hold.
        self._child = subprocess.Popen(
            OWN_WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "LC_ALL": "C.UTF-8"},
        )
        try:
            spec = {"job": self._job, "options": self._options, "memory_bytes": self._memory_bytes}
            self._exchange({**spec, "air_gapped": is_air_gapped()}, deadline)
        except BaseException:  # a child without a job would take the next argument for one
            self._kill()
            raise

    def _exchange(self, argument: Any, deadline: float) -> Any:
        child = self._child
        assert child is not None and child.stdin is not None and child.stdout is not None
        try:
            _write_frame(child.stdin, argument, deadline)
            reply = json.loads(_read_frame(child.stdout, deadline))
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self._kill()
            late = isinstance(error, TimeoutError)
            raise WorkerFailed(
                "A worker process ran out of time." if late else "A worker process stopped unexpectedly."
            ) from None
        except BaseException:  # interrupted: the answer on its way must not become the next call's
            self._kill()
            raise
        if "error" in reply:
            raise rebuilt(reply["error"])
        return reply["result"]

    def _kill(self) -> None:
        if self._child is None:
            return
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # a half-written frame cannot be flushed to a dead child
                    continue
        self._child = None


def _write_frame(pipe: BinaryIO | Any, value: Any, deadline: float) -> None:
    data = json.dumps(value).encode("ascii")
    view = memoryview(len(data).to_bytes(8, "big") + data)
    fd = pipe.fileno()
    os.set_blocking(fd, False)
    while view:
        if not select.select([], [fd], [], max(0.0, deadline - time.monotonic()))[1]:
            raise TimeoutError
        view = view[os.write(fd, view) :]


def _read_frame(pipe: BinaryIO | Any, deadline: float) -> bytes:
    size = int.from_bytes(_read_exactly(pipe.fileno(), 8, deadline), "big")
    if size > MAX_REPLY_BYTES:
        raise ValueError("reply too large")
    return _read_exactly(pipe.fileno(), size, deadline)


def _read_exactly(fd: int, size: int, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < size:
        if not select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError
        piece = os.read(fd, min(size - len(data), 1 << 20))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)


def rebuilt(described: dict[str, str]) -> NemoraError:
    """An error of a child, of which it told `class` and `message`."""
    import nemora.errors

    kind = getattr(nemora.errors, described["class"], WorkerFailed)
    if not issubclass(kind, NemoraError) or kind is nemora.errors.BackendRefused:  # which needs a status
        kind = WorkerFailed
    return kind(described["message"])


def _serve() -> None:
    """The child's main loop: a frame in, a frame out, until the parent closes the pipe."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not break the protocol
    answer: Callable[[Any], Any] | None = None
    while header := source.read(8):
        argument = json.loads(source.read(int.from_bytes(header, "big")))
        reply: dict[str, Any]
        try:
            if answer is None:
                answer, result = _start_job(argument), None
            else:
                result = answer(argument)
            reply = {"result": result}
        except NemoraError as error:
            reply = {"error": {"class": type(error).__name__, "message": error.message}}
        except Exception as error:  # noqa: BLE001 - the message may hold content; only its class may pass
            reply = {
                "error": {"class": "WorkerFailed", "message": f"A worker process failed with {type(error).__name__}."}
            }
        data = json.dumps(reply).encode("ascii")
        sink.write(len(data).to_bytes(8, "big") + data)
        sink.flush()


def _start_job(spec: dict[str, Any]) -> Callable[[Any], Any]:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not write content to disk
    if spec["air_gapped"]:
        guard_network(air_gapped=True)
    module, _, name = spec["job"].partition(":")
    factory: Callable[[Any], Callable[[Any], Any]] = getattr(importlib.import_module(module), name)
    job = factory(spec["options"])
    guard_network(air_gapped=True)  # the factory may fetch a model; what reads requests reaches nobody
    if spec["memory_bytes"]:
        resource.setrlimit(resource.RLIMIT_AS, (spec["memory_bytes"], spec["memory_bytes"]))
    return job


if __name__ == "__main__":
    _serve()
