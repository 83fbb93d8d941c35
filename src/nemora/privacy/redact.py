"""What was found in a request is replaced by stand-ins, everywhere in it, or the request stays here.

Replaced are whole values: each finding, widened to whole words, and whatever else in the request means the same value
(`mentions`). What cannot be replaced without damage, or without knowing where it stands, is a reason to stay:
encoded or unread content, a text that is sensitive as a whole, a value split over strings, a name of a tool, an id.

Text of the request that looks like a stand-in gets a stand-in of its own, so that it can neither be restored to
somebody's value nor be mistaken for one.
"""

from __future__ import annotations

import dataclasses
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nemora.core import ChatRequest, Message, TextPart
from nemora.privacy.candidates import in_identifier
from nemora.privacy.decode import decoded_layers
from nemora.privacy.finding import Finding, Kind
from nemora.privacy.inspect import chunks
from nemora.privacy.json_fields import DEEPEST, Field, fields_of
from nemora.privacy.mentions import Known, data_runs, readings, widened
from nemora.privacy.normalise import normalise
from nemora.privacy.placeholder import LOOKALIKE, Placeholders, conversation_of
from nemora.privacy.request_text import is_sent, rewritten, strings_of
from nemora.privacy.segment import segments
from nemora.privacy.topics import MATTERS
from nemora.privacy.url_context import LOOK_BACK, hosts_around, may_hold_url

