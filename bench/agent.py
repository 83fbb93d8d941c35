"""An agent's loop, replayed: how long until the first token of each turn, and how much is read again.

    python bench/agent.py --model FILE.gguf [--llama-server PATH] [--turns 30] [--agents 4] [--system 6000]
                          [--new 32] [--context 32768] [--threads N] [--text FOLDER]

Several agents work at once. Each has the same system prompt and tools, about `--system` tokens, and a task of its own.
In every turn the model is asked, the agent's call of a tool and its result are added, and the model is asked again. The
calls are part of the script, so that every program reads the same, whatever its model says. `nemora serve` is started
with the model, and after it llama.cpp's llama-server, if one is named, with the flags that are printed. For each turn
the medians over the agents are printed: the prompt, seconds to the first token, and tokens of the prompt that were
processed, those the server knew left out. The texts are made up, or cut from the files of `--text`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.table import Table

CHARACTERS_PER_TOKEN = 4
TOOLS = 12
RESULT_TOKENS = (40, 400)
"""Least and most of a tool's result, about."""
START_SECONDS = 600
WORDS = ("river", "stone", "cloud", "letter", "garden", "window", "file", "test", "error", "value", "the", "of")
Json = Any


class Failed(Exception):
    """A program did not answer as expected; what is said names it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer, measured. `processed` are tokens of the prompt that were read, not known."""

    prompt: int
    processed: int
    first_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Script:
    """What the agents say: `rounds[agent][turn]` are a call's arguments and its result."""

    system: str
    tools: list[Json]
    tasks: list[str]
    rounds: list[list[tuple[str, str]]]
    plain: bool = False
    """Tools, calls and results are text: for models whose chat template has no tools."""

    def messages(self, agent: int, turn: int) -> list[Json]:
        """The conversation before the answer of that turn."""
        system = self.system + (json.dumps(self.tools) if self.plain else "")
        said: list[Json] = [{"role": "system", "content": system}, {"role": "user", "content": self.tasks[agent]}]
        for number, (argument, result) in enumerate(self.rounds[agent][:turn]):
            function = {"name": f"tool_{number % TOOLS}", "arguments": json.dumps({"query": argument})}
            if self.plain:
                said.append({"role": "assistant", "content": json.dumps(function)})
                said.append({"role": "user", "content": result})
                continue
            calls = [{"id": f"call_{number}", "type": "function", "function": function}]
            said.append({"role": "assistant", "content": "", "tool_calls": calls})
            said.append({"role": "tool", "tool_call_id": f"call_{number}", "content": result})
        return said


def main() -> int:
    parser = argparse.ArgumentParser(description="An agent's loop, replayed.")
    parser.add_argument("--model", required=True, help="a GGUF file; without --llama-server whatever nemora loads")
    parser.add_argument("--llama-server", type=Path, help="the program to compare with")
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--agents", type=int, default=4)
    parser.add_argument("--system", type=int, default=6000, help="tokens of system prompt and tools, about")
    parser.add_argument("--new", type=int, default=32, help="tokens of each answer at most")
    parser.add_argument("--context", type=int, default=32768, help="tokens of one conversation at most")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--plain", action="store_true", help="tools as text: for a model whose template has none")
    parser.add_argument("--text", type=Path, help="a folder whose text files the script is cut from")
    args = parser.parse_args()
    if min(args.turns, args.agents, args.system, args.new, args.context, args.threads) < 1:
        parser.error("--turns, --agents, --system, --new, --context and --threads must be at least 1")
    if args.llama_server is not None and not (args.llama_server.is_file() and Path(args.model).is_file()):
        parser.error("--llama-server must be a program, and --model then a GGUF file")
    try:
        found = measured(args, script_of(source(args.text), args))
    except Failed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    show(found, Console())
    if args.llama_server is None:
        print("llama-server was not given (--llama-server PATH), so there is nothing to compare with.")
    return 0


def measured(args: argparse.Namespace, script: Script) -> dict[str, list[list[Turn]]]:
    """Turns of each agent, by program."""
    found: dict[str, list[list[Turn]]] = {}
    with tempfile.TemporaryDirectory() as home:
        with nemora(args, Path(home)) as url:
            found["Nemora"] = asyncio.run(replayed(url, "local", script, args))
        if args.llama_server is not None:
            with llama_server(args, Path(home)) as url:
                found["llama.cpp"] = asyncio.run(replayed(url, "local", script, args))
    return found


