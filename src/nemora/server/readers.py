"""Who reads a request for the gateway, and what stands for one that could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from nemora.core import ChatRequest
from nemora.privacy.decide import Inspected
from nemora.privacy.finding import Finding, Sensitivity
from nemora.privacy.reading import ReadingRules


class Inspects(Protocol):
    """Reads a request in a worker with a deadline. Blocking; called from a thread."""

    def inspect(self, request: ChatRequest, rules: ReadingRules | None = None) -> Inspected: ...

    def close(self) -> None: ...


class ReadsDocuments(Protocol):
    """Puts beside each document of a request what it holds, as far as that can be read. Never raises."""

    async def read(self, request: ChatRequest) -> ChatRequest: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Unread:
    """Stands for what could not be inspected: incomplete, and so never public."""

    findings: tuple[Finding, ...] = ()
    complete: bool = False
    weak: tuple[Finding, ...] = ()
    sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadBy:
    """Reads with one policy's rules."""

    inspection: Inspects
    rules: ReadingRules

    def inspect(self, request: ChatRequest) -> Inspected:
        return self.inspection.inspect(request, self.rules)
