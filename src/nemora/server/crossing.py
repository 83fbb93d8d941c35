"""Which cloud server may have a request, and what it costs. Chosen once, before the first byte leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nemora.backends.base import Backend
from nemora.core import ChatRequest, Usage
from nemora.privacy.decide import Decision
from nemora.privacy.destinations import PolicyDestination, Price, estimated_tokens
from nemora.privacy.policy import Policy

MOST_OUTPUT_TOKENS = 4096
"""Reserved for an answer to a request that names no limit."""


class CloudBackend(Backend, Protocol):
    """A backend on the far side: it can say, byte for byte, what it would send."""

    def outbound(self, request: ChatRequest) -> bytes: ...

    def carries(self, request: ChatRequest) -> bool:
        """Whether it can be sent the parts of a request that are not text."""
        ...


@dataclass(frozen=True, slots=True)
class Crossing:
    """The one cloud server that may have a request, if its decision lets it leave; or why there is none."""

    backend: CloudBackend | None = None
    destination: PolicyDestination | None = None
    obstacle: str | None = None
    """A reason code: `no_destination`, `no_such_part`, `cap`, or None where no cloud server is configured."""

    @property
    def price(self) -> Price | None:
        return self.destination.price if self.destination is not None else None

    def most(self, body: bytes, request: ChatRequest) -> int | None:
        """The most that the request may cost, in micro-dollars, by an estimate of its tokens; None without a price."""
        if self.price is None:
            return None
        most = request.max_tokens if request.max_tokens is not None else MOST_OUTPUT_TOKENS
        return self.price.micro_usd(estimated_tokens(len(body)), most * request.choices)


def choose(
    policy: Policy,
    decision: Decision,
    request: ChatRequest,
    clouds: Sequence[CloudBackend],
    named: Backend | None = None,
) -> Crossing:
    """The first destination of the policy that may have the request, or the one that the client named, if it may.

    What nobody read goes nowhere, whatever was decided; a document goes only to a server that can be sent it, and a
    raw text to none.
    """
    if not clouds or request.raw:
        return Crossing()
    known = {backend.name: backend for backend in clouds}
    allowed = policy.destinations_for(decision.sensitivity, decision.findings, list(known))
    if named is not None and named.trust == "cloud":
        allowed = tuple(destination for destination in allowed if destination.server == named.name)
    if not allowed:
        return Crossing(obstacle="no_destination")
    for destination in allowed:
        backend = known[destination.server]
        if all(part.read is not None for part in request.opaque_parts()) and backend.carries(request):
            return Crossing(backend, destination)
    return Crossing(obstacle="no_such_part")


@dataclass(frozen=True, slots=True)
class Consumed:
    """Tokens of one answer, and their cost in micro-dollars, None where no price is known."""

    tokens_in: int | None
    tokens_out: int | None
    micro_usd: int | None
    estimated: bool


def consumed(usage: Usage | None, *, sent: int, said: int, refused: bool, price: Price | None) -> Consumed:
    """What an answer cost.

    Args:
        usage: what the server reported.
        sent: bytes that were sent to a cloud; 0 for a local answer, and where nobody was reached.
        said: characters of the answer.
        refused: the server refused to work.
    """
    if usage is not None:
        tokens_in, tokens_out = usage.prompt_tokens, usage.completion_tokens
    elif sent == 0 or (refused and said == 0):
        return Consumed(None, None, None if price is None else 0, False)
    else:
        tokens_in, tokens_out = estimated_tokens(sent), estimated_tokens(said)
    cost = price.micro_usd(tokens_in, tokens_out) if price is not None and sent else None
    return Consumed(tokens_in, tokens_out, cost, usage is None)
