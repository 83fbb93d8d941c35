"""Load on a server for a long time: nothing leaks, no answer is wrong, nobody starves.

    python bench/soak.py [--minutes 30] [--load 1.5] [--disconnects 0.25] [--swaps 0.01] [--seed 0]

Starts `nemora serve` in a process of its own with two small hybrids, which share one place in memory, and asks over
real sockets. First each question is asked alone: so the answers are known. Then the capacity is measured, with a few
clients that ask one question after the other. Then questions arrive at `--load` times that rate, by chance (Poisson).
Some clients leave in the middle; a few ask for the other model, which is then swapped in. At the end it is checked that

- every whole answer was the one that the model gives alone, under the name that was asked for;
- every request ended: with an answer, with 429 or 503 by the server, or by the client's leaving;
- nobody who was let in waited much longer than all who may be inside take at the rate at which requests ended;
- the engine's queues and states are empty, and the process did not grow (from the second quarter to the last).

It prints the figures, and ends with status 1 if something was not so.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

ROOT = Path(__file__).parent.parent
MODEL = ROOT / "tests" / "data" / "nemora_tiny_hybrid"
NAMES = ("one", "two")
MAX_REQUESTS = 32
SWAP_SECONDS = 2.0
CLIENTS = 4
"""That ask one after the other while the capacity is measured."""
WINDOW_SECONDS = 10.0
"""If more is answered in such a time than was measured before, that is the capacity: a shared machine is not always as
slow."""
GROWTH = 1.05
GROWTH_BYTES = 16 << 20
STARVED = 8.0
"""Times that all who may be inside take at the rate at which requests ended."""
SETTINGS = """offline = true
[server]
port = 0
max_requests = {requests}
[local]
model = "{one}"
models = ["{two}"]
threads = 1
context = 1024
memory_bytes = 64000000
swap_seconds = {swap}
"""
Question = tuple[str, int]
"""The model and the number of the text."""


@dataclass
class Seen:
    """What became of the requests, and what the server said of itself."""

    outcomes: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    """Seconds of each whole answer."""
    slowest: list[tuple[float, float, str]] = field(default_factory=list)
    """Of those: seconds, when it was asked for, and of which model."""
    wrong: list[str] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    """Bytes of the process and its children, at regular times."""
    longest_queue: int = 0
    began: float = field(default_factory=time.monotonic)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Load on a server for a long time.")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--load", type=float, default=1.5, help="times the measured capacity")
    parser.add_argument("--disconnects", type=float, default=0.25, help="part of the clients that leave early")
    parser.add_argument("--swaps", type=float, default=0.01, help="part of the requests for the other model")
    parser.add_argument("--texts", type=int, default=24, help="different questions")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    if args.minutes <= 0 or args.load <= 0 or args.texts < 1:
        parser.error("--minutes, --load and --texts must be above 0")
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (process, url):
        failures = asyncio.run(soak(process, url, args))
        process.send_signal(signal.SIGTERM)
        if status := process.wait(60):
            failures.append(f"the server ended with status {status}")
    for failure in failures:
        print(f"FAILED: {failure}")
    print("failed" if failures else "all as it should be")
    return 1 if failures else 0


@contextlib.contextmanager
def server(home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and its address."""
    for name in NAMES:
        shutil.copytree(MODEL, home / name)
    template = home / "two" / "tokenizer_config.json"
    table = json.loads(template.read_text())
    # The same weights: what makes it another model is that it reads something else before each question.
    table["chat_template"] = "Another one.\n" + table["chat_template"]
    template.write_text(json.dumps(table))
    text = SETTINGS.format(one=home / "one", two=home / "two", requests=MAX_REQUESTS, swap=SWAP_SECONDS)
    (home / "nemora.toml").write_text(text)
    paths = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("DATA", "CONFIG", "CACHE")}
    command = [sys.executable, "-m", "nemora.cli.main", "--config", str(home / "nemora.toml"), "serve"]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **paths, "OMP_NUM_THREADS": "1"}
        )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        if not url.startswith("http://"):
            raise SystemExit(f"the server did not start: {(home / 'log').read_text()[-500:]}")
        yield process, url
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def soak(process: subprocess.Popen[str], url: str, args: argparse.Namespace) -> list[str]:
    """What was not as it should be."""
    draw = random.Random(args.seed)  # noqa: S311 - chance, not secrets
    texts = [text_of(number) for number in range(args.texts)]
    async with httpx2.AsyncClient(base_url=url, timeout=600, limits=httpx2.Limits(max_connections=None)) as client:
        known: dict[Question, str] = {}
        for name in NAMES:
            for number, text in enumerate(texts):
                known[name, number] = await answer(client, name, text)
        await answer(client, NAMES[0], texts[0])
        rate = await capacity(client, texts, draw, seconds=min(20.0, args.minutes * 20))
        print(f"capacity: {rate:.1f} answers a second; {args.load} x that for {args.minutes:g} minutes")
        seen = Seen()
        seen.began = time.monotonic()
        watch = asyncio.create_task(watching(process.pid, client, seen, args.minutes * 60 / 80))
        took = await load(client, texts, known, draw, seen, args, rate)
        watch.cancel()
        left = await idle_figures(client)
    report(seen, took)
    ended = sum(seen.outcomes.values()) - seen.outcomes["overloaded"]
    return failures_of(seen, left, ended / took, long=args.minutes >= 2)


