"""One world of the boundary campaign: a policy, a gateway behind its application, three clouds, some requests at once.

The application, the reading, the policy, redaction, taint, ledger, documents and the backends with their sockets are
the real ones. The local model is a script, and faults are put where they happen: in the far side's sockets, under the
stores (their database fails), in the reading, at the client.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campaign_client import Gone, Reply, call
from campaign_documents import Document
from campaign_needles import Needle, found_in, letters, taint_marker
from campaign_oracle import Evidence, Verdict, Watched, judge, markers
from campaign_peers import FAULTS, READ_SECONDS, REFUSED, Peers, Recorder
from campaign_policies import LAX, SERVERS, Rules, some_entities, some_rules
from campaign_requests import Asked, Conversation, Visit, some_request, some_visit
from nemora.backends.anthropic import AnthropicBackend
from nemora.backends.openai import OpenAIBackend
from nemora.backends.remote import RemoteBackend
from nemora.core import ChatRequest, Delta, StopReason
from nemora.errors import LedgerError, LocalModelDown, Overloaded, WorkerFailed
from nemora.privacy.classify import classify
from nemora.privacy.disclosures import Disclosures
from nemora.privacy.inspect import Inspection, Inspector
from nemora.privacy.keys import derive
from nemora.privacy.ledger import Ledger
from nemora.privacy.policy_file import PolicyFile
from nemora.privacy.segment import segments
from nemora.privacy.segment_cache import SegmentCache
from nemora.privacy.taint import TaintStore
from nemora.server.app import build_app
from nemora.server.documents import DocumentReader
from nemora.server.gateway import Gateway
from nemora.server.inspection import InspectionWorker
from nemora.settings import RemoteServer, ServerSettings

KEY = bytes(range(32))
CHAT = "/v1/chat/completions"
IN_THREADS = 0.2
"""Share of what the gateway gives to threads that is done in them; with the shipped reading, all reading is."""
ENVIRONMENT = (
    *("none",) * 4, *("cloud",) * 7, "detector_crash", "worker_killed", "partly_read", "ledger_fails", "taint_fails",
    "local_down", "local_full", "local_closed_mid_stream", "policy_reload", "policy_broken", "restart",
    "restart_mid_stream", "too_many_requests",
)  # fmt: skip
APIS = {"far": "openai", "eu": "openai", "claude": "anthropic"}


@dataclass
class Shared:
    """What all worlds of a campaign use: made once."""

    peers: Peers
    folder: Path
    pool: list[Document]
    documents: DocumentReader
    worker: InspectionWorker | None
    """The shipped reading, in its child process."""
    log: list[str]
    detectors: Inspector = field(default_factory=lambda: Inspector(None, cache=SegmentCache(100_000, KEY)))
    """The same reading without the model, in this process; with `lock`."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    killed_at: int = 0


@dataclass
class Counts:
    """What a campaign saw."""

    requests: int = 0
    sensitive: int = 0
    shipped_reading: int = 0
    real_process: int = 0
    endpoints: Counter[str] = field(default_factory=Counter)
    environment: Counter[str] = field(default_factory=Counter)
    clients: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    clouds: Counter[str] = field(default_factory=Counter)


class Reading:
    """The shipped reading in its child, or the detectors alone in this process; `fault` befalls most readings."""

    def __init__(self, shared: Shared, shipped: bool) -> None:
        self._shared = shared
        self._worker = shared.worker if shipped else None
        self.fault = ""

    def inspect(self, request: ChatRequest, rules: Any = None) -> Inspection:
        fault = self.fault if random.random() < 0.7 else ""  # noqa: S311 - also the second reading, of what is redacted
        if fault == "detector_crash":
            raise RuntimeError("a detector failed")
        if fault == "worker_killed" and not self._kill():
            raise WorkerFailed("A worker process stopped unexpectedly.")
        found = self._read(request, rules)
        return Inspection(found.findings, complete=False) if fault == "partly_read" else found

    def _read(self, request: ChatRequest, rules: Any) -> Inspection:
        if self._worker is not None:
            return self._worker.inspect(request, rules)
        with self._shared.lock:
            return self._shared.detectors.inspect(segments(request), rules)

    def _kill(self) -> bool:
        """Kill the child while it reads; seldom, since a new one takes seconds."""
        self._shared.killed_at += 1
        child = self._worker._worker._child if self._worker is not None else None
        if child is None or self._shared.killed_at % 60:
            return False
        threading.Timer(0.004, lambda: os.kill(child.pid, signal.SIGKILL) if child.poll() is None else None).start()
        return True

    def close(self) -> None:
        return None


