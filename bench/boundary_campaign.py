"""Random requests, policies and faults against the boundary: does anything sensitive reach a cloud?

    python bench/boundary_campaign.py --requests 100000 --seed 1 --out bench/results/boundary_campaign.json

The gateway, the reading, the policy, redaction, taint and ledger are the real ones; the model of names is not loaded,
so only what deterministic detectors find is planted. The cloud is a recorder in this process; in one world of twenty
it is a server behind a real socket, of OpenAI's or of Anthropic's kind. A *world* is a policy, a gateway and some forty
requests; every value planted in it is looked for in all that its cloud was sent, and the ledger's bytes are compared
with those received. Prints one line and writes the counts as JSON; exits with 1 if anything crossed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import logging
import random
import string
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nemora.backends.anthropic import AnthropicBackend
from nemora.backends.openai import OpenAIBackend, chat_body
from nemora.backends.openai_body import encode
from nemora.backends.remote import RemoteBackend
from nemora.core import ChatRequest, Delta, Message, StopReason, TextPart, Tool, ToolCall
from nemora.errors import BackendError, BackendTimeout, LedgerError, LocalModelDown, NemoraError, WorkerFailed
from nemora.privacy.classify import classify
from nemora.privacy.finding import Sensitivity
from nemora.privacy.inspect import Inspection, Inspector
from nemora.privacy.keys import derive
from nemora.privacy.ledger import Ledger
from nemora.privacy.policy import Action, Policy
from nemora.privacy.policy_file import PolicyFile
from nemora.privacy.segment import segments
from nemora.privacy.taint import TaintStore
from nemora.server.gateway import Gateway
from nemora.settings import RemoteServer

KEY = bytes(range(32))
PER_WORLD = 40
FAULTS = (
    "none", "detector_crash", "worker_killed", "partly_read", "cloud_500", "cloud_timeout", "cloud_reset_mid_stream",
    "cloud_slow", "local_down", "client_gone", "client_gone_mid_stream", "policy_reload_mid_stream", "ledger_read_only",
    "taint_store_down", "restart", "restart_mid_stream",
)  # fmt: skip
HARMLESS = (
    "Write a haiku about autumn leaves.", "How do tides come about?", "Sort these: pear, fig, plum.",
    "Translate good morning into French.", "Explain what a hash map is.", "Suggest three names for a cat.",
    "Why is the sky blue?", "Summarise the plot of a fairy tale of your choice.",
)  # fmt: skip


class Reading:
    """The real inspector in this process; `fault` is what befalls the next reading."""

    def __init__(self) -> None:
        self._inspector = Inspector(None)
        self.fault = ""

    def inspect(self, request: ChatRequest, rules: Any = None) -> Inspection:
        if self.fault == "detector_crash":
            raise RuntimeError("a detector failed")
        if self.fault == "worker_killed":
            raise WorkerFailed("A worker process stopped unexpectedly.")
        found = self._inspector.inspect(segments(request), rules)
        return Inspection((), complete=False) if self.fault == "partly_read" else found

    def close(self) -> None:
        return None


@dataclass
class Local:
    """The model on this side: says everything back."""

    down: bool = False
    name, model, trust = "here", "tiny", "local"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        if self.down:
            raise LocalModelDown("The local model has stopped.")
        yield Delta(text="You said: ")
        yield Delta(text=request.messages[-1].text())
        yield Delta(finish=StopReason.STOP)

    async def ready(self) -> bool:
        return not self.down

    async def close(self) -> None:
        return None


@dataclass
class Cloud:
    """The far side in this process. `received` is every body that was sent to it."""

    fault: str = ""
    received: bytearray = field(default_factory=bytearray)
    name, model, trust = "far", "big", "cloud"

    def outbound(self, request: ChatRequest) -> bytes:
        return encode(chat_body(request, self.model))

    def carries(self, _request: ChatRequest) -> bool:
        return True

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.received += self.outbound(request)
        if self.fault == "cloud_500":
            raise BackendError("The server failed.")
        if self.fault == "cloud_timeout":
            raise BackendTimeout("The server was silent.")
        yield Delta(text="From ")
        await asyncio.sleep(0.002 if self.fault == "cloud_slow" else 0)
        if self.fault == "cloud_reset_mid_stream":
            raise BackendError("The connection broke.")
        yield Delta(text="afar.")
        yield Delta(finish=StopReason.STOP)

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        return None


class SocketCloud:
    """The far side behind a socket; `received` is every body, `heads` every head."""

    def __init__(self, api: str) -> None:
        self.api, self.fault, self.received, self.heads = api, "", bytearray(), bytearray()

    async def start(self) -> RemoteBackend:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        remote = RemoteServer(name="far", base_url=url, model="big", trust="cloud", read_seconds=0.2, api_key="k")
        return AnthropicBackend(remote) if self.api == "anthropic" else OpenAIBackend(remote)

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads += head
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            self.received += await reader.readexactly(length)
            status = b"500 Broken" if self.fault == "cloud_500" else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            events = _anthropic_events() if self.api == "anthropic" else _openai_events()
            if self.fault == "cloud_timeout":
                await reader.read()
            elif self.fault == "cloud_reset_mid_stream":
                writer.write(events[0])
                await writer.drain()
                writer.transport.abort()
            else:
                writer.write(b"".join(events))
                await writer.drain()
        writer.close()


def _openai_events() -> list[bytes]:
    choices = [{"index": 0, "delta": {"content": "From afar."}}, {"index": 0, "delta": {}, "finish_reason": "stop"}]
    return [*(b"data: " + json.dumps({"choices": [c]}).encode() + b"\n\n" for c in choices), b"data: [DONE]\n\n"]


def _anthropic_events() -> list[bytes]:
    events: list[dict[str, Any]] = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "From afar."}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]
    return [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]


# What is planted.


def luhn(digits: str) -> str:
    """`digits` with the check digit of ISO/IEC 7812 behind them."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return digits + str(-total % 10)


