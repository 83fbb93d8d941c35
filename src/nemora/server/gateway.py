"""A request is read, decided, recorded and answered. The one place where the privacy boundary is crossed.

    inspect -> taint -> classify -> decide -> (redact -> inspect) -> destination -> ledger -> backend -> taint, ledger

The destination is fixed before the first byte leaves. Whatever goes wrong after that is an error, never
another destination: a local model that is down is not replaced by the cloud, and nothing is retried. Only where the
policy says so, and while no byte has left, the local model answers for a cloud that cannot be connected to.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from nemora.backends.base import Backend, Tokenizes, at_hand, stream_for
from nemora.backends.meter import Sending, held_to
from nemora.core import ChatRequest, Delta, ResponseFormat
from nemora.errors import (
    BackendUnreachable,
    CapReached,
    LedgerError,
    LocalModelDown,
    NemoraError,
    OverrideNeeded,
    PrivacyRefused,
    RequestError,
    UnknownModel,
)
from nemora.privacy.decide import (
    Classified,
    Decision,
    Destination,
    Inspected,
    Wanted,
    decide,
    overridden,
    resolve_destination,
)
from nemora.privacy.disclosures import Disclosures, raised
from nemora.privacy.finding import Finding, Sensitivity
from nemora.privacy.ledger import Ledger
from nemora.privacy.ledger_rows import LedgerRow
from nemora.privacy.policy import DEFAULT_TENANT, Action, Policy
from nemora.privacy.policy_file import InForce, PolicyFile
from nemora.privacy.reasons import CLOUD_DOWN, explain
from nemora.privacy.restore import AnswerRestorer
from nemora.privacy.spending import Spending
from nemora.privacy.taint import TaintStore
from nemora.server.crossing import CloudBackend, Crossing, choose
from nemora.server.embedder import Embedder
from nemora.server.judge import Judging
from nemora.server.local_side import LocalModels
from nemora.server.metrics import Metrics
from nemora.server.overrides import REASON_HEADER, Override, Overrides
from nemora.server.readers import Inspects, ReadBy, ReadsDocuments, Unread
from nemora.server.records import Entry, Records, settled
from nemora.server.redaction import Redaction, Redactor
from nemora.server.shadow import Shadow
from nemora.server.started import started
from nemora.server.transcript import Transcript

logger = logging.getLogger("nemora.server")


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
    """Answers chat requests by the policy in force. Safe for concurrent requests on one event loop.

    Args:
        local: the backends on this side; the first answers what names no other.
        cloud: the backend on the far side, if one is configured.
        further_clouds: others, of which the policy may choose one.
        classify: the class and scores of what was inspected, with the class that the policy gives to a finding.
        policy: a policy, or a file of one that is watched.
        placeholder_key: the key for stand-ins; without one, what could leave redacted stays here.
        judging: the judge of what is uncertain; without one, the reading model's word stands.
        documents: reads documents; without one, a request with one stays here.
    """

    def __init__(
        self,
        *,
        local: Sequence[Backend],
        cloud: CloudBackend | None,
        inspection: Inspects,
        classify: Callable[[Any, Callable[[Finding], Sensitivity]], Classified],
        policy: Policy | PolicyFile,
        taint: TaintStore,
        ledger: Ledger,
        further_clouds: Sequence[CloudBackend] = (),
        placeholder_key: bytes | None = None,
        disclosures: Disclosures | None = None,
        judging: Judging | None = None,
        documents: ReadsDocuments | None = None,
    ) -> None:
        self.embedder: Embedder | None = None  # asked by the endpoints of embeddings only
        self.local_models: LocalModels | None = None
        self.local = tuple(local)
        self.cloud = cloud
        self.clouds = (*((cloud,) if cloud is not None else ()), *further_clouds)
        if any(b.trust != "local" for b in self.local) or any(b.trust != "cloud" for b in self.clouds):
            raise ValueError("a backend stands on the wrong side of the boundary")
        self.policies = policy if isinstance(policy, PolicyFile) else PolicyFile.fixed(policy)
        self._inspection = inspection
        self._classify = classify
        self._taint = taint
        self._disclosures = disclosures
        self._judging = judging
        self._documents = documents
        self._ledger = ledger
        self.metrics = Metrics()
        self._records = Records(ledger, self.metrics)
        self._placeholder_key = placeholder_key
        # The worker reads one request at a time. Those that wait must not hold the threads that ledger and taint need.
        self._reading = ThreadPoolExecutor(1, "inspection")
        self._spending = Spending(ledger)
        self._budget = asyncio.Lock()
        self._overrides = Overrides()
        self.shadow = Shadow(inspection, self._reading, classify, ledger)

    def add_local(self, backend: Backend) -> None:
        """Let one more model of this side be asked for by its name."""
        if backend.trust != "local" or backend.model in self.models():
            raise ValueError("no backend of this side with a name of its own")
        self.local = (*self.local, backend)

    def models(self) -> dict[str, str]:
        """The names that clients may ask for, and whose each is."""
        names = {"auto": "nemora", "local": "nemora"}
        names |= {self.embedder.name: "nemora"} if self.embedder is not None else {}
        for backend in (*self.local, *self.clouds):
            names.setdefault(backend.model, backend.name)
        return names

    async def ready(self) -> bool:
        """Whether the local model could answer now. The cloud is never asked."""
        return bool(self.local) and await self.local[0].ready()

    async def decision_of(self, request_id: str) -> LedgerRow | None:
        """The recorded decision on a request. Raises `LedgerError`."""
        return await asyncio.to_thread(self._ledger.decision_of, request_id)

    async def policy(self) -> InForce:
        """The policy in force, after a look at its file if one is due. A request keeps what it gets here."""
        if self.policies.due():
            state = await asyncio.to_thread(self.policies.refresh)
            self._taint.keep(state.policy.taint_days)
        return self.policies.in_force

    async def answer(
        self,
        request: ChatRequest,
        *,
        request_id: str | None = None,
        tenant: str = DEFAULT_TENANT,
        override: Override | None = None,
    ) -> Answer:
        """Decide on `request` and start its answer; nothing has been sent when this returns.

        One exception: where the policy lets the local model answer for a cloud that is down, the cloud's answer has
        begun when this returns.

        Raises:
            UnknownModel: no such model.
            PrivacyRefused: the policy blocks it, or keeps it from the model that it names; or the override is no good.
            OverrideNeeded: the policy asks the user, who may send it again with the token that this holds.
            CapReached: the cloud was named, and the day's costs are spent.
            LocalModelDown: it must be answered here and there is no local model.
            LedgerError: the cloud was named, and nothing can be recorded.
        """
        request_id = request_id or f"req_{secrets.token_hex(12)}"
        in_force = await self.policy()
        policy = in_force.policy.for_tenant(tenant)
        wanted, named = self._wanted(request)
        if request.questions and wanted != "local":
            raise RequestError("Decisions are answered on this machine only; ask for the model local.", param="/model")
        if self._documents is not None:
            request = await self._documents.read(request)
        may_ask = bool(self.clouds) and wanted != "local"
        decision, taint_ok = await self._decide(request, policy, tenant, judging=self._judging if may_ask else None)
        crossing = choose(policy, decision, request, self.clouds, named)
        redaction = Redaction("")
        if taint_ok and wanted != "local" and crossing.backend is not None:
            redaction = await self._redact(request, decision, policy, tenant)
        # With a cap, one request after the other: what the one reserves, the next must see.
        async with self._budget if policy.usd_per_day is not None else contextlib.nullcontext():
            if policy.usd_per_day is not None:
                crossing = await self._within_cap(crossing, policy.usd_per_day, decision, request, tenant)
            if taint_ok and wanted != "local":
                decision = await self._asked(decision, crossing, policy, request, request_id, tenant, override)
            try:
                destination = self._resolve(decision, wanted, crossing, taint_ok=taint_ok, redaction=redaction.outcome)
            except (PrivacyRefused, CapReached):
                why = [crossing.obstacle] if crossing.obstacle is not None and decision.route == "cloud" else []
                await self._records.refusal(decision, request_id, tenant, request.endpoint, *why)
                raise
            backend = self._backend(destination, named, crossing)
            sent = _what_leaves(request, decision, redaction) if destination.side == "cloud" else request
            if sent is not request:
                destination = replace(destination, reasons=(*destination.reasons, *redaction.codes()))
            body = await asyncio.to_thread(self._body, backend, destination, sent)
            entry: Entry | None = None
            try:
                reserved = crossing.most(body, request) if destination.side == "cloud" else None
                if destination.side == "cloud" and self._disclosures is not None:
                    await asyncio.to_thread(self._disclosures.left, sent.messages, tenant)
                entry = await self._records.decision(
                    decision, destination, backend, body, request_id, tenant, crossing, reserved, request.endpoint
                )
            except LedgerError:
                destination = self._resolve(decision, wanted, crossing, taint_ok=taint_ok, ledger_ok=False)
                backend, body, sent = self._backend(destination, named, crossing), b"", request
        self.metrics.decided(destination.side, decision, destination.reasons)
        self._watch(in_force, policy, request, decision, entry, request_id)
        is_redacted = sent is not request
        # Without taint nobody knows what the conversation was, and the answer may hold any of it.
        remembered = decision.sensitivity if taint_ok else Sensitivity.SECRET
        restorer = _restorer(redaction, policy, request.response_format) if is_redacted else None
        answer = Answer(
            request_id=request_id,
            decision=decision,
            destination=destination,
            backend=backend.name,
            model=backend.model,
            recorded=entry is not None,
            redacted=redaction.counts if is_redacted else None,
            deltas=self._deltas(sent, remembered, destination, backend, entry, body, request_id, tenant, restorer),
        )
        may_stand_in = policy.when_down == "local" and wanted == "auto" and bool(self.local)
        if destination.side == "local" or not may_stand_in:
            return answer
        try:
            return replace(answer, deltas=await started(answer.deltas))
        except BackendUnreachable:
            return await self._stand_in(request, decision, request_id, tenant)

    async def count_tokens(self, request: ChatRequest) -> int:
        """Tokens of `request` as the local model that it names reads it, or else the one that is loaded. No cloud is
        asked, and no model swapped.

        Raises:
            UnknownModel: no such model.
            LocalModelDown: there is no local model.
            ModelNotLoaded: it names a local model, and another one is loaded.
            RequestError: the local side is a server elsewhere, or the request cannot be rendered.
        """
        _, named = self._wanted(request)
        if not self.local:
            raise LocalModelDown("There is no local model to count tokens with.")
        backend = named if named is not None and named.trust == "local" else at_hand(self.local)
        if not isinstance(backend, Tokenizes):
            raise RequestError("Tokens are counted only by a model that runs in this process, and this is another's.")
        if self._documents is not None:
            request = await self._documents.read(request)
        return len(await backend.tokenize(request))

    async def _stand_in(self, request: ChatRequest, decision: Decision, request_id: str, tenant: str) -> Answer:
        """The local model's answer in place of a cloud that no connection could be made to: nothing has left."""
        destination, backend = Destination("local", (CLOUD_DOWN, *decision.reasons)), self.local[0]
        entry: Entry | None = None
        self.metrics.decided("local", decision, destination.reasons)
        try:
            entry = await self._records.decision(
                decision, destination, backend, b"", request_id, tenant, Crossing(), None, request.endpoint
            )
        except LedgerError:
            logger.error("%s: the ledger cannot be written; answered here without a row", request_id)
        return Answer(
            request_id=request_id,
            decision=decision,
            destination=destination,
            backend=backend.name,
            model=backend.model,
            recorded=entry is not None,
            deltas=self._deltas(request, decision.sensitivity, destination, backend, entry, b"", request_id, tenant),
        )

    async def close(self) -> None:
        """Close everything that was given to this gateway."""
        await self.shadow.settled()
        for backend in (*self.local, *self.clouds):
            await backend.close()
        stores = (self._inspection, self._documents, self._judging, self._taint, self._disclosures, self._ledger)
        for store in stores:
            if store is not None:
                await asyncio.to_thread(store.close)
        if self.embedder is not None:
            await self.embedder.close()
        self._reading.shutdown(wait=False, cancel_futures=True)

    def _wanted(self, request: ChatRequest) -> tuple[Wanted, Backend | None]:
        """What the client asks for by a model's name, and the very backend if it names one."""
        model = request.model
        if model == "auto":
            return ("local" if request.raw else "auto"), None
        if model == "local":
            return "local", None
        for backend in self.local:
            if model in (backend.model, backend.name):
                return "local", backend
        for cloud in self.clouds:
            if model in (cloud.model, cloud.name):
                if request.raw:
                    raise RequestError("This endpoint is answered here only; ask for the model local.", param="/model")
                return "cloud", cloud
        raise UnknownModel("There is no model of that name; GET /v1/models lists the names.", param="/model")

    async def _within_cap(
        self, crossing: Crossing, usd_per_day: float, decision: Decision, request: ChatRequest, tenant: str
    ) -> Crossing:
        """`crossing`, or the obstacle that its cost would be over the day's cap."""
        if crossing.backend is None or decision.action.strictness >= Action.LOCAL.strictness:
            return crossing
        try:
            spent = await asyncio.to_thread(self._spending.today, tenant)
        except LedgerError:
            self.metrics.store_failed("ledger")
            return Crossing(obstacle="ledger_unavailable")
        body = await asyncio.to_thread(crossing.backend.outbound, request)
        over = spent + (crossing.most(body, request) or 0) > usd_per_day * 1_000_000
        return Crossing(obstacle="cap") if over else crossing

    async def _asked(
        self,
        decision: Decision,
        crossing: Crossing,
        policy: Policy,
        request: ChatRequest,
        request_id: str,
        tenant: str,
        override: Override | None,
    ) -> Decision:
        """The decision with the user's override, where the policy asks for one and somebody could have the request."""
        may_ask = decision.action is Action.ASK and decision.sensitivity < Sensitivity.SECRET and decision.complete
        if not may_ask or crossing.backend is None or crossing.destination is None:
            return decision
        body = await asyncio.to_thread(crossing.backend.outbound, request)
        to_whom = "\0".join(("override", tenant, policy.id, crossing.destination.name, crossing.backend.name, ""))
        bound = bytes.fromhex(self._ledger.body_digest(to_whom.encode() + body))
        if override is None:
            if not await self._records.refusal(decision, request_id, tenant, request.endpoint, "override_needed"):
                return decision
            raise OverrideNeeded(
                f"The policy asks before this request may leave: {explain(decision.reasons[0])}; send it again with "
                "the headers X-Nemora-Override and X-Nemora-Reason, or ask for the model local.",
                token=self._overrides.issue(bound, policy.ask_seconds),
                reasons=policy.ask_reasons,
                seconds=policy.ask_seconds,
            )
        if override.reason not in policy.ask_reasons:
            raise RequestError(f"X-Nemora-Reason must be one of: {', '.join(policy.ask_reasons)}.", param=REASON_HEADER)
        try:
            self._overrides.redeem(override.token, bound)
        except PrivacyRefused:
            await self._records.refusal(decision, request_id, tenant, request.endpoint, "override_refused")
            raise
        return overridden(decision, override.reason)

    def _watch(
        self,
        in_force: InForce,
        policy: Policy,
        request: ChatRequest,
        decision: Decision,
        entry: Entry | None,
        request_id: str,
    ) -> None:
        if in_force.shadow is not None and entry is not None:
            self.shadow.watch(
                in_force.shadow.for_tenant(entry.tenant),
                policy,
                request,
                decision,
                entry=entry.seq,
                request_id=request_id,
                tenant=entry.tenant,
                servers=[cloud.name for cloud in self.clouds],
            )

    async def _decide(
        self, request: ChatRequest, policy: Policy, tenant: str, *, judging: Judging | None = None
    ) -> tuple[Decision, bool]:
        """The decision, and whether taint could be read and written."""
        inspection: Inspected = Unread()
        classification: Classified = Unread()
        began, failed = time.monotonic(), True
        try:
            loop = asyncio.get_running_loop()
            inspection = await loop.run_in_executor(self._reading, self._inspection.inspect, request, policy.reading)
            classification = self._classify(inspection, policy.class_of)
            failed = bool(getattr(inspection, "failures", ()))
        except Exception as error:  # noqa: BLE001 - whatever fails here, the request counts as unread
            logger.error("inspection failed with %s; the request counts as sensitive", type(error).__name__)
            inspection = Unread(inspection.findings)
        self.metrics.inspected(time.monotonic() - began, failed=failed)
        taint, taint_ok = Sensitivity.PUBLIC, True
        try:
            taint = await asyncio.to_thread(self._taint.lookup, request.messages)
        except LedgerError:
            taint_ok = False
        decision = decide(inspection, classification, taint, policy)
        if judging is not None:

            def decided(seen: Inspected) -> Decision:
                return decide(seen, self._classified(policy, seen), taint, policy)

            seen = await judging.judged(request, inspection, decided)
            decision = decision if seen is inspection else decided(seen)
        try:
            if self._disclosures is not None:
                kinds = await asyncio.to_thread(self._disclosures.together, request.messages, tenant)
                decision = raised(decision, kinds, policy)
            if taint_ok or decision.sensitivity > Sensitivity.PUBLIC:  # not as public what nobody could look up
                await settled(lambda: self._taint.remember(request.messages, decision))
        except LedgerError:
            taint_ok = False
        if not taint_ok:
            self.metrics.store_failed("taint")
            logger.error("the taint store cannot be used; nothing leaves until it can")
        return decision, taint_ok

    async def _redact(self, request: ChatRequest, decision: Decision, policy: Policy, tenant: str) -> Redaction:
        """`request` redacted, where the policy says so; what would be sent is read by the same policy again."""
        if decision.action is not Action.REDACT or self._placeholder_key is None:
            return Redaction("")
        redactor = Redactor(self._placeholder_key, ReadBy(self._inspection, policy.reading))
        classify = partial(self._classified, policy)
        redact = partial(redactor.redact, request, decision, policy=policy, classify=classify, tenant=tenant)
        return await asyncio.get_running_loop().run_in_executor(self._reading, redact)

    def _classified(self, policy: Policy, inspection: Inspected) -> Classified:
        return self._classify(inspection, policy.class_of)

    def _resolve(
        self,
        decision: Decision,
        wanted: Wanted,
        crossing: Crossing,
        *,
        taint_ok: bool,
        ledger_ok: bool = True,
        redaction: str = "",
    ) -> Destination:
        return resolve_destination(
            decision,
            wanted=wanted,
            has_cloud=bool(self.clouds),
            has_local=bool(self.local),
            ledger_ok=ledger_ok,
            taint_ok=taint_ok,
            obstacle=crossing.obstacle,
            redaction=redaction,
        )

    def _backend(self, destination: Destination, named: Backend | None, crossing: Crossing) -> Backend:
        if destination.side == "cloud":
            assert crossing.backend is not None  # resolve_destination has seen to that
            return crossing.backend
        return named if named is not None and named.trust == "local" else self.local[0]

    def _body(self, backend: Backend, destination: Destination, request: ChatRequest) -> bytes:
        """The bytes that will leave: none for a local answer."""
        sender = next((cloud for cloud in self.clouds if cloud.name == backend.name), None)
        return sender.outbound(request) if destination.side == "cloud" and sender is not None else b""

    async def _deltas(
        self,
        request: ChatRequest,
        remembered: Sensitivity,
        destination: Destination,
        backend: Backend,
        entry: Entry | None,
        body: bytes,
        request_id: str,
        tenant: str,
        restorer: AnswerRestorer | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """The backend's stream, with real values restored; when it ends, for whatever reason, taint and ledger hear
        of it. `remembered` is the class that a local or restored answer keeps."""
        said = Transcript(request.choices)
        status = "cancelled"
        body_bytes = len(body)
        sending = Sending.of(backend.name, body if destination.side == "cloud" else None)
        stream = held_to(sending, stream_for(backend, tenant, request))
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
            await stream.aclose()
            status, body_bytes = self._records.checked(sending, request_id, status, body_bytes)
            if restorer is not None:
                _report(request_id, restorer)
            if (destination.side == "local" or restorer is not None) and remembered > Sensitivity.PUBLIC:
                await self._mark_answer(said, remembered)
            if entry is not None:
                await self._records.completion(entry, request_id, status, body_bytes, said)

    async def _mark_answer(self, said: Transcript, sensitivity: Sensitivity) -> None:
        try:
            for message in said.messages():
                await settled(partial(self._taint.mark_answer, message, sensitivity))
        except LedgerError:
            self.metrics.store_failed("taint")
            logger.error("an answer could not be remembered as sensitive; the taint store tries again")


def _what_leaves(request: ChatRequest, decision: Decision, redaction: Redaction) -> ChatRequest:
    """What may go to the cloud: the request itself only where the decision says so, else its redacted form."""
    if decision.route == "cloud":
        return request
    if redaction.request is None:
        raise PrivacyRefused("This request may not leave as it is, and could not be redacted.")
    return redaction.request


def _restorer(redaction: Redaction, policy: Policy, form: ResponseFormat | None) -> AnswerRestorer:
    is_json = form is not None and form.form in ("json_object", "json_schema")
    return AnswerRestorer(redaction.values, policy.may_restore, redaction.in_urls, json_text=is_json)


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
