"""The agent's loop: what it asks grows by a turn at a time, and its figures are the server's own."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import io
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from rich.console import Console

FILE = Path(__file__).parent.parent / "bench" / "agent.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("agent_bench", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["agent_bench"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


agent = loaded()
ARGS = argparse.Namespace(turns=4, agents=3, system=600, new=5, context=8192, threads=2, model="m.gguf", plain=False)


class Counting(BaseHTTPRequestHandler):
    """Counts a token for each character of the messages, and knows the longest beginning that it has read."""

    read: ClassVar[list[str]] = []
    lock = threading.Lock()
    with_timings = False
    broken = ""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = json.dumps([body["tools"], body["messages"]])[:-2]
        with self.lock:
            known = max((common(text, other) for other in self.read), default=0)
            self.read.append(text)
        usage = {"prompt_tokens": len(text), "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": known}}
        last: dict[str, Any] = {"choices": [], "usage": usage}
        if self.with_timings:
            usage["prompt_tokens_details"] = None
            last["timings"] = {"prompt_n": len(text) - known}
        pieces = [{"choices": [{"delta": {"role": "assistant"}}]}, {"choices": [{"delta": {"content": "x"}}]}, last]
        if self.broken:
            pieces = [{"error": {"message": self.broken}}]
        self.send_response(200)
        self.end_headers()
        self.wfile.write("".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces).encode() + b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        return None


def common(one: str, other: str) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@pytest.fixture(params=[False, True], ids=["usage", "timings"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    Counting.read.clear()
    Counting.with_timings, Counting.broken = request.param, ""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] - a client that was told of a failure leaves
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_turn_reads_no_more_than_what_is_new(url: str) -> None:
    script = agent.script_of(agent.source(None), ARGS)
    found = asyncio.run(agent.replayed(url, "local", script, ARGS))
    assert [len(each) for each in found] == [4, 4, 4]
    for number, turns in enumerate(found):
        for turn in range(1, 4):
            before, now = (json.dumps([script.tools, script.messages(number, t)])[:-2] for t in (turn - 1, turn))
            assert turns[turn].prompt == len(now)
            assert turns[turn].processed == len(now) - len(before)
            assert 0 <= turns[turn].first_seconds <= turns[turn].seconds
    sums = agent.totals(found)
    assert sums["tokens of prompts"] == sum(map(len, Counting.read))
    assert sums["tokens processed"] < sums["tokens of prompts"] / 2
    out = io.StringIO()
    agent.show({"Nemora": found, "llama.cpp": found}, Console(file=out, width=200))
    assert "1.00" in out.getvalue() and "Nemora / llama.cpp" in out.getvalue()
    agent.show({"Nemora": found}, Console(file=out, width=200))


def test_a_script_is_as_long_as_it_was_asked_for_and_always_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("words of one's own " * 500)
    for text in (agent.source(None), agent.source(tmp_path)):
        script = agent.script_of(text, ARGS)
        assert script == agent.script_of(text, ARGS)
        characters = len(script.system) + sum(len(tool["function"]["description"]) for tool in script.tools)
        assert characters == 600 * agent.CHARACTERS_PER_TOKEN
        said = script.messages(1, 3)
        assert [turn["role"] for turn in said] == ["system", "user", *["assistant", "tool"] * 3]
        assert [turn["tool_call_id"] for turn in said if turn["role"] == "tool"] == ["call_0", "call_1", "call_2"]
    with pytest.raises(SystemExit, match="--text"):
        agent.source(tmp_path / "none")


def test_without_tools_the_same_is_said_as_text() -> None:
    text = agent.source(None)
    script = agent.script_of(text, argparse.Namespace(**{**vars(ARGS), "plain": True}))
    other, said = agent.script_of(text, ARGS).messages(1, 3), script.messages(1, 3)
    assert [turn["role"] for turn in said] == ["system", "user", *["assistant", "user"] * 3]
    assert [turn["content"] for turn in said[3::2]] == [turn["content"] for turn in other[3::2]]
    assert all(tool["function"]["name"] in said[0]["content"] for tool in script.tools)


def test_sums_are_of_all_agents_and_the_time_is_that_of_the_slowest() -> None:
    turns = [[agent.Turn(10, 10, 2.0, 3.0), agent.Turn(20, 5, 0.5, 1.0)], [agent.Turn(10, 0, 1.0, 9.0)]]
    sums = agent.totals(turns)
    assert (sums["tokens processed"], sums["tokens of prompts"], sums["total time, s"]) == (15, 40, 9.0)
    assert (sums["first token of the first turn, s"], sums["first token of later turns, s"]) == (1.5, 0.5)


def test_what_a_server_says_went_wrong_is_an_error(url: str) -> None:
    Counting.broken = "no room"
    with pytest.raises(agent.Failed, match="no room"):
        asyncio.run(agent.replayed(url, "local", agent.script_of(agent.source(None), ARGS), ARGS))
