"""What clients are told about a decision: in headers, in refusals, and by GET /v1/nemora/decisions/ID. No content.

With `server.explain = "coarse"` a client learns which side answered and nothing of why: reasons tell a stranger how to
word what should not leave.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from nemora.errors import CapReached, KeyNotAllowed, NemoraError, OverrideNeeded, PrivacyRefused, UnknownDecision
from nemora.privacy.explain import recorded
from nemora.server.caller import Caller
from nemora.server.gateway import Answer, Gateway
from nemora.server.receiving import ignored_header
from nemora.settings import ServerSettings


def decision_headers(answer: Answer, ignored: tuple[str, ...], settings: ServerSettings) -> dict[str, str]:
    """The headers of an answer: where it was answered, and for the owner why."""
    headers: dict[str, str] = {"x-nemora-route": answer.destination.side}
    if settings.explain == "owner":
        headers |= {
            "x-nemora-reason": answer.destination.reasons[0],
            "x-nemora-decision": answer.decision.action.value,
            "x-nemora-decision-id": answer.request_id,
            "x-nemora-class": answer.decision.sensitivity.word,
        }
        if answer.redacted:
            headers["x-nemora-redacted"] = ",".join(f"{kind}={count}" for kind, count in answer.redacted.items())
    headers |= ignored_header(ignored)
    if not answer.recorded:
        headers["x-nemora-ledger"] = "unavailable"
    return headers


def refusal_headers(error: NemoraError, request_id: str, settings: ServerSettings) -> dict[str, str]:
    """The headers of a request that was decided and is not answered: for the owner, what to ask about it by."""
    is_decided = isinstance(error, PrivacyRefused | OverrideNeeded | CapReached)
    return {"x-nemora-decision-id": request_id} if is_decided and settings.explain == "owner" else {}


def coarse(error: NemoraError, settings: ServerSettings) -> NemoraError:
    """The error as this server's clients may have it: without the reason, where they are not trusted."""
    if settings.explain == "owner":
        return error
    if isinstance(error, OverrideNeeded):
        return OverrideNeeded(
            "The policy asks before this request may leave; send it again with the headers X-Nemora-Override and "
            "X-Nemora-Reason, or ask for the model local.",
            token=error.token,
            reasons=error.reasons,
            seconds=error.seconds,
        )
    if isinstance(error, PrivacyRefused):
        return PrivacyRefused("The policy does not let this request be answered as it was asked.", param=error.param)
    return error


def only_owner(peer: str, caller: Caller, settings: ServerSettings) -> None:
    """Let only the owner pass: an administrator's key, or where no key was needed a client on this machine.

    Args:
        peer: the client's address.

    Raises:
        KeyNotAllowed: the key is another's.
        PrivacyRefused: the client is elsewhere, or this server does not explain.
    """
    if not caller.administers:
        raise KeyNotAllowed("This needs an administrator's API key; nemora keys add makes one with --admin.")
    if caller.key is None and (settings.explain != "owner" or not _is_loopback(peer)):
        raise PrivacyRefused(
            "Decisions are explained and counted only to the owner on this machine; run there: nemora ledger show."
        )


async def explain_to(request_id: str, gateway: Gateway) -> dict[str, Any]:
    """The recorded decision, for the owner.

    Raises:
        UnknownDecision: the ledger holds no decision on such a request.
        LedgerError: the ledger cannot be read.
    """
    row = await gateway.decision_of(request_id)
    if row is None:
        raise UnknownDecision("The ledger holds no decision with that id; it is the header x-nemora-decision-id.")
    return recorded(row)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