def source(folder: Path | None) -> str:
    """Text to cut the script from."""
    if folder is None:
        draw = random.Random(0)  # noqa: S311 - the same each time
        return " ".join(draw.choice(WORDS) for _ in range(400_000))
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.suffix in (".txt", ".md", ".jsonl")]
    text = "\n".join(file.read_text(encoding="utf-8", errors="ignore")[:1_000_000] for file in files[:200])
    if not text:
        raise SystemExit("--text must be a folder with files that end in .txt, .md or .jsonl")
    return text


def script_of(text: str, args: argparse.Namespace) -> Script:
    """The whole loop of every agent, always the same for the same text and sizes."""
    draw, at = random.Random(1), 0  # noqa: S311 - the same each time

    def cut(tokens: int) -> str:
        nonlocal at
        count = tokens * CHARACTERS_PER_TOKEN
        at = at if at + count <= len(text) else 0
        at += count
        return text[at - count : at]

    part = max(1, args.system // (TOOLS + 4))
    parameters = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
    tools = [
        {"type": "function", "function": {"name": f"tool_{n}", "description": cut(part), "parameters": parameters}}
        for n in range(TOOLS)
    ]
    return Script(
        system=cut(args.system - TOOLS * part),
        tools=tools,
        tasks=[cut(100) for _ in range(args.agents)],
        plain=args.plain,
        rounds=[[(cut(8), cut(draw.randint(*RESULT_TOKENS))) for _ in range(args.turns)] for _ in range(args.agents)],
    )


async def replayed(url: str, model: str, script: Script, args: argparse.Namespace) -> list[list[Turn]]:
    """All agents at once."""
    # A connection for each request: llama-server closes one that was idle for some seconds, as it is taken up again.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx2.AsyncClient(base_url=url, timeout=3600, limits=limits) as client:

        async def agent(number: int) -> list[Turn]:
            return [
                await asked(
                    client, model, script.messages(number, turn), [] if script.plain else script.tools, args.new
                )
                for turn in range(args.turns)
            ]

        return list(await asyncio.gather(*(agent(number) for number in range(len(script.tasks)))))


async def asked(client: httpx2.AsyncClient, model: str, messages: list[Json], tools: list[Json], new: int) -> Turn:
    """One streamed answer.

    Raises:
        Failed: it was refused, or says no usage.
    """
    body: dict[str, Json] = {"model": model, "messages": messages, "max_tokens": new, "temperature": 0}
    body |= {"tools": tools} if tools else {}
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    began, first, usage, timings = time.perf_counter(), None, None, None
    async with client.stream("POST", "/v1/chat/completions", json=body) as response:
        if response.status_code != 200:
            raise Failed(f"a request was refused with {response.status_code}: {(await response.aread())[:300]!r}")
        async for line in response.aiter_lines():
            if not line.startswith("data: {"):
                continue
            piece = json.loads(line.removeprefix("data: "))
            if "error" in piece:
                raise Failed(f"an answer broke off: {str(piece['error'])[:300]}")
            if first is None and any(says(choice["delta"]) for choice in piece.get("choices", ())):
                first = time.perf_counter()
            usage, timings = piece.get("usage") or usage, piece.get("timings") or timings
    if usage is None:
        raise Failed("an answer came without its usage")
    now = time.perf_counter()
    prompt = int(usage["prompt_tokens"])
    return Turn(prompt, processed_tokens(usage, timings), (first or now) - began, now - began)


def says(delta: Mapping[str, Json]) -> bool:
    """Whether a piece holds something that was written."""
    return any(delta.get(key) for key in ("content", "reasoning_content", "reasoning", "tool_calls"))


def processed_tokens(usage: Mapping[str, Json], timings: Mapping[str, Json] | None) -> int:
    """Of a prompt: as llama-server counts them, or else those that no cache knew."""
    if timings is not None and "prompt_n" in timings:
        return int(timings["prompt_n"])
    known = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return int(usage["prompt_tokens"]) - int(known)


def totals(agents: Sequence[Sequence[Turn]]) -> dict[str, float]:
    """Sums over everything, the median time to a first token after the first turn, and the slowest agent's time."""
    turns = [turn for agent in agents for turn in agent]
    later = [turn.first_seconds for agent in agents for turn in agent[1:]] or [turn.first_seconds for turn in turns]
    return {
        "first token of the first turn, s": statistics.median(agent[0].first_seconds for agent in agents),
        "first token of later turns, s": statistics.median(later),
        "tokens processed": sum(turn.processed for turn in turns),
        "tokens of prompts": sum(turn.prompt for turn in turns),
        "total time, s": max(sum(turn.seconds for turn in agent) for agent in agents),
    }


def show(found: Mapping[str, Sequence[Sequence[Turn]]], console: Console) -> None:
    """A line a turn, and what it comes to."""
    table = Table(title=f"medians of {len(next(iter(found.values())))} agents at once, {platform.machine()}")
    table.add_column("turn", justify="right")
    for name in found:
        for column in ("prompt", "processed", "first token, s"):
            table.add_column(f"{name}: {column}", justify="right")
    for turn in range(min(len(agent) for agents in found.values() for agent in agents)):
        cells = []
        for agents in found.values():
            now = [agent[turn] for agent in agents]
            cells += [
                f"{statistics.median(getattr(each, field) for each in now):.0f}" for field in ("prompt", "processed")
            ]
            cells.append(f"{statistics.median(each.first_seconds for each in now):.2f}")
        table.add_row(str(turn + 1), *cells)
    console.print(table)
    sums = {name: totals(agents) for name, agents in found.items()}
    table = Table(title="in all")
    for column in ("", *sums, *(["Nemora / llama.cpp"] if len(sums) > 1 else [])):
        table.add_column(column, justify="right")
    for what in next(iter(sums.values())):
        values = [each[what] for each in sums.values()]
        ratio = [f"{values[0] / values[1]:.2f}" if values[1] else "-"] if len(values) > 1 else []
        table.add_row(what, *(f"{value:,.2f}" if what.endswith(", s") else f"{value:,.0f}" for value in values), *ratio)
    console.print(table)


@contextlib.contextmanager
def nemora(args: argparse.Namespace, home: Path) -> Iterator[str]:
    """`nemora serve` with the model, and nothing that leaves."""
    model = Path(args.model)
    named = str(model.resolve()) if model.exists() else args.model
    local = f"model = {json.dumps(named)}\ncontext = {args.context}\nthreads = {args.threads}\n"
    (home / "nemora.toml").write_text(f"[server]\nport = 0\n[local]\n{local}")
    environ = {**os.environ, "XDG_DATA_HOME": str(home / "data")}
    command = [sys.executable, "-m", "nemora.cli.main", "--config", str(home / "nemora.toml"), "serve"]
    with (home / "nemora.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environ)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        if not url.startswith("http://"):
            raise Failed(f"nemora serve did not start: {(home / 'nemora.log').read_text()[-300:]}")
        yield url
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def llama_flags(args: argparse.Namespace, port: int) -> list[str]:
    """As llama.cpp's server documents them: a slot for each agent, prompts kept and reused, templates with tools."""
    return [
        *("-m", str(Path(args.model).resolve()), "--host", "127.0.0.1", "--port", str(port), "--no-webui"),
        *("-c", str(args.context * args.agents), "-np", str(args.agents)),
        *("-t", str(args.threads), "-tb", str(args.threads)),
        *("-fa", "on", "--cache-reuse", "256", "--jinja"),
    ]


@contextlib.contextmanager
def llama_server(args: argparse.Namespace, home: Path) -> Iterator[str]:
    """llama-server, when it has loaded the model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags, url = llama_flags(args, port), f"http://127.0.0.1:{port}"
    print("llama-server", *flags)
    with (home / "llama.log").open("w") as log:
        process = subprocess.Popen([str(args.llama_server.resolve()), *flags], stdout=log, stderr=log)
    try:
        until = time.monotonic() + START_SECONDS
        while not _is_up(url):
            if process.poll() is not None or time.monotonic() > until:
                raise Failed(f"llama-server did not start: {(home / 'llama.log').read_text(errors='replace')[-300:]}")
            time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _is_up(url: str) -> bool:
    try:
        return httpx2.get(url + "/health", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


if __name__ == "__main__":
    raise SystemExit(main())
