"""What was found, plus the owner's policy, becomes one decision; a decision becomes one destination.

Both functions are pure. Everything can only raise a decision's strictness: another finding, a taint, a
reading that was not complete. Nothing inside a request lowers it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from nemora.errors import CapReached, LedgerError, LocalModelDown, PrivacyRefused, UnknownModel
from nemora.privacy.finding import CATALOGUE, FACTS, Finding, Kind, Sensitivity
from nemora.privacy.policy import Action, Policy, WithoutLocal, strictest
from nemora.privacy.reasons import JUDGE, JUDGE_UNAVAILABLE, REDACTED, explain

Side = Literal["cloud", "local"]
Route = Literal["cloud", "local", "refuse"]
Wanted = Literal["auto", "local", "cloud"]


class Inspected(Protocol):
    """What was read: findings, whether everything could be read, and what is worth a stand-in at most."""

    @property
    def findings(self) -> tuple[Finding, ...]: ...
    @property
    def complete(self) -> bool: ...
    @property
    def weak(self) -> tuple[Finding, ...]: ...


class Classified(Protocol):
    """The class of a request by its findings, their combinations and its matter; a probability per category."""

    @property
    def sensitivity(self) -> Sensitivity: ...
    @property
    def scores(self) -> Mapping[str, float]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What may happen to one request. `reasons` are stable codes, the most decisive first; see `explain`.

    `action` is what the policy says, `route` what this version does about it.
    """

    action: Action
    sensitivity: Sensitivity
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    scores: Mapping[str, float]
    policy_id: str
    counted: tuple[Finding, ...] = ()
    """The findings that count under the policy: certain enough, and of a kind that is not public there."""
    weak: tuple[Finding, ...] = ()
    """What counts for no decision, and is replaced where the request leaves redacted."""
    without_local: WithoutLocal = "block"
    """What the policy wants when the request must stay here and there is no local model."""
    complete: bool = True
    """Whether all of the request could be read."""
    taint: Sensitivity = Sensitivity.PUBLIC
    """What the conversation was before."""
    override: str = ""
    """Why the user lets a request out for which the policy asks; set by `overridden` alone."""

    @property
    def route(self) -> Route:
        """Where the request may go as it is. `redact` may leave redacted, `ask` with the user's override."""
        if self.action is Action.CLOUD or (self.action is Action.ASK and self.override):
            return "cloud"
        return "refuse" if self.action is Action.BLOCK else "local"

    def kinds(self) -> dict[str, int]:
        """How many findings of each kind there are, in the catalogue's order; own entities as `entity:NAME`."""
        counts: dict[str, int] = {}
        for finding in _by_catalogue(self.findings):
            counts[finding.name] = counts.get(finding.name, 0) + 1
        return counts


@dataclass(frozen=True, slots=True)
class Destination:
    """The side of the boundary that answers, and the reasons: those of the decision, with what changed it in front."""

    side: Side
    reasons: tuple[str, ...]


def decide(inspection: Inspected, classification: Classified, taint: Sensitivity, policy: Policy) -> Decision:
    """The decision on one request.

    The class is the highest of: what each finding earns under `policy`, `classification`, `taint`, and
    confidential if the reading was not complete. The action is the strictest of the class's, the findings'
    own, and `local` for what could not be read.
    """
    judged = [policy.class_of(finding) for finding in inspection.findings]
    by_finding = max(judged, default=Sensitivity.PUBLIC)
    known = classification.sensitivity in list(Sensitivity) and taint in list(Sensitivity)
    parts = [by_finding]
    parts += [c if c in list(Sensitivity) else Sensitivity.SECRET for c in (classification.sensitivity, taint)]
    if not inspection.complete:
        parts.append(Sensitivity.CONFIDENTIAL)
    sensitivity = max(parts)
    actions = [policy.action_for(sensitivity), *(policy.action_of(finding) for finding in inspection.findings)]
    if not inspection.complete or not known:
        actions.append(Action.LOCAL)
    action = strictest(*actions)
    return Decision(
        action=action,
        sensitivity=sensitivity,
        reasons=_reasons(inspection, classification, taint, policy, sensitivity, action),
        findings=inspection.findings,
        scores=dict(classification.scores),
        policy_id=policy.id,
        counted=tuple(f for f in inspection.findings if _counts(f, policy)),
        weak=tuple(f for f in inspection.weak if policy.class_of(f) > Sensitivity.PUBLIC),
        without_local=policy.no_local_model.get(sensitivity, "block"),
        complete=inspection.complete,
        taint=taint if taint in list(Sensitivity) else Sensitivity.SECRET,
    )


