"""The judgement on one world of the boundary campaign: what arrived, against the policies, the ledger and the logs.

It sees bytes that servers kept, rows of the ledger, and the policies as the campaign drew them; nothing of how the
gateway decided. Whatever is wrong is a problem, with a name and a line that holds no more than kinds.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from campaign_needles import CLASSES, Needle, found_in
from campaign_peers import Recorder
from campaign_policies import STRICTNESS, Rules
from nemora.privacy.ledger import Ledger
from nemora.privacy.ledger_rows import LedgerRow

HEADERS = {
    *("host", "accept", "accept-encoding", "content-type", "user-agent", "content-length", "connection"),
    *("authorization", "x-api-key", "anthropic-version"),
}
PATHS = {"openai": b"POST /v1/chat/completions HTTP/1.1", "anthropic": b"POST /v1/messages HTTP/1.1"}


@dataclass
class Watched:
    """What a world knows of one needle: under which policies it was asked about, and how often the user let it out."""

    rules: set[str] = field(default_factory=set)
    """Ids of the policies that were in force at some time while a request with it was under way."""
    granted: int = 0


@dataclass
class Evidence:
    """All of one world."""

    clouds: list[Recorder]
    elsewhere: Recorder
    ledger: Ledger
    rules: dict[str, Rules]
    watched: dict[Needle, Watched]
    tokens: int
    """Override tokens that were given back with the very request that they were made for."""
    said: list[str]
    """Error bodies, headers, metrics, explanations and log lines: none may hold a needle."""


@dataclass
class Verdict:
    """Problems by name, with lines for people; and what shows that the campaign could have seen one."""

    problems: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    bodies: int = 0
    bytes: int = 0
    needles_that_may: int = 0
    """Needles that arrived where the policy lets them go."""
    redacted: int = 0
    overridden: int = 0

    def add(self, name: str, line: str) -> None:
        self.problems[name] += 1
        self.lines.append(f"{name}: {line}")


def judge(evidence: Evidence) -> Verdict:
    """Look at everything."""
    verdict = Verdict()
    rows = evidence.ledger.rows()
    for cloud in evidence.clouds:
        _heads(cloud, verdict)
        by_body = _bodies(cloud, rows, evidence, verdict)
        _needles(cloud, by_body, evidence, verdict)
    if evidence.elsewhere.raw:
        verdict.add("elsewhere", f"{len(evidence.elsewhere.raw)} bytes reached a host that nobody configured")
    for row in rows:
        if row.kind == "decision" and row.route == "cloud":
            _row(row, evidence.rules, verdict)
    verdict.redacted = sum(row.kind == "decision" and row.route == "cloud" and row.action == "redact" for row in rows)
    if verdict.overridden > evidence.tokens:
        verdict.add("token_twice", f"{verdict.overridden} left by a user's word, {evidence.tokens} were let out")
    found = evidence.ledger.verify()
    if not found.intact:
        verdict.add("ledger_not_intact", found.problem)
    told = "\n".join([*evidence.said, repr(rows)]).encode("utf-8", "surrogatepass")
    for needle in found_in(evidence.watched, told):
        verdict.add("told", f"a {needle.kind} is in an error, a header, a page, a row or the log")
    return verdict


def _heads(cloud: Recorder, verdict: Verdict) -> None:
    for head, _ in cloud.requests:
        first, *lines = head.split(b"\r\n")
        names = {line.split(b":")[0].decode("latin-1").lower() for line in lines}
        if first != PATHS[cloud.api] or not names <= HEADERS:
            verdict.add("head", f"{cloud.name} was sent another head than ours")


def _bodies(
    cloud: Recorder, rows: list[LedgerRow], evidence: Evidence, verdict: Verdict
) -> list[tuple[bytes, list[LedgerRow]]]:
    """Each body that arrived with the rows that may be its own; what has none is a problem."""
    decisions: dict[str, list[LedgerRow]] = defaultdict(list)
    ends = {row.decision_seq: row for row in rows if row.kind == "completion"}
    for row in rows:
        if row.kind == "decision" and row.route == "cloud" and row.destination == cloud.name and row.body_digest:
            decisions[row.body_digest].append(row)
    arrived: Counter[str] = Counter()
    sizes: dict[str, int] = {}
    by_body = []
    for _, body in cloud.requests:
        digest = evidence.ledger.body_digest(body)
        arrived[digest] += 1
        sizes[digest] = len(body)
        by_body.append((body, decisions.get(digest, [])))
        verdict.bodies += 1
        verdict.bytes += len(body)
    for digest, count in arrived.items():
        own = decisions.get(digest, [])
        if len(own) < count:
            verdict.add("no_row", f"{count} bodies at {cloud.name}, {len(own)} rows")
        honest = [row for row in own if row.seq not in ends or ends[row.seq].bytes_sent == sizes[digest]]
        if len(own) >= count > len(honest):
            verdict.add("understated", f"{count} bodies at {cloud.name}, {len(honest)} ends say so")
        if own and all(row.details().get("override") for row in own):
            verdict.overridden += count
    return by_body


def _needles(
    cloud: Recorder, by_body: list[tuple[bytes, list[LedgerRow]]], evidence: Evidence, verdict: Verdict
) -> None:
    for needle in found_in(evidence.watched, bytes(cloud.raw)):
        watched = evidence.watched[needle]
        may = [evidence.rules[name].may(needle) for name in watched.rules]
        if not any(cloud.name in freely or (watched.granted and cloud.name in asked) for freely, asked in may):
            verdict.add(
                "needle",
                f"a {needle.kind} {needle.origin} reached {cloud.name}: {_how(needle, by_body, watched, evidence)}",
            )
            continue
        verdict.needles_that_may += 1
        for body, rows in by_body:
            if found_in([needle], body) and not any(_covers(row, needle, cloud.name, evidence.rules) for row in rows):
                verdict.add(
                    "needle_by_row",
                    f"a {needle.kind} {needle.origin} reached {cloud.name} under a row that does not cover it",
                )


def _how(
    needle: Needle, by_body: list[tuple[bytes, list[LedgerRow]]], watched: Watched, evidence: Evidence
) -> list[object]:
    """How something crossed, for people: the rows of its bodies, and the policies it was asked about under."""
    rows = [row for body, own in by_body if found_in([needle], body) for row in own[:1]]
    told: list[object] = [(r.action, r.sensitivity, r.reasons, r.policy_id) for r in rows]
    return told + [(name, evidence.rules[name].actions, evidence.rules[name].may(needle)) for name in watched.rules]


def _covers(row: LedgerRow, needle: Needle, server: str, rules: dict[str, Rules]) -> bool:
    """Whether the policy that a row names lets the needle go to the server as the row says."""
    own = rules.get(row.policy_id or "")
    if own is None or (row.action == "redact" and not own.is_no_value(needle)):
        return False
    freely, asked = own.may(needle)
    return server in freely or (server in asked and bool(row.details().get("override")))


def _row(row: LedgerRow, rules: dict[str, Rules], verdict: Verdict) -> None:
    """A row that lets something out must be one that its policy allows."""
    own = rules.get(row.policy_id or "")
    if own is None:
        verdict.add("row", "a policy that was never in force")
        return
    sure = row.details().get("confidence", {})
    least = own.min_confidence
    kinds = {
        "custom" if name.startswith("entity:") else name for name in row.counted_kinds() if sure.get(name, 1.0) >= least
    }
    sensitivity = CLASSES.index(row.sensitivity or "secret")
    action = own.action(sensitivity, kinds)
    if row.destination not in own.servers(sensitivity, kinds):
        verdict.add("row", f"class {row.sensitivity} went to {row.destination}")
    if row.action != action or STRICTNESS.index(action) >= STRICTNESS.index("local"):
        verdict.add("row", f"the action {row.action} where the policy says {action}")
    if action == "ask" and not row.details().get("override"):
        verdict.add("row", "asked for, and left without the user's word")
    if row.details().get("complete") is False:
        verdict.add("row", "left though it was not read completely")


def markers(text: str) -> list[str]:
    """The words in an answer of the local model that nothing but memory can keep."""
    return re.findall(r"titled ([a-z]{14})\b", text)