def planted(rng: random.Random) -> tuple[str, str]:
    """A sentence, and the value in it that must not leave."""

    def letters(count: int, alphabet: str) -> str:
        return "".join(rng.choice(alphabet) for _ in range(count))

    kind = rng.choice(["card", "key", "password", "mail"])
    if kind == "card":
        digits = luhn("4716" + letters(11, string.digits))
        value = " ".join(digits[i : i + 4] for i in range(0, 16, 4)) if rng.random() < 0.5 else digits
        return f"My card {value} was charged twice.", value
    if kind == "key":
        value = "AKIA" + letters(16, "ABCDEFGHJKLMNPQRSTUVWXYZ234567")
        return f"The access key is {value} for the bucket.", value
    if kind == "password":
        value = letters(4, string.ascii_uppercase) + letters(4, "!&%$#") + letters(8, string.ascii_letters + "0189")
        return f"password: {value}", value
    value = "{}.{}@{}.de".format(*(letters(count, string.ascii_lowercase) for count in (7, 6, 9)))
    return f"Write to {value} about it.", value


DISGUISES: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "zero_width": lambda text: "\u200b".join(text),
    "full_width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "json": lambda text: json.dumps({"note": text}),
}


def placed(rng: random.Random, text: str, past: tuple[Message, ...]) -> ChatRequest:
    """A request with `text` in some field, after the turns of `past`."""
    last = Message("user", rng.choice(HARMLESS))
    place = rng.choice(
        ["user", "system", "part", "assistant", "tool_result", "arguments", "description", "schema", "stop", "unsent"]
    )
    fields: dict[str, Any] = {"model": rng.choice(["auto", "auto", "auto", "big", "local"])}
    call = (ToolCall("call_1", "lookup", json.dumps({"note": text})),)
    before: dict[str, tuple[Message, ...]] = {
        "user": (Message("user", text), Message("assistant", "I see.")),
        "system": (Message("system", text),),
        "part": (Message("user", (TextPart("Note: "), TextPart(text))),),
        "assistant": (Message("user", "Hi."), Message("assistant", text)),
        "tool_result": (Message("assistant", None, tool_calls=(ToolCall("call_1", "lookup", "{}"),)),
                        Message("tool", text, tool_call_id="call_1")),
        "arguments": (Message("assistant", None, tool_calls=call), Message("tool", "ok", tool_call_id="call_1")),
    }  # fmt: skip
    if place == "description":
        fields["tools"] = (Tool("lookup", text),)
    elif place == "schema":
        fields["tools"] = (Tool("lookup", None, {"type": "object", "properties": {"a": {"default": text}}}),)
    elif place == "stop":
        fields["stop"] = (text,)
    elif place == "unsent":
        fields["unsent"] = {rng.choice(["user", "safety_identifier", "prompt_cache_key"]): text}
    return ChatRequest(messages=(*past, *before.get(place, ()), last), **fields)