def overridden(decision: Decision, reason: str) -> Decision:
    """`decision` with the user's word that this request may leave. `reason` is one of the policy's.

    Raises:
        ValueError: the policy did not ask, or no user may let this out: a secret, or what could not be read.
    """
    if decision.action is not Action.ASK or decision.sensitivity is Sensitivity.SECRET or not decision.complete:
        raise ValueError("nobody may override this decision")
    return dataclasses.replace(decision, override=reason, reasons=(f"override:{reason}", *decision.reasons))


def _reasons(
    inspection: Inspected,
    classification: Classified,
    taint: Sensitivity,
    policy: Policy,
    sensitivity: Sensitivity,
    action: Action,
) -> tuple[str, ...]:
    """Codes with the weight that each has, sorted: what blocks, then by class, in the order written here."""
    weighed: list[tuple[int, int, str]] = []

    def add(action_of: Action, class_of: Sensitivity, code: str) -> None:
        weighed.append((-action_of.strictness, -int(class_of), code))

    by_finding = Sensitivity.PUBLIC
    for finding in _by_catalogue(inspection.findings):
        own, own_class = policy.action_of(finding), policy.class_of(finding)
        by_finding = max(by_finding, own_class)
        if _counts(finding, policy):
            code = finding.name if finding.kind is Kind.CUSTOM else f"finding:{finding.kind}"
            if finding.detector == JUDGE:
                code = JUDGE_UNAVAILABLE if finding.kind is Kind.UNREADABLE else _judged(finding.kind)
            add(strictest(own, policy.action_for(own_class)), own_class, code)
    if not inspection.complete:
        floor = Sensitivity.CONFIDENTIAL
        add(strictest(Action.LOCAL, policy.action_for(floor)), floor, "incomplete")
    if classification.sensitivity not in list(Sensitivity) or taint not in list(Sensitivity):
        add(strictest(Action.LOCAL, policy.action_for(sensitivity)), sensitivity, "unknown_class")
    elif classification.sensitivity > by_finding:
        add(
            policy.action_for(classification.sensitivity),
            classification.sensitivity,
            _evidence(inspection, policy, classification),
        )
    if taint in list(Sensitivity) and taint > Sensitivity.PUBLIC:
        add(policy.action_for(taint), taint, f"taint:{taint.word}")
    weighed.sort(key=lambda entry: entry[:2])  # stable: equals keep the order above
    codes = [code for _, _, code in weighed]
    return tuple(dict.fromkeys([*codes, f"class:{sensitivity.word}"]))


def _judged(kind: Kind) -> str:
    return f"{JUDGE}:{CATALOGUE[kind].category}"


def _counts(finding: Finding, policy: Policy) -> bool:
    return policy.class_of(finding) > Sensitivity.PUBLIC or policy.action_of(finding) is not Action.CLOUD


def _evidence(inspection: Inspected, policy: Policy, classification: Classified) -> str:
    """Why the classification is above every single finding: several kinds together, or the matter itself."""
    told = (f for f in _by_catalogue(inspection.findings) if policy.class_of(f) > 0 or f.kind in FACTS)
    kinds = dict.fromkeys(f.kind.value for f in told)
    return f"combination:{'+'.join(kinds)}" if len(kinds) > 1 else f"classifier:{classification.sensitivity.word}"


