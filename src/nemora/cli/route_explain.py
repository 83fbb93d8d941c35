"""`nemora route --explain`: what was found and where, the rule, the policy's line, and what would change the decision.

The text itself is shown to its owner on the terminal, marked; the form for scripts holds no text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from nemora.cli.asking import CONTROLS
from nemora.core import ChatRequest, OpaquePart
from nemora.privacy.decide import Decision
from nemora.privacy.explain import Change, distances, policy_line, what_would_change
from nemora.privacy.finding import Finding
from nemora.privacy.policy import Action
from nemora.privacy.reasons import REDACTED, explain
from nemora.privacy.topics import MATTERS

if TYPE_CHECKING:
    from nemora.cli.route import Reading

CONTENT = ("/messages/0/content", "/messages/0/content/0/text")
_PART = re.compile(r"/messages/(\d+)/content/(\d+)(?:/(.+))?", re.ASCII)


class Explainer:
    """Explains decisions of one reading; `policy` is the policy's file, None for the default."""

    def __init__(self, reading: Reading, policy: Path | None) -> None:
        self._reading = reading
        self._file = policy
        self._source = policy.read_text(encoding="utf-8") if policy is not None else None

    def explained(self, request: ChatRequest) -> tuple[Decision, dict[str, Any]]:
        """The decision, and its explanation as JSON without any text."""
        request = self._reading.read(request)
        inspection = self._reading.inspect(request)
        decision = self._reading.decide(inspection)

        def again(findings: tuple[Finding, ...]) -> Decision:
            return self._reading.decide(_Read(findings, inspection.complete))

        change = what_would_change(decision, again)
        line = policy_line(decision, self._reading.policy, self._source)
        answer: dict[str, Any] = {
            "rule": decision.reasons[0],
            "meaning": explain(decision.reasons[0]),
            "policy_line": {"key": line.key, "value": line.value, "line": line.line},
            "thresholds": distances(decision, self._reading.policy),
            "would_change": None if change is None else _change(change),
        }
        if request.opaque_parts():
            answer["documents"] = [_document(part) for part in request.opaque_parts()]
        if decision.action is Action.REDACT:
            redaction = self._reading.redact(request, decision)
            answer["redaction"] = {"outcome": redaction.outcome, "replaced": dict(redaction.counts)}
        return decision, answer

    def show(self, text: str, request: ChatRequest, console: Console) -> None:
        """The explanation for people, with the text and what was found in it marked."""
        request = self._reading.read(request)
        decision, found = self.explained(request)
        console.print(f"decision: [bold]{decision.action.value}[/]   class: {decision.sensitivity.word}")
        console.print(marked(text, decision.findings), soft_wrap=True)
        for document in found.get("documents", ()):
            console.print(escape(_sentence(document)))
        for finding in decision.findings:
            console.print(escape(self._found(finding, request)))
        console.print(f"rule: {found['rule']} ({found['meaning']})")
        line = found["policy_line"]
        place = f"{self._file}, line {line['line']}" if line["line"] is not None else "the built-in default"
        console.print(escape(f'policy: {line["key"]} = "{line["value"]}" ({place})'))
        for sentence in _sentences(found):
            console.print(sentence)

    def _found(self, finding: Finding, request: ChatRequest) -> str:
        least = self._reading.policy.min_confidence
        where = "" if finding.where in CONTENT else f" {_place(finding.where, request)}"
        counts = "counts" if finding.confidence >= least else "does not count"
        return (
            f"  {finding.name}{where}, characters {finding.start}-{finding.end}: confidence {finding.confidence:.2f}, "
            f"the policy's least is {least:.2f}: {counts} (found by {finding.detector})"
        )


def _document(part: OpaquePart) -> dict[str, Any]:
    """What was read of a document, without any of its text."""
    if part.read is None:
        return {"kind": part.kind, "passages": 0, "complete": False, "unread": ["not_read"]}
    read = part.read
    return {
        "kind": read.kind,
        "passages": len(read.passages),
        "complete": read.complete,
        "unread": list(read.unread),
    }


def _sentence(document: dict[str, Any]) -> str:
    lack = "" if document["complete"] else f", not all of it: {', '.join(document['unread'])}"
    return f"  document ({document['kind']}), passages read: {document['passages']}{lack}"


def _place(where: str, request: ChatRequest) -> str:
    """A pointer as words: `in document 1 (pdf), page 3`."""
    found = _PART.fullmatch(where)
    content = request.messages[int(found[1])].content if found is not None else None
    part = content[int(found[2])] if found is not None and isinstance(content, tuple) else None
    if found is None or not isinstance(part, OpaquePart):
        return f"at {where}"
    number = [id(each) for each in request.opaque_parts()].index(id(part)) + 1
    kind = part.read.kind if part.read is not None else part.kind
    return f"in document {number} ({kind})" + (f", {found[3].replace('/', ' ')}" if found[3] else "")


class _Read:
    """What was read, with other findings."""

    def __init__(self, findings: tuple[Finding, ...], complete: bool) -> None:
        self.findings = findings
        self.complete = complete
        self.weak: tuple[Finding, ...] = ()


def _change(change: Change) -> dict[str, Any]:
    return {"without": change.without, "then": change.action.value, "obstacle": change.obstacle or None}


def _sentences(found: dict[str, Any]) -> list[str]:
    change, redaction = found["would_change"], found.get("redaction")
    if redaction is not None:
        if redaction["outcome"] == REDACTED:
            replaced = ", ".join(f"{kind} x {count}" for kind, count in redaction["replaced"].items())
            return [f"redaction: it leaves with these replaced: {replaced}"]
        return [f"redaction: it stays here, for {explain(redaction['outcome'])}"]
    if change is None:
        return ["nothing keeps it here"]
    if change["obstacle"]:
        return [f"what would change it: no finding; {explain(change['obstacle'])}"]
    kinds = ", ".join(f"{kind} x {count}" for kind, count in change["without"].items())
    how = "as it is" if change["then"] == "cloud" else "redacted"
    return [f"what would change it: without {kinds} it could leave {how}"]


def marked(text: str, findings: tuple[Finding, ...]) -> Text:
    """`text` without control characters; what was found is underlined and followed by its kind in brackets."""
    spans = sorted(
        {(f.start, f.end, f.name) for f in findings if f.where in CONTENT and f.kind not in MATTERS and f.end > f.start}
    )
    shown, at = Text(), 0
    for start, end, name in spans:
        if start < at:
            continue
        shown.append(CONTROLS.sub("", text[at:start]))
        shown.append(CONTROLS.sub("", text[start:end]), style="bold underline")
        shown.append(f"[{name}]", style="dim")
        at = end
    shown.append(CONTROLS.sub("", text[at:]))
    return shown