MAX_VALUES = 500
NOTE = (
    "Some values here are replaced by stand-ins: a word in capitals, an underscore and six characters, or an e-mail "
    "address at redacted.example. Treat each as the real value that its word names, and copy it exactly, character by "
    "character, wherever you mean that value."
)
_ARGUMENTS = re.compile(r"/messages/\d+/tool_calls/\d+/function/arguments")
_MESSAGE = re.compile(r"/messages/(\d+)/")
_ALNUM = re.compile(r"[^\W_](?:.*[^\W_])?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Redacted:
    """A request whose values were replaced.

    `values` is what each stand-in stands for: content, to be dropped with the request. `counts` says how often a
    value of each kind was replaced, `forged` how often text that only looked like a stand-in was.
    """

    request: ChatRequest
    values: Mapping[str, str]
    counts: Mapping[str, int]
    forged: int = 0
    replaced: tuple[Finding, ...] = ()
    """What was replaced, where it stood in the request as it came."""

    def in_urls(self) -> frozenset[tuple[str, str]]:
        """Hosts with the stand-ins that stand in URLs of theirs in `request`."""
        return frozenset(_Places(self.request, self.values).in_urls())

    def leftover(self, findings: Iterable[Finding]) -> list[Finding]:
        """Of the findings in `request`, those that count.

        One inside a stand-in does not: its text is ours. Nor does the matter of a string that holds one: what the
        string is about was judged with the real values in it, and stand-ins look like codes to the model.
        """
        places = _Places(self.request, self.values)
        return [f for f in findings if not (places.any_in(f.where) if f.kind in MATTERS else places.hold(f))]


@dataclass(frozen=True, slots=True)
class Unredactable:
    """Why a request cannot be redacted: a reason code without content."""

    reason: str


def redact(
    request: ChatRequest,
    findings: Sequence[Finding],
    key: bytes,
    *,
    tenant: str = "default",
    weak: Sequence[Finding] = (),
) -> Redacted | Unredactable:
    """Replace what was found in `request`, or say why it must stay.

    Args:
        findings: those that count under the policy, all of which it lets leave replaced.
        key: derived from the installation's key for this purpose (`keys.derive(key, "placeholders")`).
        weak: what is replaced too where it can be, and is no reason to stay.
    """
    found_in = [int(match[1]) for finding in findings if (match := _MESSAGE.match(finding.where))]
    holders = [index for index in found_in if index < len(request.messages)]
    return _Work(request, Placeholders(key, conversation_of(request.messages, holders), tenant)).run(findings, weak)


def with_note(request: ChatRequest) -> ChatRequest:
    """`request` with a sentence for the model about stand-ins, at the end of its first system text."""
    first = request.messages[0] if request.messages else None
    if first is None or first.role not in ("system", "developer"):
        return dataclasses.replace(request, messages=(Message("system", NOTE), *request.messages))
    if isinstance(first.content, tuple):
        noted = dataclasses.replace(first, content=(*first.content, TextPart(NOTE)))
    else:
        noted = dataclasses.replace(first, content=f"{first.content}\n\n{NOTE}" if first.content else NOTE)
    return dataclasses.replace(request, messages=(noted, *request.messages[1:]))


@dataclass(slots=True)
class _Mark:
    """[start, end) of a field's readable text, to be replaced. Without a kind: it looks like a stand-in."""

    start: int
    end: int
    kind: Kind | None


@dataclass(slots=True)
class _String:
    """One string of the request, with what is to be replaced in each of its fields."""

    text: str
    fields: list[Field]
    marks: list[list[_Mark]] = field(default_factory=list)
    echoes: bool = False
    """Whether a stand-in of ours may have come back here: a tool was called with it, as it was not to be restored."""


class _Work:
    """One request on its way."""

    def __init__(self, request: ChatRequest, placeholders: Placeholders) -> None:
        self._request = request
        self._placeholders = placeholders
        self._known = Known()
        self._weak = Known()
        self._replaced: list[Finding] = []
        self._counts: Counter[str] = Counter()
        self._forged = 0
        self._names: dict[str, str] = {}
        self._encoded: dict[str, _Encoded] = {}
        self._strings: dict[str, _String] = {}
        for where, text in strings_of(request).items():
            fields = fields_of(text, json_expected=_ARGUMENTS.fullmatch(where) is not None)
            self._strings[where] = _String(text, fields, [[] for _ in fields], self._may_echo(where))

    def run(self, findings: Sequence[Finding], weak: Sequence[Finding] = ()) -> Redacted | Unredactable:
        for finding in findings:
            marked = self._marked(finding)
            if isinstance(marked, str):
                return Unredactable(f"unredactable:{marked}")
            for string, number, mark in marked:
                string.marks[number].append(mark)
        values = [*self._values(), *self._values_unsent(findings)]
        if len(values) > MAX_VALUES:
            return Unredactable("unredactable:too_many")
        for kind, value in values:
            self._known.add(kind, value)
        if values:
            self._add_weak(values, weak)
            for string in self._strings.values():
                self._add_mentions(string)
        self._names = dict(self._placeholders.names())
        edited = rewritten(self._request, self._edit)
        values_of = {**self._placeholders.values, **self._names}
        redacted = Redacted(edited, values_of, dict(self._counts), self._forged, tuple(self._replaced))
        return Unredactable("unredactable:elsewhere") if values and self._holds_values(redacted) else redacted

    def _marked(self, finding: Finding, *, weak: bool = False) -> list[tuple[_String, int, _Mark]] | str:
        """What a finding covers: strings, numbers of their fields, marks. Or why it cannot be replaced."""
        if finding.kind is Kind.UNREADABLE or finding.kind in MATTERS:
            return finding.kind.value
        if not is_sent(finding.where):
            return []
        string = self._strings.get(finding.where)
        if string is None or finding.end <= finding.start or finding.end > len(string.text):
            return "place"
        if finding.detector == "joined":
            return "split"
        if finding.where not in self._encoded:
            self._encoded[finding.where] = _Encoded(string.text)
        if self._encoded[finding.where].touches(finding.start, finding.end):
            return "encoded"
        touched = [(n, inside) for n, f in enumerate(string.fields) if (inside := f.inside(finding.start, finding.end))]
        if not touched:
            return "place"
        whole = len(touched) > 1
        if whole:  # it reaches over several values of JSON text: each of them whole, their keys not
            touched = [(n, inside) for n, inside in touched if string.fields[n].role != "key"]
            if not touched:
                return "place"
        marked = []
        for number, (start, end) in touched:
            target = string.fields[number]
            if weak and (whole or target.role in ("key", "number")):
                return "place"
            text = target.readable.text
            if whole or target.role == "number":
                start, end = 0, len(text)
            else:
                start, end = widened(text, start, end)
            marked.append((string, number, _Mark(start, end, finding.kind)))
        return marked

    def _add_weak(self, values: Sequence[tuple[Kind, str]], weak: Sequence[Finding]) -> None:
        """Weak candidates beside what is marked, and what to look for because of them and of the values' parts."""
        self._weak.add_masks()
        for kind, value in values:
            self._weak.add_parts(kind, value)
        for finding in weak[: MAX_VALUES - len(values)]:
            marked = self._marked(finding, weak=True)
            for string, number, mark in marked if not isinstance(marked, str) else ():
                text, marks = string.fields[number].readable.text, string.marks[number]
                pieces = _beside(text, marks, mark)
                string.marks[number] = sorted([*marks, *pieces], key=lambda m: m.start)
                for piece in pieces:
                    self._weak.add_weak(finding.kind, text[piece.start : piece.end])

    def _values(self) -> list[tuple[Kind, str]]:
        """What is marked, each value once, in the order of the request."""
        found: dict[str, Kind] = {}
        for string in self._strings.values():
            for target, marks in zip(string.fields, string.marks, strict=True):
                marks[:] = _merged(marks)
                for mark in marks:
                    value = target.readable.text[mark.start : mark.end]
                    if mark.kind is not None:
                        found.setdefault(value, mark.kind)
                        self._placeholders.meet(mark.kind, value)
        return [(kind, value) for value, kind in found.items()]

    def _values_unsent(self, findings: Sequence[Finding]) -> Iterator[tuple[Kind, str]]:
        """What was found in fields that are never sent: it may stand in those that are."""
        unsent = [finding for finding in findings if not is_sent(finding.where)]
        for segment in segments(self._request) if unsent else ():
            for finding in unsent:
                if segment.where == finding.where and segment.offset == 0 and 0 <= finding.start < finding.end:
                    yield finding.kind, segment.text[finding.start : finding.end]

    def _add_mentions(self, string: _String) -> None:
        for target, marks in zip(string.fields, string.marks, strict=True):
            text = target.readable.text
            mentions = [_Mark(m.start, m.end, m.kind) for m in self._known.mentions(text)]
            if target.role == "number":
                mentions = [_Mark(0, len(text), m.kind) for m in mentions]
            elif target.role != "key":
                also = [m for m in self._weak.mentions(text) if not in_identifier(text, m.start, m.end)]
                also = [m for m in also if not LOOKALIKE.search(text[m.start : m.end])]
                mentions += [_Mark(m.start, m.end, m.kind) for m in also]
            marks[:] = _filled(marks, mentions)
            for mark in marks:
                self._placeholders.stand_in(mark.kind, text[mark.start : mark.end])

    def _edit(self, where: str, text: str) -> str:
        string = self._strings[where]
        pieces: list[str] = []
        done = 0
        for target, marks in zip(string.fields, string.marks, strict=True):
            for mark in self._with_lookalikes(string, target, marks):
                value = target.readable.text[mark.start : mark.end]
                stand_in = self._placeholders.stand_in(mark.kind, value)
                if mark.kind is None:
                    self._forged += 1
                else:
                    self._counts[mark.kind.value] += 1
                start, end = target.readable.original_span(mark.start, mark.end)
                if mark.kind is not None:
                    self._replaced.append(Finding(mark.kind, "redaction", where, start, end, 1.0))
                pieces += [text[done:start], f"{target.quote}{stand_in}{target.quote}"]
                done = end
        return "".join((*pieces, text[done:]))

    def _with_lookalikes(self, string: _String, target: Field, marks: Sequence[_Mark]) -> list[_Mark]:
        """Marks, and what looks like a stand-in between them; what reaches into a value is part of that value."""
        text = target.readable.text
        found = [
            _Mark(*layer.original_span(*match.span()), None)
            for layer in readings(text)
            for match in LOOKALIKE.finditer(layer.text)
            if not (string.echoes and (match.group() in self._placeholders.values or match.group() in self._names))
        ]
        return _merged([*marks, *found]) if found else list(marks)

    def _may_echo(self, where: str) -> bool:
        message = _MESSAGE.match(where)
        is_result = message is not None and self._request.messages[int(message[1])].role == "tool"
        return is_result or _ARGUMENTS.fullmatch(where) is not None

    def _holds_values(self, redacted: Redacted) -> bool:
        """Whether a value is left where nothing can be replaced: in a tool's name, an id, a key of a schema."""
        return any(self._known.mentions(segment.text) for segment in segments(redacted.request))


class _Places:
    """Where stand-ins stand in a request."""

    def __init__(self, request: ChatRequest, values: Mapping[str, str]) -> None:
        self._strings = strings_of(request)
        ordered = sorted(values, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self._spans: dict[str, list[tuple[int, int]]] = {}

    def hold(self, finding: Finding) -> bool:
        """Whether a finding lies wholly inside a stand-in."""
        spans = self._spans_in(finding.where) if finding.end > finding.start else []
        at = bisect_right(spans, finding.start, key=lambda span: span[0]) - 1
        return at >= 0 and finding.end <= spans[at][1]

    def any_in(self, where: str) -> bool:
        """Whether a string holds a stand-in."""
        return bool(self._spans_in(where))

    def in_urls(self) -> Iterator[tuple[str, str]]:
        """Hosts with stand-ins in their URLs, as text and as JSON, since an answer may repeat a string at any depth."""
        for where, text in self._strings.items():
            spans = self._spans_in(where)
            for start, end in spans if spans and may_hold_url(text, DEEPEST) else ():
                for host in hosts_around(text[max(0, start - LOOK_BACK) : start], DEEPEST):
                    yield host, text[start:end]

    def _spans_in(self, where: str) -> list[tuple[int, int]]:
        if where not in self._spans:
            found = self._pattern.finditer(self._strings.get(where, "")) if self._pattern is not None else ()
            self._spans[where] = [match.span() for match in found]
        return self._spans[where]


def _merged(marks: Iterable[_Mark]) -> list[_Mark]:
    """Marks in order; those that overlap are one, of the kind of the first that has one."""
    merged: list[_Mark] = []
    for mark in sorted(marks, key=lambda m: (m.start, -m.end, m.kind is None)):
        last = merged[-1] if merged else None
        if last is None or mark.start >= last.end:
            merged.append(_Mark(mark.start, mark.end, mark.kind))
            continue
        last.end = max(last.end, mark.end)
        last.kind = last.kind or mark.kind
    return merged


def _beside(text: str, marks: Sequence[_Mark], weak: _Mark) -> list[_Mark]:
    """What a weak mark covers and no other does, without the spaces and punctuation around."""
    pieces = [(weak.start, weak.end)]
    for mark in marks:
        halves = [((start, min(end, mark.start)), (max(start, mark.end), end)) for start, end in pieces]
        pieces = [(low, high) for both in halves for low, high in both if low < high]
    inner = [found.span() for low, high in pieces if (found := _ALNUM.search(text, low, high)) is not None]
    return [_Mark(low, high, weak.kind) for low, high in inner if high - low > 1]


def _filled(marks: Sequence[_Mark], mentions: Iterable[_Mark]) -> list[_Mark]:
    """Marks, and the longest mentions between them: "Ann Lee, ann@…" is a name and an address, not one long name."""
    taken = [(mark.start, mark.end) for mark in marks]
    kept = list(marks)
    for mention in sorted(mentions, key=lambda m: (m.start - m.end, m.start)):
        at = bisect_right(taken, (mention.start, mention.end))
        free_before = at == 0 or taken[at - 1][1] <= mention.start
        if free_before and (at == len(taken) or mention.end <= taken[at][0]):
            taken.insert(at, (mention.start, mention.end))
            kept.append(mention)
    return sorted(kept, key=lambda m: m.start)


class _Encoded:
    """Where a string holds data that must not be edited: what was found inside is not what stands there."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._chunks = list(chunks(text))
        self._runs: dict[int, list[tuple[int, int]]] = {}

    def touches(self, start: int, end: int) -> bool:
        """Whether [start, end) lies in encoded text, or cuts into something that looks like data."""
        for low, high in self._chunks:
            if low < end and start < high:
                if low not in self._runs:
                    self._runs[low] = self._read(low, high)
                # A value that holds a run and more is plain: a part of it decodes to something by chance.
                if any(s < end and start < e and not _within((s, e), start, end) for s, e in self._runs[low]):
                    return True
                around = [(s + low, e + low) for s, e in data_runs(self._text[low:high])]
                if any(s < end and start < e and not (start <= s and e <= end) for s, e in around):
                    return True
        return False

    def _read(self, low: int, high: int) -> list[tuple[int, int]]:
        decoded = decoded_layers(normalise(self._text[low:high]))
        if not decoded.complete:
            return [(low, high)]
        spans = [run.original_span(0, len(run.text)) for run in decoded.runs]
        return [(start + low, end + low) for start, end in (*spans, *decoded.opaque)]


def _within(run: tuple[int, int], start: int, end: int) -> bool:
    """Whether a run lies in [start, end) and is not all of it."""
    return start <= run[0] and run[1] <= end and run != (start, end)
