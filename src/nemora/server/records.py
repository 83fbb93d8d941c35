"""What was decided and how it ended, written to the ledger. A cancellation waits until it is written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from nemora.backends.base import Backend
from nemora.backends.meter import Sending
from nemora.core import StopReason
from nemora.errors import BackendRefused, LedgerError
from nemora.privacy.decide import Decision, Destination
from nemora.privacy.destinations import Price
from nemora.privacy.ledger import Ledger
from nemora.server.crossing import Crossing, consumed
from nemora.server.metrics import Metrics
from nemora.server.transcript import Transcript

logger = logging.getLogger("nemora.server")
T = TypeVar("T")

NOT_AS_DECIDED = "sent_not_as_decided"
"""The status of a request of which other bytes were written, or about to be, than the ledger's."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A decision's row in the ledger, and what the row of its end needs."""

    seq: int
    tenant: str
    destination: str
    price: Price | None


class Records:
    """Writes the rows of requests."""

    def __init__(self, ledger: Ledger, metrics: Metrics) -> None:
        self._ledger = ledger
        self._metrics = metrics

    async def decision(
        self,
        decision: Decision,
        destination: Destination,
        backend: Backend,
        body: bytes,
        request_id: str,
        tenant: str,
        crossing: Crossing,
        reserved: int | None,
        endpoint: str,
    ) -> Entry:
        """The ledger's row of the decision, on the disk. A cancellation while it is written is recorded too."""
        to_whom = "local" if destination.side == "local" else backend.name
        price = crossing.price if destination.side == "cloud" else None
        future = asyncio.ensure_future(
            asyncio.to_thread(
                self._ledger.record_decision,
                request_id=request_id,
                endpoint=endpoint,
                decision=decision,
                route=destination.side,
                destination=to_whom,
                model=backend.model,
                reasons=destination.reasons,
                body=body or None,
                reserved=reserved,
                tenant=tenant,
            )
        )
        try:
            return Entry(await asyncio.shield(future), tenant, to_whom, price)
        except LedgerError:
            self._metrics.store_failed("ledger")
            raise
        except asyncio.CancelledError:
            await asyncio.wait({future})
            if not future.cancelled() and future.exception() is None:
                entry = Entry(future.result(), tenant, to_whom, price)
                await self.completion(entry, request_id, "cancelled", 0, Transcript())
            raise

    async def refusal(self, decision: Decision, request_id: str, tenant: str, endpoint: str, *first: str) -> bool:
        """The row of a request that is not answered; `first` are reasons before the decision's. Whether it is there."""
        self._metrics.decided("refuse", decision, (*first, *decision.reasons))
        try:
            await settled(
                lambda: self._ledger.record_decision(
                    request_id=request_id,
                    endpoint=endpoint,
                    decision=decision,
                    route="refuse",
                    destination="",
                    model="",
                    reasons=(*first, *decision.reasons),
                    tenant=tenant,
                )
            )
        except LedgerError:
            self._metrics.store_failed("ledger")
            logger.error("%s: the refusal could not be recorded in the ledger", request_id)
            return False
        return True

    def checked(self, sending: Sending, request_id: str, status: str, decided: int) -> tuple[str, int]:
        """The status and the bytes for the row of a request's end, after a look at what the sockets' meter saw.

        More than was decided was refused before it was written. Less, though an answer came whole, means that the
        ledger would say more than was true. A backend whose sockets have no meter is not seen here.
        """
        less = (
            sending.most is not None
            and 0 < sending.bodies < decided
            and status in set(StopReason) - {StopReason.CANCELLED}
        )
        if not sending.refused and not less:
            return status, decided
        self._metrics.not_as_decided()
        logger.error("%s: %s: %d bytes were decided, %d written", request_id, NOT_AS_DECIDED, decided, sending.bodies)
        return NOT_AS_DECIDED, sending.bodies if sending.most is not None else 0

    async def completion(self, entry: Entry, request_id: str, status: str, sent: int, said: Transcript) -> None:
        used = consumed(
            said.usage, sent=sent, said=said.characters, refused=status == BackendRefused.code, price=entry.price
        )
        self._metrics.ended(
            entry.destination,
            sent=sent,
            tokens_in=used.tokens_in,
            tokens_out=used.tokens_out,
            micro_usd=used.micro_usd,
        )
        try:
            await settled(
                lambda: self._ledger.record_completion(
                    entry.seq,
                    request_id=request_id,
                    status=status,
                    bytes_sent=sent,
                    tokens_in=used.tokens_in,
                    tokens_out=used.tokens_out,
                    destination=entry.destination,
                    micro_usd=used.micro_usd,
                    estimated=used.estimated,
                    tenant=entry.tenant,
                )
            )
        except LedgerError:
            self._metrics.store_failed("ledger")
            logger.error("%s: the end of the answer could not be recorded in the ledger", request_id)


async def settled(call: Callable[[], T]) -> T:
    """Run a blocking call in a thread. A cancellation is raised only after the call has ended."""
    future = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait({future})
        if not future.cancelled():
            future.exception()
        raise