def some_policy(rng: random.Random) -> Policy:
    """Any policy that lets no personal value leave as it is."""
    order = [Action.REDACT, Action.LOCAL, Action.BLOCK]
    personal = rng.choice(order[:2])
    confidential = rng.choice([a for a in order[1:] if a.strictness >= personal.strictness])
    secret = rng.choice([a for a in order[1:] if a.strictness >= confidential.strictness])
    actions = dict(zip(Sensitivity, (Action.CLOUD, personal, confidential, secret), strict=True))
    return Policy(actions=actions, min_confidence=rng.choice([0.0, 0.5, 0.7]))


@dataclass
class Counts:
    """What a campaign saw."""

    requests: int = 0
    sensitive: int = 0
    left: int = 0
    crossings: int = 0
    ledger_differs: int = 0
    socket_requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    bytes_received: int = 0


class World:
    """A policy, a gateway, a cloud, and what was planted."""

    def __init__(self, rng: random.Random, counts: Counts) -> None:
        self.rng, self.counts = rng, counts
        self.reading, self.local = Reading(), Local()
        self.ledger, self.taint = Ledger(None, KEY), TaintStore(None, KEY)
        self.needles: list[str] = []
        self.past: list[tuple[Message, ...]] = []
        self.on_socket = rng.random() < 0.05
        self.cloud: Any = SocketCloud(rng.choice(["openai", "anthropic"])) if self.on_socket else Cloud()

    async def run(self, requests: int) -> None:
        self.backend = await self.cloud.start() if self.on_socket else self.cloud
        self.gateway = self._gateway()
        for _ in range(requests):
            await self._one()
        sent = bytes(self.cloud.received) + bytes(getattr(self.cloud, "heads", b""))
        folded = sent.lower()
        self.counts.crossings += sum(needle.lower().encode() in folded for needle in self.needles)
        recorded = sum(row.bytes_sent or 0 for row in self.ledger.rows() if row.destination == "far")
        self.counts.ledger_differs += recorded != len(self.cloud.received) or not self.ledger.verify().intact
        self.counts.bytes_received += len(self.cloud.received)
        await self.gateway.close()
        if self.on_socket:
            await self.cloud.stop()

    def _gateway(self) -> Gateway:
        return Gateway(
            local=[self.local],  # type: ignore[list-item]
            cloud=self.backend,
            inspection=self.reading,
            classify=classify,
            policy=some_policy(self.rng),
            taint=self.taint,
            ledger=self.ledger,
            placeholder_key=derive(KEY, "placeholders"),
        )

    async def _one(self) -> None:
        rng, fault = self.rng, self.rng.choice(("none", *FAULTS))
        past = rng.choice(self.past) if self.past and rng.random() < 0.3 else ()
        if rng.random() < 0.5:
            text, value = planted(rng)
            disguised = DISGUISES[rng.choice(list(DISGUISES))](text)
            inner = json.dumps(disguised, ensure_ascii=False)[1:-1]
            self.needles += [value, value.replace(" ", ""), inner]
            self.counts.sensitive += 1
            request = placed(rng, disguised, past)
        else:
            request = placed(rng, rng.choice(HARMLESS), past)
        self.counts.requests += 1
        self.counts.socket_requests += self.on_socket
        self.counts.faults[fault] += 1
        self.reading.fault = self.cloud.fault = fault
        self.local.down = fault == "local_down"
        if len(request.messages) < 8:
            self.past = [*self.past[-5:], request.messages]
        with self._stores(fault):
            await self._asked(request, fault)

    @contextlib.contextmanager
    def _stores(self, fault: str) -> Any:
        """Stores that fail, where that is the fault."""

        def fails(*_: Any, **__: Any) -> Any:
            raise LedgerError("The store cannot be written.")

        broken: list[tuple[Any, str, Any]] = []
        if fault == "ledger_read_only":
            broken = [(self.gateway, "_ledger", _ReadOnly(self.ledger, fails))]
        if fault == "taint_store_down":
            broken = [(self.gateway, "_taint", _ReadOnly(self.taint, fails))]
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in broken]
        for owner, name, value in broken:
            setattr(owner, name, value)
        try:
            yield
        finally:
            for owner, name, value in before:
                setattr(owner, name, value)

    async def _asked(self, request: ChatRequest, fault: str) -> None:
        received = len(self.cloud.received)
        if fault == "restart":
            self.gateway = self._gateway()
        try:
            if fault == "client_gone":
                task = asyncio.ensure_future(self.gateway.answer(request))
                await asyncio.sleep(self.rng.random() * 0.004)
                task.cancel()
                answer = await task
            else:
                answer = await self.gateway.answer(request)
            async with contextlib.aclosing(answer.deltas) as deltas:
                async for _ in deltas:
                    if fault == "client_gone_mid_stream":
                        break
                    if fault == "policy_reload_mid_stream":
                        self.gateway.policies = PolicyFile.fixed(some_policy(self.rng))
                    if fault == "restart_mid_stream":
                        self.gateway = self._gateway()
                        break
            outcome = answer.destination.side + (" redacted" if answer.redacted else "")
        except NemoraError as error:
            outcome = error.code
        except asyncio.CancelledError:
            outcome = "cancelled"
        self.counts.left += len(self.cloud.received) > received
        self.counts.outcomes[outcome] += 1