class Inline(ThreadPoolExecutor):
    """Does most of its work at once, in the caller's thread: handing over costs more than the work."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if random.random() < IN_THREADS:  # noqa: S311
            return super().submit(fn, *args, **kwargs)
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - as a thread's would
            done.set_exception(error)
        return done


class SharedDocuments:
    """The one reader of documents; a gateway that closes does not close it."""

    def __init__(self, reader: DocumentReader) -> None:
        self.read = reader.read

    def close(self) -> None:
        return None


class Brittle:
    """A store's database that fails as often as `fails` says."""

    def __init__(self, store: Any) -> None:
        self._real, self.fails = store._database, 0.0
        store._database = self

    def _or_fail(self) -> None:
        if self.fails and random.random() < self.fails:  # noqa: S311
            raise LedgerError("The store cannot be used.")

    def write(self) -> Any:
        self._or_fail()
        return self._real.write()

    def read(self) -> Any:
        self._or_fail()
        return self._real.read()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Local:
    """The model on this side. Its answers hold a word that only taint can keep."""

    name, model, trust = "here", "tiny", "local"

    def __init__(self, rng: random.Random) -> None:
        self._rng, self.fault = rng, ""

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        if self.fault == "local_down":
            raise LocalModelDown("The local model has stopped.")
        if self.fault == "local_full":
            raise Overloaded("Too many requests wait for the local model.", retry_after=1)
        yield Delta(text=opening(self._rng))
        if self.fault == "local_closed_mid_stream":
            raise LocalModelDown("The local model has stopped.")
        if self._rng.random() < 0.4:
            yield Delta(text=" You said: " + request.messages[-1].text()[:300])
        yield Delta(finish=StopReason.STOP)

    async def ready(self) -> bool:
        return self.fault != "local_down"

    async def close(self) -> None:
        return None


def opening(rng: random.Random) -> str:
    return f"Well, the keeper of the mill answered that it was titled {letters(rng, 14)} by the others."


