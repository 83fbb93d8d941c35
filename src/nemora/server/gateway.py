"""A request is read, decided, recorded and answered. The one place where the privacy boundary is crossed.

    inspect -> taint -> classify -> decide -> (redact -> inspect) -> destination -> ledger -> backend -> taint, ledger

The destination is fixed before the first byte leaves. Whatever goes wrong after that is an error, never
another destination: a local model that is down is not replaced by the cloud, and nothing is retried.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeVar

from nemora.backends.base import Backend
from nemora.core import ChatRequest, Delta
from nemora.errors import BackendUnreachable, LedgerError, NemoraError, PrivacyRefused, UnknownModel
from nemora.privacy.decide import Classified, Decision, Destination, Inspected, Wanted, decide, resolve_destination
from nemora.privacy.finding import Finding, Sensitivity
from nemora.privacy.ledger import Ledger
from nemora.privacy.policy import Action, Policy
from nemora.privacy.restore import AnswerRestorer
from nemora.privacy.taint import TaintStore
from nemora.server.redaction import Redaction, Redactor
from nemora.server.transcript import Transcript

logger = logging.getLogger("nemora.server")
T = TypeVar("T")

ENDPOINT = "/v1/chat/completions"


class CloudBackend(Backend, Protocol):
    """A backend on the far side: it can say, byte for byte, what it would send."""

    def outbound(self, request: ChatRequest) -> bytes: ...


class Inspects(Protocol):
    """Reads a request in a worker with a deadline. Blocking; called from a thread."""

    def inspect(self, request: ChatRequest) -> Inspected: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Unread:
    """Stands for what could not be inspected: incomplete, and so never public."""

    findings: tuple[Finding, ...] = ()
    complete: bool = False
    sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A decided request, and its answer to come. Iterate or close `deltas`: closing cancels the work."""

    request_id: str
    decision: Decision
    destination: Destination
    backend: str
    """Configured name of the backend that answers."""
    model: str
    recorded: bool
    """Whether the ledger holds the decision. Never false for the cloud."""
    redacted: Mapping[str, int] | None = None
    """How many values of each kind were replaced in what was sent; None where it was sent as it is."""
    deltas: AsyncGenerator[Delta, None]