class _ReadOnly:
    """A store whose every method but `close` fails."""

    def __init__(self, store: Any, fails: Any) -> None:
        self._store, self._fails = store, fails

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name) if name in ("close", "body_digest", "keep") else self._fails


def campaign(requests: int, seed: int, seconds: float = float("inf")) -> Counts:
    """Run worlds until `requests` were made, or the time is over."""
    rng, counts, end = random.Random(seed), Counts(), time.monotonic() + seconds  # noqa: S311 - repeatable, not secret

    async def run() -> None:
        while counts.requests < requests and time.monotonic() < end:
            await World(rng, counts).run(min(PER_WORLD, requests - counts.requests))

    asyncio.run(run())
    return counts


def upper_bound(requests: int) -> float:
    """The 95 % upper bound of a rate of which `requests` tries showed none: 1 - 0.05^(1/n), Clopper and Pearson."""
    return 1.0 - 0.05 ** (1.0 / requests) if requests else 1.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)  # thousands of lines about the faults that are wanted here
    begun = time.monotonic()
    counts = campaign(args.requests, args.seed, args.seconds)
    found = {
        "requests": counts.requests, "sensitive": counts.sensitive, "left": counts.left, "seed": args.seed,
        "crossings": counts.crossings,
        "upper_bound_95": None if counts.crossings else upper_bound(counts.sensitive),
        "worlds_whose_ledger_differs": counts.ledger_differs, "socket_requests": counts.socket_requests,
        "bytes_received": counts.bytes_received, "seconds": round(time.monotonic() - begun, 1),
        "faults": dict(sorted(counts.faults.items())), "outcomes": dict(sorted(counts.outcomes.items())),
    }  # fmt: skip
    text = json.dumps(found, indent=1)
    if args.out is not None:
        args.out.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")
    return 1 if counts.crossings or counts.ledger_differs else 0


if __name__ == "__main__":
    raise SystemExit(main())