def text_of(number: int) -> str:
    """Some begin alike, so that the prefix cache has something to do; lengths differ."""
    words = ["river", "stone", "cloud", "letter", "garden", "window", "paper", "winter", "market", "island"]
    shared, draw = random.Random(number % 4), random.Random(number)  # noqa: S311 - the same each time
    beginning = " ".join(shared.choice(words) for _ in range(40))
    return f"{beginning} {' '.join(draw.choice(words) for _ in range(draw.randrange(1, 120)))}?"


def body_of(name: str, text: str, *, stream: bool) -> dict[str, object]:
    messages = [{"role": "user", "content": text}]
    return {"model": name, "messages": messages, "max_tokens": 16, "temperature": 0, "stream": stream}


async def answer(client: httpx2.AsyncClient, name: str, text: str) -> str:
    """One answer, whole."""
    response = await client.post("/v1/chat/completions", json=body_of(name, text, stream=False))
    response.raise_for_status()
    return str(response.json()["choices"][0]["message"]["content"])


async def capacity(client: httpx2.AsyncClient, texts: list[str], draw: random.Random, seconds: float) -> float:
    """Answers a second, with a few clients that never pause."""
    until, done = time.monotonic() + seconds, 0

    async def ask() -> None:
        nonlocal done
        while time.monotonic() < until:
            await answer(client, NAMES[0], draw.choice(texts))
            done += 1

    began = time.monotonic()
    await asyncio.gather(*(ask() for _ in range(CLIENTS)))
    return done / (time.monotonic() - began)


async def load(
    client: httpx2.AsyncClient,
    texts: list[str],
    known: dict[Question, str],
    draw: random.Random,
    seen: Seen,
    args: argparse.Namespace,
    rate: float,
) -> float:
    """Questions by chance; the seconds that it took until the last one had ended."""
    began, tasks = time.monotonic(), set[asyncio.Task[None]]()
    since, answered = began, 0
    while time.monotonic() - began < args.minutes * 60:
        if time.monotonic() - since > WINDOW_SECONDS:
            now = len(seen.waits)
            rate = max(rate, (now - answered) / (time.monotonic() - since))
            since, answered = time.monotonic(), now
        name, number = NAMES[draw.random() < args.swaps], draw.randrange(len(texts))
        leaves = draw.random() * 2 / rate * MAX_REQUESTS / 4 if draw.random() < args.disconnects else None
        work = one(client, (name, number), texts[number], known[name, number], draw.random() < 0.5, leaves, seen)
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.sleep(draw.expovariate(rate * args.load))
    await asyncio.gather(*list(tasks))
    return time.monotonic() - began


