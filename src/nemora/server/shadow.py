"""What a candidate policy would have decided, recorded beside what was decided. It can change nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol

from nemora.core import ChatRequest
from nemora.privacy.decide import Classified, Decision, Inspected, decide
from nemora.privacy.finding import Finding, Sensitivity
from nemora.privacy.ledger import Ledger
from nemora.privacy.policy import Policy
from nemora.privacy.reading import ReadingRules

logger = logging.getLogger("nemora.server")

MOST = 8
"""Evaluations under way. More are left out: what is only watched must not hold up what is answered."""
CLOSE_SECONDS = 5.0


class Reads(Protocol):
    def inspect(self, request: ChatRequest, rules: ReadingRules | None = None) -> Inspected: ...


@dataclass(frozen=True, slots=True)
class _Found:
    """What a decision rests on, as an inspection."""

    findings: tuple[Finding, ...]
    complete: bool
    weak: tuple[Finding, ...] = ()


class Shadow:
    """Evaluates candidates in the background, after the decision is recorded."""

    def __init__(
        self,
        inspection: Reads,
        executor: Executor,
        classify: Callable[[Any, Callable[[Finding], Sensitivity]], Classified],
        ledger: Ledger,
    ) -> None:
        self._inspection = inspection
        self._executor = executor
        self._classify = classify
        self._ledger = ledger
        self._tasks: set[asyncio.Task[None]] = set()
        self.skipped = 0

    def watch(
        self,
        candidate: Policy,
        active: Policy,
        request: ChatRequest,
        decision: Decision,
        *,
        entry: int,
        request_id: str,
        tenant: str,
        servers: Sequence[str],
    ) -> None:
        """Evaluate `candidate` soon. Returns at once, and never raises."""
        if len(self._tasks) >= MOST:
            self.skipped += 1
            return

        async def run() -> None:
            try:
                found: Inspected = _Found(decision.findings, decision.complete)
                if candidate.reading.id != active.reading.id:
                    loop = asyncio.get_running_loop()
                    found = await loop.run_in_executor(
                        self._executor, self._inspection.inspect, request, candidate.reading
                    )
                other = decide(found, self._classify(found, candidate.class_of), decision.taint, candidate)
                allowed = candidate.destinations_for(other.sensitivity, other.findings, servers)
                goes = other.route == "cloud" and bool(allowed)
                await asyncio.to_thread(
                    self._ledger.record_shadow,
                    entry,
                    request_id=request_id,
                    decision=other,
                    route="cloud" if goes else "local" if other.route == "cloud" else other.route,
                    destination=allowed[0].server if goes else "" if other.route == "refuse" else "local",
                    tenant=tenant,
                )
            except Exception as error:  # noqa: BLE001 - it is only watched
                logger.error("the shadow policy could not be evaluated (%s)", type(error).__name__)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait for what is under way, for a while; what takes longer is given up."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()