class Gateway:
    """Answers chat requests by one policy. Safe for concurrent requests on one event loop.

    Args:
        local: the backends on this side; the first answers what names no other.
        cloud: the backend on the far side, if one is configured.
        classify: the class and scores of what was inspected.
        placeholder_key: the key for stand-ins; without one, what could leave redacted stays here.
    """

    def __init__(
        self,
        *,
        local: Sequence[Backend],
        cloud: CloudBackend | None,
        inspection: Inspects,
        classify: Callable[[Any], Classified],
        policy: Policy,
        taint: TaintStore,
        ledger: Ledger,
        placeholder_key: bytes | None = None,
    ) -> None:
        if any(backend.trust != "local" for backend in local) or (cloud is not None and cloud.trust != "cloud"):
            raise ValueError("a backend stands on the wrong side of the boundary")
        self.local = tuple(local)
        self.cloud = cloud
        self.policy = policy
        self._inspection = inspection
        self._classify = classify
        self._taint = taint
        self._ledger = ledger
        key = placeholder_key
        self._redactor = None if key is None else Redactor(key, inspection)
        # The worker reads one request at a time. Those that wait must not hold the threads that ledger and taint need.
        self._reading = ThreadPoolExecutor(1, "inspection")

    def models(self) -> dict[str, str]:
        """The names that clients may ask for, and whose each is."""
        names = {"auto": "nemora", "local": "nemora"}
        for backend in (*self.local, *((self.cloud,) if self.cloud is not None else ())):
            names.setdefault(backend.model, backend.name)
        return names

    async def ready(self) -> bool:
        """Whether the local model could answer now. The cloud is never asked."""
        return bool(self.local) and await self.local[0].ready()

    async def answer(self, request: ChatRequest, *, request_id: str | None = None) -> Answer:
        """Decide on `request` and start its answer; nothing has been sent when this returns.

        Raises:
            UnknownModel: no such model.
            PrivacyRefused: the policy blocks it, or keeps it from the model that it names.
            LocalModelDown: it must be answered here and there is no local model.
            LedgerError: the cloud was named, and nothing can be recorded.
        """
        request_id = request_id or f"req_{secrets.token_hex(12)}"
        wanted, named = self._wanted(request.model)
        decision, taint_ok = await self._decide(request)
        redaction = await self._redact(request, decision, wanted) if taint_ok else Redaction("")
        try:
            destination = self._resolve(decision, wanted, taint_ok=taint_ok, redaction=redaction.outcome)
        except PrivacyRefused:
            await self._record_refusal(decision, request_id)
            raise
        backend = self._backend(destination, named)
        sent = _what_leaves(request, decision, redaction) if destination.side == "cloud" else request
        if sent is not request:
            destination = replace(destination, reasons=(*destination.reasons, *redaction.codes()))
        body = await asyncio.to_thread(self._body, backend, destination, sent)
        entry: int | None = None
        try:
            entry = await self._record(decision, destination, backend, body, request_id)
        except LedgerError:
            destination = self._resolve(decision, wanted, taint_ok=taint_ok, ledger_ok=False)
            backend, body, sent = self._backend(destination, named), b"", request
        is_redacted = sent is not request
        return Answer(
            request_id=request_id,
            decision=decision,
            destination=destination,
            backend=backend.name,
            model=backend.model,
            recorded=entry is not None,
            redacted=redaction.counts if is_redacted else None,
            deltas=self._deltas(
                sent, decision, destination, backend, entry, len(body), request_id, redaction if is_redacted else None
            ),
        )

    async def close(self) -> None:
        """Close everything that was given to this gateway."""
        for backend in (*self.local, *((self.cloud,) if self.cloud is not None else ())):
            await backend.close()
        for store in (self._inspection, self._taint, self._ledger):
            await asyncio.to_thread(store.close)
        self._reading.shutdown(wait=False, cancel_futures=True)

    def _wanted(self, model: str) -> tuple[Wanted, Backend | None]:
        """What the client asks for by a model's name, and the very backend if it names one."""
        if model == "auto":
            return "auto", None
        if model == "local":
            return "local", None
        for backend in self.local:
            if model in (backend.model, backend.name):
                return "local", backend
        if self.cloud is not None and model in (self.cloud.model, self.cloud.name):
            return "cloud", self.cloud
        raise UnknownModel("There is no model of that name; GET /v1/models lists the names.", param="/model")

    async def _decide(self, request: ChatRequest) -> tuple[Decision, bool]:
        """The decision, and whether taint could be read and written."""
        inspection: Inspected = _Unread()
        classification: Classified = _Unread()
        try:
            loop = asyncio.get_running_loop()
            inspection = await loop.run_in_executor(self._reading, self._inspection.inspect, request)
            classification = self._classify(inspection)
        except Exception as error:  # noqa: BLE001 - whatever fails here, the request counts as unread
            logger.error("inspection failed with %s; the request counts as sensitive", type(error).__name__)
            inspection = _Unread(inspection.findings)
        taint, taint_ok = Sensitivity.PUBLIC, True
        try:
            taint = await asyncio.to_thread(self._taint.lookup, request.messages)
        except LedgerError:
            taint_ok = False
        decision = decide(inspection, classification, taint, self.policy)
        try:
            await _settled(lambda: self._taint.remember(request.messages, decision))
        except LedgerError:
            taint_ok = False
        if not taint_ok:
            logger.error("the taint store cannot be used; nothing leaves until it can")
        return decision, taint_ok

    async def _redact(self, request: ChatRequest, decision: Decision, wanted: Wanted) -> Redaction:
        """`request` redacted, where the policy says so and a cloud could answer it."""
        if decision.action is not Action.REDACT or wanted == "local" or self.cloud is None or self._redactor is None:
            return Redaction("")
        redact = partial(self._redactor.redact, request, decision, policy=self.policy, classify=self._classify)
        return await asyncio.get_running_loop().run_in_executor(self._reading, redact)

    def _resolve(
        self, decision: Decision, wanted: Wanted, *, taint_ok: bool, ledger_ok: bool = True, redaction: str = ""
    ) -> Destination:
        return resolve_destination(
            decision,
            wanted=wanted,
            has_cloud=self.cloud is not None,
            has_local=bool(self.local),
            ledger_ok=ledger_ok,
            taint_ok=taint_ok,
            redaction=redaction,
        )

    def _backend(self, destination: Destination, named: Backend | None) -> Backend:
        if destination.side == "cloud":
            assert self.cloud is not None  # resolve_destination has seen to that
            return self.cloud
        return named if named is not None and named.trust == "local" else self.local[0]

    def _body(self, backend: Backend, destination: Destination, request: ChatRequest) -> bytes:
        """The bytes that will leave: none for a local answer."""
        if destination.side == "cloud" and self.cloud is not None and backend is self.cloud:
            return self.cloud.outbound(request)
        return b""

    async def _record(
        self, decision: Decision, destination: Destination, backend: Backend, body: bytes, request_id: str
    ) -> int:
        """The ledger's row of the decision, on the disk. A cancellation while it is written is recorded too."""
        future = asyncio.ensure_future(
            asyncio.to_thread(
                self._ledger.record_decision,
                request_id=request_id,
                endpoint=ENDPOINT,
                decision=decision,
                route=destination.side,
                destination="local" if destination.side == "local" else backend.name,
                model=backend.model,
                reasons=destination.reasons,
                body=body or None,
            )
        )
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait({future})
            if not future.cancelled() and future.exception() is None:
                await self._complete(future.result(), request_id, "cancelled", 0, Transcript())
            raise

    async def _record_refusal(self, decision: Decision, request_id: str) -> None:
        try:
            await _settled(
                lambda: self._ledger.record_decision(
                    request_id=request_id,
                    endpoint=ENDPOINT,
                    decision=decision,
                    route="refuse",
                    destination="",
                    model="",
                )
            )
        except LedgerError:
            logger.error("%s: the refusal could not be recorded in the ledger", request_id)

    async def _deltas(
        self,
        request: ChatRequest,
        decision: Decision,
        destination: Destination,
        backend: Backend,
        entry: int | None,
        body_bytes: int,
        request_id: str,
        redaction: Redaction | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """The backend's stream, with real values restored; when it ends, for whatever reason, taint and ledger hear
        of it."""
        said = Transcript()
        status = "cancelled"
        stream = backend.stream(request)
        restorer = None if redaction is None else _restorer(redaction, self.policy)
        try:
            async for delta in stream:
                for restored in (delta,) if restorer is None else restorer.feed(delta):
                    said.add(restored)
                    yield restored
            for restored in () if restorer is None else restorer.finish():
                said.add(restored)
                yield restored
            status = str(said.finish or "broken_off")
        except NemoraError as error:
            status = error.code
            if isinstance(error, BackendUnreachable):
                body_bytes = 0
            raise
        except Exception:
            status = "internal_error"
            raise
        finally:
            await stream.aclose()  # type: ignore[attr-defined]
            if restorer is not None:
                _report(request_id, restorer)
            if (destination.side == "local" or restorer is not None) and decision.sensitivity > Sensitivity.PUBLIC:
                await self._mark_answer(said, decision.sensitivity)
            if entry is not None:
                await self._complete(entry, request_id, status, body_bytes, said)

    async def _mark_answer(self, said: Transcript, sensitivity: Sensitivity) -> None:
        try:
            await _settled(lambda: self._taint.mark_answer(said.message(), sensitivity))
        except LedgerError:
            logger.error("an answer could not be remembered as sensitive; the taint store tries again")

    async def _complete(self, entry: int, request_id: str, status: str, sent: int, said: Transcript) -> None:
        usage = said.usage
        try:
            await _settled(
                lambda: self._ledger.record_completion(
                    entry,
                    request_id=request_id,
                    status=status,
                    bytes_sent=sent,
                    tokens_in=usage.prompt_tokens if usage is not None else None,
                    tokens_out=usage.completion_tokens if usage is not None else None,
                )
            )
        except LedgerError:
            logger.error("%s: the end of the answer could not be recorded in the ledger", request_id)


def _what_leaves(request: ChatRequest, decision: Decision, redaction: Redaction) -> ChatRequest:
    """What may go to the cloud: the request itself only where the decision says so, else its redacted form."""
    if decision.route == "cloud":
        return request
    if redaction.request is None:
        raise PrivacyRefused("This request may not leave as it is, and could not be redacted.")
    return redaction.request


def _restorer(redaction: Redaction, policy: Policy) -> AnswerRestorer:
    return AnswerRestorer(redaction.values, policy.may_restore, redaction.in_urls)


def _report(request_id: str, restorer: AnswerRestorer) -> None:
    """Stand-ins that were left in an answer, as numbers."""
    counts = restorer.counts()
    if counts["unknown"] or counts["withheld"]:
        logger.warning(
            "%s: %d stand-ins in the answer are unknown, %d were withheld from tools and URLs",
            request_id,
            counts["unknown"],
            counts["withheld"],
        )


async def _settled(call: Callable[[], T]) -> T:
    """Run a blocking call in a thread. A cancellation is raised only after the call has ended."""
    future = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait({future})
        if not future.cancelled():
            future.exception()
        raise