class World:
    """Ask, break things, and judge."""

    def __init__(self, name: str, shared: Shared, counts: Counts, shipped: bool) -> None:
        self.name, self.shared, self.counts = name, shared, counts
        self.rng = random.Random(name)  # noqa: S311 - repeatable, not secret
        self.shipped = shipped and shared.worker is not None
        self.entities = some_entities(self.rng)
        first = some_rules(self.rng, self.entities)
        self.rules: dict[str, Rules] = {first.id: first}
        self.current = {first.id}
        self.watched: dict[Needle, Watched] = {}
        self.under_way: list[frozenset[Needle]] = []
        self.past: list[Conversation] = []
        self.recent: list[Asked] = []
        self.ids: list[str] = ["req_none"]
        self.said: list[str] = []
        self.tokens = self.made = 0
        self.failing = ""
        self.log_from = len(shared.log)

    async def run(self, requests: int) -> Verdict:
        """About so many requests: who is asked may come back."""
        self.folder = tempfile.TemporaryDirectory(dir=self.shared.folder)
        with self.folder as folder:
            self.home = Path(folder)
            self._write(next(iter(self.rules.values())))
            peers = self.shared.peers
            self.elsewhere = await peers.open("elsewhere", "openai")
            self.clouds = [
                await peers.open(name, APIS[name], self.elsewhere.url + "/chat/completions") for name in SERVERS
            ]
            await self.start()
            try:
                while self.made < requests:
                    await self._batch(self.rng.choice([1, 2, 4, 8, 8, 12]))
                await self._visit(Visit("GET", "/metrics", endpoint="/metrics"))
            finally:
                ledger = await self.stop()
                for recorder in (*self.clouds, self.elsewhere):
                    await peers.do(recorder.end(1.0))
                    self.counts.clouds.update(recorder.played)
            try:
                return self._judged(ledger)
            finally:
                ledger.close()

    def _judged(self, ledger: Ledger) -> Verdict:
        said = [*self.said, *self.shared.log[self.log_from :]]
        return judge(Evidence(self.clouds, self.elsewhere, ledger, self.rules, self.watched, self.tokens, said))

    # What a world of this process is made of; `campaign_process.py` has another.

    async def start(self) -> None:
        rng = self.rng
        data = self.home if rng.random() < 0.1 else None
        self.ledger, self.taint, self.disclosures = Ledger(data, KEY), TaintStore(data, KEY), Disclosures(data, KEY)
        self.brittle = {
            "ledger_fails": [Brittle(self.ledger)],
            "taint_fails": [Brittle(self.taint), Brittle(self.disclosures)],
        }
        self.reading, self.local = Reading(self.shared, self.shipped), Local(rng)
        self.has_local = rng.random() < 0.93
        self.now = 0.0
        self.policies = PolicyFile(self.home / "policy.toml", clock=lambda: self.now)
        self.backends = [self._backend(cloud) for cloud in self.clouds]
        self.settings = ServerSettings(explain="coarse" if rng.random() < 0.15 else "owner")
        self._serve()

    def _backend(self, cloud: Recorder) -> RemoteBackend:
        remote = RemoteServer(
            name=cloud.name, base_url=cloud.url, model=f"{cloud.name}-model", trust="cloud", api_key="k",
            read_seconds=READ_SECONDS, connect_seconds=2.0,
        )  # fmt: skip
        return AnthropicBackend(remote) if cloud.api == "anthropic" else OpenAIBackend(remote)

    def _serve(self, most: int = 64) -> None:
        self.gateway = Gateway(
            local=[self.local] if self.has_local else [],  # type: ignore[list-item]
            cloud=self.backends[0],
            further_clouds=self.backends[1:],
            inspection=self.reading,
            classify=classify,
            policy=self.policies,
            taint=self.taint,
            ledger=self.ledger,
            placeholder_key=derive(KEY, "placeholders"),
            disclosures=self.disclosures,
            documents=SharedDocuments(self.shared.documents),
        )
        if not self.shipped:
            self.gateway._reading = Inline(1, "inspection")
            self.gateway.shadow._executor = self.gateway._reading
        settings = ServerSettings(explain=self.settings.explain, max_requests=most)
        self.app = build_app(self.gateway, settings, bound="127.0.0.1")

    async def stop(self) -> Ledger:
        await self.gateway.shadow.settled()
        for backend in self.backends:
            await backend.close()
        for store in (self.taint, self.disclosures):
            await asyncio.to_thread(store.close)
        return self.ledger

    async def send(self, method: str, path: str, body: bytes, headers: dict[str, str], gone: Gone | None) -> Reply:
        return await call(self.app, method, path, body, headers, gone)

    async def apply(self, fault: str) -> None:
        """Let `fault` begin."""
        self.reading.fault = self.local.fault = fault
        for brittle in self.brittle.get(fault, ()):
            brittle.fails = self.rng.choice([1.0, 1.0, 0.4])
        if fault == "cloud":
            await self._clouds_fail()
        if fault == "restart":
            self._serve()
        if fault == "too_many_requests":
            self._serve(2)

    async def _clouds_fail(self) -> None:
        for cloud in self.clouds:
            cloud.fault = self.rng.choice(["", "", *FAULTS, *(REFUSED,) * 5])
            if cloud.fault == REFUSED:
                await self.shared.peers.do(cloud.refuse())

    async def undo(self, fault: str) -> None:
        self.reading.fault = self.local.fault = ""
        for brittle in self.brittle.get(fault, ()):
            brittle.fails = 0.0
        for cloud in self.clouds:
            if cloud.fault == REFUSED:
                await self.shared.peers.do(cloud.listen())
            cloud.fault = ""
        if fault == "too_many_requests":
            self._serve()

    async def in_the_middle(self, fault: str, tasks: list[asyncio.Task[None]]) -> None:
        """What happens while requests are under way."""
        await asyncio.sleep(self.rng.random() * 0.03)
        if fault == "policy_reload":
            await self.reload()
        elif fault == "policy_broken":
            (self.home / "policy.toml").write_text(
                self.rng.choice(["[actions", '[actions]\nsecret = "cloud"\n', "x = 1\n"])
            )
            await self._looked()
        elif fault == "restart_mid_stream":
            for task in tasks:
                task.cancel()
            self._serve()

    async def reload(self) -> None:
        """Another policy takes over."""
        new = self._another()
        await self._looked()
        if self.policies.in_force.policy.id == new.id:
            self.current = {new.id}

    def _another(self) -> Rules:
        """Write another policy. Until it is in force, either may decide."""
        new = some_rules(self.rng, self.entities)
        self.rules[new.id] = new
        self.current = {*self.current, new.id}
        for needles in self.under_way:
            for needle in needles:
                self.watched[needle].rules.add(new.id)
        self._write(new)
        return new

    async def _looked(self) -> None:
        """Time for the server to see a changed file twice."""
        for _ in range(2):
            self.now += 2.0
            await asyncio.to_thread(self.policies.refresh)

    def _write(self, rules: Rules) -> None:
        (self.home / "lax.toml").write_text(LAX)
        (self.home / "policy.new").write_text(rules.text)
        (self.home / "policy.new").replace(self.home / "policy.toml")

    # Requests.

    async def _batch(self, size: int) -> None:
        fault = self.rng.choice(ENVIRONMENT)
        before = self.made
        self.failing = fault
        await self.apply(fault)
        tasks = [asyncio.create_task(self._one()) for _ in range(size)]
        await self.in_the_middle(fault, tasks)
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result
        await self.undo(fault)
        self.counts.environment[fault] += self.made - before

    async def _one(self) -> None:
        rng = self.rng
        if rng.random() < 0.12:
            asked = some_request(rng, self.past, self.entities, self.shared.pool)
            value = next(iter(asked.needles)).value if asked.needles else "nothing"
            await self._visit(some_visit(rng, asked, self.ids, value), asked)
            return
        if self.recent and rng.random() < 0.08:
            asked = rng.choice(self.recent)
            self.counts.clients["retry"] += 1
        else:
            asked = some_request(rng, self.past, self.entities, self.shared.pool)
        self.recent = [*self.recent[-10:], asked]
        self.counts.places[asked.place] += 1
        reply = await self._chat(asked, gone=self._gone())
        if reply.status == 409 and (token := reply.token()):
            await self._overridden(asked, token)

    def _gone(self) -> Gone | None:
        draw = self.rng.random()
        if draw > 0.16:
            return None
        gone = Gone(in_body=draw < 0.02)
        if 0.02 <= draw < 0.09:
            gone.seconds = self.rng.random() * 0.03
        elif draw >= 0.09:
            gone.pieces = self.rng.randint(1, 3)
        self.counts.clients["gone in body" if gone.in_body else "gone" if gone.seconds else "gone in answer"] += 1
        return gone

    async def _overridden(self, asked: Asked, token: str) -> None:
        """The user lets it out, twice at once, with another request, or not at all."""
        given = {
            "x-nemora-override": token,
            "x-nemora-reason": self.rng.choice(["false_alarm", "have_consent", "my own words"]),
        }
        draw = self.rng.random()
        if draw < 0.3:
            return
        if draw < 0.45:
            other = some_request(self.rng, self.past, self.entities, self.shared.pool)
            self.counts.clients["token of another request"] += 1
            await self._chat(other, headers=given)
            return
        self.tokens += 1
        for needle in asked.needles:
            self.watched[needle].granted += 1
        self.counts.clients["override"] += 1
        if draw < 0.7:
            await self._chat(asked, headers=given)
        else:
            self.counts.clients["override twice"] += 1
            await asyncio.gather(self._chat(asked, headers=given), self._chat(asked, headers=given))

    async def _visit(self, visit: Visit, asked: Asked | None = None) -> None:
        needles = asked.needles if asked is not None else frozenset()
        with self._watching(needles):
            reply = await self.send(visit.method, visit.path, visit.body, visit.headers, None)
        self.counts.endpoints[visit.endpoint] += 1
        self._heard(reply)

    async def _chat(self, asked: Asked, gone: Gone | None = None, headers: dict[str, str] | None = None) -> Reply:
        self.counts.endpoints[CHAT] += 1
        with self._watching(asked.needles) as rules:
            reply = await self.send("POST", CHAT, asked.data(), {**asked.headers, **(headers or {})}, gone)
        self._heard(reply)
        self._learn(asked, reply, rules | self.current)
        return reply

    @contextlib.contextmanager
    def _watching(self, needles: frozenset[Needle]) -> Any:
        self.counts.requests += 1
        self.made += 1
        self.counts.sensitive += bool(needles)
        self.counts.shipped_reading += self.shipped
        for needle in needles:
            self.watched.setdefault(needle, Watched()).rules.update(self.current)
        self.under_way.append(needles)
        try:
            yield set(self.current)
        finally:
            self.under_way.remove(needles)

    def _heard(self, reply: Reply) -> None:
        """What is in no case an answer's text may hold no needle."""
        self.said.append(json.dumps(reply.headers))
        if reply.status != 200 or not reply.headers.get("x-nemora-route"):
            self.said.append(reply.body.decode("utf-8", "replace"))
        self.said += [
            line for line in reply.body.decode("utf-8", "replace").splitlines() if line.startswith('data: {"error')
        ]
        route = reply.headers.get("x-nemora-route", "")
        redacted = " redacted" if "x-nemora-redacted" in reply.headers else ""
        down = " cloud_down" if reply.headers.get("x-nemora-reason") == "cloud_down" else ""
        self.counts.outcomes[f"{reply.status or 'none'} {reply.code() or route}{redacted}{down}".strip()] += 1

    def _learn(self, asked: Asked, reply: Reply, rules: set[str]) -> None:
        """Remember a whole answer as a client does, and what in it is sensitive by what it answers."""
        if reply.headers.get("x-nemora-decision-id"):
            self.ids.append(reply.headers["x-nemora-decision-id"])
        if reply.status != 200 or not reply.whole or reply.failed_in_stream() or len(asked.body["messages"]) > 9:
            return
        text = reply.text()
        if not text:
            return
        within = set(found_in(asked.needles, text.encode()))
        sensitivity = max((min(self.rules[r].class_of(n) for r in rules) for n in asked.needles), default=0)
        if self.shipped or self.failing in ("detector_crash", "worker_killed"):
            sensitivity = min(sensitivity, 2)  # what was not read counts as confidential, whatever it held
        if reply.headers.get("x-nemora-route") == "local" and sensitivity:
            kinds = "+".join(sorted(needle.kind for needle in asked.needles))
            origin = f"after {kinds} in {asked.place}, {self.failing}"
            within |= {taint_marker(word, sensitivity, origin) for word in markers(text)}
        turn = Conversation(asked.body["messages"], asked.needles - asked.outside, text, frozenset(within))
        self.past = [*self.past[-12:], turn]
