"""Counters of one server process, and their text for Prometheus (exposition format 0.0.4).

A label's value is a word of this program, of its settings or of its policy: a side, a class, a reason's code, a kind, a
configured name. Nothing that a client sends becomes one, and the number of series has a limit.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from nemora.backends.meter import METER
from nemora.privacy.decide import Decision

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
INSPECTION_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper ends of the histogram's buckets."""
MOST_SERIES = 1000
"""Series of one counter; what comes after them is counted under "other"."""
REPLACED = re.compile(r"replaced:([a-z0-9_]+)\+(\d+)", re.ASCII)
_CODE = re.compile(r"[a-z0-9_]+(:[a-z0-9_+]+)?", re.ASCII)


class Counter:
    """One counter with labels. Not thread-safe by itself; `Metrics` holds the lock."""

    def __init__(self, name: str, help_text: str, *labels: str) -> None:
        self.name, self.help, self.labels = name, help_text, labels
        self._values: dict[tuple[str, ...], float] = {} if labels else {(): 0}

    def add(self, amount: float, *values: str) -> None:
        if values not in self._values and len(self._values) >= MOST_SERIES:
            values = ("other",) * len(self.labels)
        self._values[values] = self._values.get(values, 0) + amount

    def lines(self) -> list[str]:
        samples = [f"{self.name}{_labels(self.labels, at)} {value:.15g}" for at, value in sorted(self._values.items())]
        return [*_head(self.name, self.help, "counter"), *samples]


class Histogram:
    """One histogram without labels."""

    def __init__(self, name: str, help_text: str, ends: Sequence[float]) -> None:
        self.name, self.help, self._ends = name, help_text, ends
        self._counts = [0] * (len(ends) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._ends, value)] += 1
        self._sum += value

    def lines(self) -> list[str]:
        lines, total = _head(self.name, self.help, "histogram"), 0
        for end, count in zip((*map(str, self._ends), "+Inf"), self._counts, strict=True):
            total += count
            lines.append(f'{self.name}_bucket{{le="{end}"}} {total}')
        return [*lines, f"{self.name}_sum {self._sum:.9g}", f"{self.name}_count {total}"]


class Metrics:
    """What a gateway counts. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decisions = Counter(
            "nemora_decisions_total", "Decisions by where they led, class and first reason.", "route", "class", "reason"
        )
        self._seconds = Histogram(
            "nemora_inspection_seconds", "Time until a request was read, waiting included.", INSPECTION_SECONDS
        )
        self._unread = Counter("nemora_inspection_failures_total", "Requests that could not be read by a failure.")
        self._bytes = Counter(
            "nemora_sent_bytes_total", "Bytes of request bodies that left, by the ledger.", "destination"
        )
        self._usd = Counter("nemora_spent_usd_total", "US dollars spent, where a price is known.", "destination")
        self._redactions = Counter("nemora_redactions_total", "Values that left as stand-ins, by kind.", "kind")
        self._errors = Counter("nemora_ledger_errors_total", "Failed reads and writes of ledger and taint.", "store")
        self._tokens = Counter("nemora_tokens_total", "Tokens in and out, by side.", "side", "direction")
        self._mismatches = Counter(
            "nemora_sent_not_as_decided_total", "Requests of which other bytes were about to leave than were decided."
        )
        self._flight = 0

    def decided(self, route: str, decision: Decision, reasons: Sequence[str]) -> None:
        """One decision. `reasons` are the codes of the row in the ledger, the first of which is shown."""
        code = reasons[0] if reasons and _CODE.fullmatch(reasons[0]) else "unknown"
        with self._lock:
            self._decisions.add(1, route, decision.sensitivity.word, code)
            for reason in reasons:
                if found := REPLACED.fullmatch(reason):
                    self._redactions.add(int(found[2]), found[1])

    def inspected(self, seconds: float, *, failed: bool) -> None:
        with self._lock:
            self._seconds.observe(seconds)
            self._unread.add(int(failed))

    def ended(
        self, destination: str, *, sent: int, tokens_in: int | None, tokens_out: int | None, micro_usd: int | None
    ) -> None:
        """One answer, to its end. `destination` is the configured name, or "local"."""
        side = "local" if destination == "local" else "cloud"
        with self._lock:
            if side == "cloud":
                self._bytes.add(sent, destination)
            if micro_usd is not None:
                self._usd.add(micro_usd / 1_000_000, destination)
            self._tokens.add(tokens_in or 0, side, "in")
            self._tokens.add(tokens_out or 0, side, "out")

    def store_failed(self, store: str) -> None:
        """The ledger or the taint store could not be used; `store` says which."""
        with self._lock:
            self._errors.add(1, store)

    def not_as_decided(self) -> None:
        """The sockets' meter and the decision differ on what was sent."""
        with self._lock:
            self._mismatches.add(1)

    def in_flight(self, change: int) -> None:
        with self._lock:
            self._flight += change

    def text(self) -> str:
        """All of them as Prometheus reads them."""
        name, written = "nemora_requests_in_flight", _written()
        with self._lock:
            flight = [*_head(name, "Chat requests that are being answered.", "gauge"), f"{name} {self._flight}"]
            counters = (self._bytes, self._usd, self._redactions, self._errors, self._tokens, self._mismatches)
            parts = [self._decisions.lines(), flight, self._seconds.lines(), self._unread.lines()]
            lines = [line for part in (*parts, *(c.lines() for c in counters), written) for line in part]
        return "\n".join(lines) + "\n"


class InFlight:
    """Counts the chat requests that are being answered, to the last byte."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        self._metrics.in_flight(1)
        try:
            await self.app(scope, receive, send)
        finally:
            self._metrics.in_flight(-1)


def sample_lines(
    name: str, help_text: str, kind: str, samples: Iterable[tuple[Sequence[tuple[str, str]], float]]
) -> list[str]:
    """One metric: its head, and a line for each sample of (labels, value)."""
    lines = _head(name, help_text, kind)
    for labels, value in samples:
        lines.append(f"{name}{_labels([key for key, _ in labels], [word for _, word in labels])} {value:.15g}")
    return lines


def _written() -> list[str]:
    """What the sockets' meter has seen: also what the ledger would not know of."""
    counter = Counter("nemora_socket_bytes_total", "Bytes written to a server, above TLS.", "server", "part")
    for server, count in METER.counts().items():
        counter.add(count.heads, server, "head")
        counter.add(count.bodies, server, "body")
    return counter.lines()


def _head(name: str, help_text: str, kind: str) -> list[str]:
    return [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"]


def _labels(names: Iterable[str], values: Iterable[str]) -> str:
    pairs = [f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)]
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
