"""The process: the address that it prints, and how it stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from server_fakes import SECRET

HERE = Path(__file__).parent
SCRIPT = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from server_fakes import setup, SECRET
from nemora.core import Delta, StopReason
from nemora.server import listen
from nemora.server.app import build_app
from nemora.server.drain import Drain
from nemora.settings import ServerSettings

async def slowly(request):
    if request.messages[0].text() == "lose a task":
        async def fails():
            raise ValueError(SECRET)
        asyncio.ensure_future(fails())
        await asyncio.sleep(0)
    for _ in range({pieces}):
        yield Delta(text="piece ")
        await asyncio.sleep(0.05)
    yield Delta(finish=StopReason.STOP)

what = setup(Path({data!r}))
what.local.script = slowly
listening = listen.bind(ServerSettings(port=0))
host, port = listening.getsockname()[:2]
drain = Drain({drain})
listen.run(build_app(what.gateway, ServerSettings(), bound=host, drain=drain), listening, drain=drain, banner=f"http://{{host}}:{{port}}\\n")
print("stopped", [row.status for row in what.rows()])
"""
ASK = {"model": "local", "messages": [{"role": "user", "content": "hi"}], "stream": True}


@contextmanager
def process(tmp_path: Path, pieces: int, drain: int = 20) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server process, and the address that it printed into a pipe."""
    script = textwrap.dedent(SCRIPT).format(here=str(HERE), data=str(tmp_path / "data"), pieces=pieces, drain=drain)
    with (tmp_path / "stderr").open("w") as errors:
        started = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ}
        )
    assert started.stdout is not None
    try:
        yield started, started.stdout.readline().strip()
    finally:
        started.kill()
        started.wait()
        started.stdout.close()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_answers_finish_and_then_stops_with_status_0(tmp_path: Path, stop: signal.Signals) -> None:
    with process(tmp_path, pieces=10) as (server, url):
        with httpx2.stream("POST", url + "/v1/chat/completions", json=ASK) as response:
            lines = response.iter_lines()
            next(lines)
            server.send_signal(stop)
            rest = list(lines)
        assert rest[-1] == "" and "data: [DONE]" in rest
        out = server.communicate(timeout=20)[0]
        assert server.returncode == 0 and "stopped" in out and "'stop'" in out


def test_while_it_drains_new_requests_get_503_and_when_to_ask_again(tmp_path: Path) -> None:
    with process(tmp_path, pieces=10_000, drain=60) as (server, url):
        with httpx2.Client() as idle, httpx2.stream("POST", url + "/v1/chat/completions", json=ASK) as response:
            assert idle.get(url + "/health/ready").status_code == 200
            lines = response.iter_lines()
            next(lines)
            server.send_signal(signal.SIGTERM)
            while idle.get(url + "/health/ready").status_code == 200:
                pass
            for path, body in (
                ("/v1/chat/completions", ASK),
                ("/v1/messages", {**ASK, "max_tokens": 9}),
                ("/api/chat", ASK),
                ("/v1/embeddings", {"model": "m", "input": "a"}),
            ):
                refused = httpx2.post(url + path, json=body)
                assert refused.status_code == 503 and 1 <= int(refused.headers["retry-after"]) <= 30
                assert "stopping" in refused.text and refused.headers["connection"] == "close"
            assert httpx2.get(url + "/health/live").status_code == 200
            assert httpx2.get(url + "/metrics").status_code == 200
            assert next(lines) == "" and "piece" in next(lines)  # what runs goes on
            server.send_signal(signal.SIGTERM)  # again: now
            with pytest.raises(httpx2.RemoteProtocolError):
                list(lines)
        server.communicate(timeout=20)
        assert server.returncode == 0


def test_an_answer_that_does_not_end_is_cut_at_the_deadline_and_recorded(tmp_path: Path) -> None:
    with process(tmp_path, pieces=10_000, drain=1) as (server, url):
        with httpx2.stream("POST", url + "/v1/chat/completions", json=ASK) as response:
            lines = response.iter_lines()
            next(lines)
            server.send_signal(signal.SIGTERM)
            with pytest.raises(httpx2.RemoteProtocolError):
                list(lines)
        out = server.communicate(timeout=20)[0]
        assert server.returncode == 0 and "'cancelled'" in out


def test_a_lost_tasks_error_is_logged_without_its_text(tmp_path: Path) -> None:
    with process(tmp_path, pieces=1) as (server, url):
        message = {"role": "user", "content": "lose a task"}
        assert httpx2.post(url + "/v1/chat/completions", json={**ASK, "messages": [message]}).status_code == 200
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)
    logged = (tmp_path / "stderr").read_text()
    assert "Task exception was never retrieved" in logged
    assert SECRET not in logged and "Traceback" not in logged
