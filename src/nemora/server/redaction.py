"""A request that may leave redacted: its values are replaced, and what would be sent is read again like any other.

Whatever fails here, or is found again, keeps the request on this machine.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from nemora.core import ChatRequest
from nemora.privacy.decide import Classified, Decision, Inspected, decide
from nemora.privacy.finding import Finding, Sensitivity
from nemora.privacy.policy import Action, Policy
from nemora.privacy.reasons import REDACTED
from nemora.privacy.redact import Redacted, redact, with_note

logger = logging.getLogger("nemora.server")


class Reads(Protocol):
    """Reads a request; raises for nothing that it holds."""

    def inspect(self, request: ChatRequest) -> Inspected: ...


@dataclass(frozen=True, slots=True)
class Redaction:
    """What became of the attempt: `outcome` is `REDACTED`, with the `request` to send, or a reason code."""

    outcome: str
    request: ChatRequest | None = None
    values: Mapping[str, str] = dataclasses.field(default_factory=dict)
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """How many values of each kind were replaced; "literal" is text that only looked like a stand-in."""

    replaced: tuple[Finding, ...] = ()
    """Where each of them stood in the request as it came."""
    in_urls: frozenset[tuple[str, str]] = frozenset()
    """Hosts with the stand-ins that the request has in URLs of theirs."""

    def codes(self) -> tuple[str, ...]:
        """The counts as reason codes for the ledger: `replaced:person_name+3`."""
        return tuple(f"replaced:{kind}+{count}" for kind, count in self.counts.items())


class Redactor:
    """Redacts requests. Blocking; call it from a thread.

    Args:
        key: derived from the installation's key for stand-ins.
        inspection: reads what would be sent.
    """

    def __init__(self, key: bytes, inspection: Reads) -> None:
        self._key = key
        self._inspection = inspection

    def redact(
        self,
        request: ChatRequest,
        decision: Decision,
        *,
        policy: Policy,
        classify: Callable[[Any], Classified],
        tenant: str = "default",
    ) -> Redaction:
        """`request` redacted, if `decision` lets it leave so and nothing is found in what would be sent.

        Args:
            policy: the one by which `decision` was made.
            classify: as for every request.
            tenant: whose request it is; each has other stand-ins.
        """
        if decision.action is not Action.REDACT:
            return Redaction("redaction_failed")
        try:
            return self._redact(request, decision, policy, classify, tenant)
        except Exception as error:  # noqa: BLE001 - whatever fails here, the request stays
            logger.error("redaction failed with %s; the request stays on this machine", type(error).__name__)
            return Redaction("redaction_failed")

    def _redact(
        self,
        request: ChatRequest,
        decision: Decision,
        policy: Policy,
        classify: Callable[[Any], Classified],
        tenant: str,
    ) -> Redaction:
        redacted = redact(request, decision.counted, self._key, tenant=tenant, weak=decision.weak)
        if not isinstance(redacted, Redacted):
            return Redaction(redacted.reason)
        if redacted.values:
            redacted = dataclasses.replace(redacted, request=with_note(redacted.request))
        again: Any = self._inspection.inspect(redacted.request)
        left = dataclasses.replace(again, findings=tuple(redacted.leftover(again.findings)))
        # Taint has had its say in `decision`: it was not above what may leave redacted.
        second = decide(left, classify(left), Sensitivity.PUBLIC, policy)
        if second.action is not Action.CLOUD:
            return Redaction("found_again")
        counts = {**redacted.counts, "literal": redacted.forged} if redacted.forged else redacted.counts
        return Redaction(REDACTED, redacted.request, redacted.values, counts, redacted.replaced, redacted.in_urls())