async def one(
    client: httpx2.AsyncClient,
    question: Question,
    text: str,
    expected: str,
    stream: bool,
    leaves: float | None,
    seen: Seen,
) -> None:
    """One request to its end, or until its client leaves after so many seconds."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(leaves):
            status, said, model = await asked(client, body_of(question[0], text, stream=stream))
    except TimeoutError:
        seen.outcomes["left"] += 1
        return
    except httpx2.HTTPError as error:
        seen.outcomes[type(error).__name__] += 1
        return
    seen.outcomes[status] += 1
    if status == "answered":
        seen.waits.append(time.monotonic() - began)
        seen.slowest = sorted([*seen.slowest, (seen.waits[-1], began - seen.began, question[0])])[-3:]
        if (said, model) != (expected, question[0]):
            seen.wrong.append(
                f"{question[0]} said to text {question[1]}: {said!r} (as {model}), and alone {expected!r}"
            )


async def asked(client: httpx2.AsyncClient, body: dict[str, object]) -> tuple[str, str, str]:
    """How it ended, what was said, and by which model."""
    if not body["stream"]:
        response = await client.post("/v1/chat/completions", json=body)
        found = response.json()
        if response.status_code != 200:
            return found["error"]["code"], "", ""
        return "answered", found["choices"][0]["message"]["content"], found["model"]
    said, model, last = "", "", ""
    async with client.stream("POST", "/v1/chat/completions", json=body) as response:
        if response.status_code != 200:
            return json.loads(await response.aread())["error"]["code"], "", ""
        async for line in response.aiter_lines():
            last = line.removeprefix("data: ") if line else last
            if line.startswith("data: {"):
                piece = json.loads(last)
                if "error" in piece:
                    return piece["error"]["code"], "", ""
                model = piece["model"]
                said += "".join(choice["delta"].get("content") or "" for choice in piece["choices"])
    return ("answered" if last == "[DONE]" else "broken off"), said, model


async def watching(pid: int, client: httpx2.AsyncClient, seen: Seen, seconds: float) -> None:
    """Look at the process and at its metrics now and then."""
    while True:
        seen.resident.append(await asyncio.to_thread(resident_bytes, pid))
        seen.longest_queue = max(seen.longest_queue, int((await metrics(client)).get("nemora_engine_waiting", 0)))
        await asyncio.sleep(max(0.5, seconds))


def resident_bytes(pid: int) -> int:
    """Of a process and those that it started."""
    total, left = 0, [pid]
    while left:
        current = left.pop()
        with contextlib.suppress(OSError):  # a child may have ended
            status = Path(f"/proc/{current}/status").read_text()
            total += 1024 * sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
            left += map(int, Path(f"/proc/{current}/task/{current}/children").read_text().split())
    return total


async def metrics(client: httpx2.AsyncClient) -> dict[str, float]:
    """Sums over models, by name."""
    found: dict[str, float] = {}
    for line in (await client.get("/metrics")).text.splitlines():
        if not line.startswith("#"):
            name, value = line.split("{")[0].split(" ")[0], float(line.rpartition(" ")[2])
            found[name] = found.get(name, 0.0) + value
    return found


async def idle_figures(client: httpx2.AsyncClient) -> dict[str, float]:
    """What should be 0 when nobody asks, once what is under way has ended."""
    names = ("running", "waiting", "waiting_tokens", "state_bytes")
    found: dict[str, float] = {}
    for _ in range(100):
        now = await metrics(client)
        found = {name: now.get(f"nemora_engine_{name}", 0.0) for name in names}
        if not any(found.values()):
            break
        await asyncio.sleep(0.1)
    return found


def failures_of(seen: Seen, left: dict[str, float], rate: float, *, long: bool) -> list[str]:
    """What was not as it should be. `rate` is of requests that ended, a second."""
    failures = [f"a wrong answer: {each}" for each in seen.wrong[:5]]
    if not seen.outcomes["answered"]:
        failures.append("no request was answered")
    known = {"answered", "left", "overloaded", "model_replaced"}
    failures += [f"{count} requests ended with {how}" for how, count in seen.outcomes.items() if how not in known]
    failures += [f"when nobody asks, {name} is {value:g}" for name, value in left.items() if value]
    limit = STARVED * MAX_REQUESTS / rate + 4 * SWAP_SECONDS
    if seen.waits and max(seen.waits) > limit:
        failures.append(f"somebody waited {max(seen.waits):.1f} s, and {limit:.1f} s are enough")
    if long:
        before, after = quarters(seen.resident)
        if after > max(GROWTH * before, before + GROWTH_BYTES):
            failures.append(f"the process grew from {before >> 20} to {after >> 20} MB")
    return failures


def quarters(resident: list[int]) -> tuple[int, int]:
    """Medians of the second quarter and of the last."""
    part = max(1, len(resident) // 4)
    return int(statistics.median(resident[part : 2 * part] or resident)), int(statistics.median(resident[-part:]))


def report(seen: Seen, took: float) -> None:
    """The figures."""
    total = sum(seen.outcomes.values())
    print(f"requests: {total} in {took:.0f} s ({total / took:.1f} a second), of which")
    for how, count in seen.outcomes.most_common():
        print(f"  {how:16} {count:7}")
    waits = sorted(seen.waits)
    if waits:
        print(f"seconds until an answer was whole: median {statistics.median(waits):.2f}, longest {waits[-1]:.2f}")
        print("slowest:", *(f"{took:.1f} s from {at:.0f} s on, {name};" for took, at, name in seen.slowest))
    before, after = quarters(seen.resident)
    print(f"wrong answers: {len(seen.wrong)}; longest queue of the engine: {seen.longest_queue}")
    print(f"memory: {before / 2**20:.0f} MB in the second quarter, {after / 2**20:.0f} MB in the last")


if __name__ == "__main__":
    sys.exit(main())