def _by_catalogue(findings: Iterable[Finding]) -> list[Finding]:
    order = list(CATALOGUE)
    return sorted(findings, key=lambda finding: order.index(finding.kind))


def resolve_destination(
    decision: Decision,
    *,
    wanted: Wanted,
    has_cloud: bool,
    has_local: bool = True,
    ledger_ok: bool = True,
    taint_ok: bool = True,
    obstacle: str | None = None,
    redaction: str = "",
) -> Destination:
    """Which side answers. It is fixed by this call: no failure afterwards moves a request to the other side.

    Args:
        wanted: "auto" lets the router choose; "local" and "cloud" are what the client named. Naming the
            cloud is a wish: it never lowers a decision.
        has_cloud: a server with `trust = "cloud"` is configured.
        has_local: a local model is configured (not: whether it is up; that is an error when it is asked).
        ledger_ok: a decision can be recorded. If not, nothing goes to the cloud.
        taint_ok: taint could be read. If not, nothing goes to the cloud.
        obstacle: why no cloud server may have a request that could leave: `no_destination`, `no_such_part` or `cap`.
        redaction: `REDACTED` if what would be sent is redacted and was read again, else why it could not be
            redacted, or "" where nobody tried. Only a decision of `redact` heeds it.

    Raises:
        PrivacyRefused: the policy blocks the request, the cloud was named and may not have it, or it must
            stay here, no local model is there, and the policy blocks it then.
        CapReached: the cloud was named, and the day's costs are spent.
        LocalModelDown: it must be answered here and there is no local model.
        UnknownModel: the cloud was named and none is configured.
        LedgerError: the cloud was named, may have it, and the ledger or the taint store does not work.
    """
    if decision.route == "refuse":
        raise PrivacyRefused(f"The policy blocks this request: {explain(decision.reasons[0])}.")
    obstacles = [
        code for code, there in (("taint_unavailable", not taint_ok), ("ledger_unavailable", not ledger_ok)) if there
    ]
    tried = redaction if decision.action is Action.REDACT else ""
    may_leave = decision.route == "cloud" or tried == REDACTED
    reasons = (tried, *decision.reasons) if tried else decision.reasons
    if wanted == "cloud":
        return _named_cloud(may_leave, reasons, has_cloud, obstacles, obstacle)
    if obstacle is not None and has_cloud and may_leave:
        obstacles.append(obstacle)
    if may_leave:
        if wanted == "auto" and has_cloud and not obstacles:
            return Destination("cloud", reasons)
        first = ["asked_local"] if wanted == "local" else (obstacles or ["no_cloud"])
    else:
        first = [tried] if tried else []
    if not has_local:
        if decision.without_local == "block":
            raise PrivacyRefused(
                f"This request must stay on this machine and there is no local model: {explain(decision.reasons[0])}."
            )
        raise LocalModelDown("There is no local model to answer this request; configure one under [local].")
    return Destination("local", tuple(dict.fromkeys((*first, *decision.reasons, *obstacles))))


def _named_cloud(
    may_leave: bool, reasons: tuple[str, ...], has_cloud: bool, obstacles: Sequence[str], obstacle: str | None
) -> Destination:
    if not may_leave:
        raise PrivacyRefused(
            f"This request may not go to the model that it names: {explain(reasons[0])}; "
            "ask for the model auto or local."
        )
    if not has_cloud:
        raise UnknownModel("No cloud server is configured; ask for the model auto or local.", param="model")
    if obstacles:
        raise LedgerError(f"Nothing can go to the cloud now: {explain(obstacles[0])}; ask for the model auto or local.")
    if obstacle == "cap":
        raise CapReached(f"This request may not go to the model that it names: {explain(obstacle)}.")
    if obstacle is not None:
        raise PrivacyRefused(
            f"This request may not go to the model that it names: {explain(obstacle)}; ask for the model auto or local."
        )
    return Destination("cloud", reasons)
