"""Share of disguised identifiers that are found, by kind of disguise, and of harmless look-alikes that are kept.

    python bench/disguise_report.py [--second | --third | --fourth | --fifth] [--each N] [--misses KIND] [--json]

The first set of kinds was made along with the decoders; the others from the world, to see what they miss.

All values are invented by a seeded generator. An identifier counts as found when findings of confidence 0.5 or more
cover its disguised form (intersection over union 0.5, or all of it). A look-alike counts as kept when it has any.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, pairwise

from rich.console import Console
from rich.table import Table

from disguise_carriers import CARRIERS, KEYED, NEUTRAL
from disguise_fifth import WHOLE_FIFTH, WRITING_FIFTH
from disguise_fourth import WHOLE_FOURTH, WRITING_FOURTH
from disguise_kinds import SENTENCE, VALUE, Rewrite, label_leet
from disguise_second_code import CODE, WHOLE
from disguise_second_spread import SPREAD as SECOND_SPREAD
from disguise_second_writing import WRITING
from disguise_third_code import CODE_THIRD, WHOLE_THIRD
from disguise_third_writing import WRITING_THIRD
from disguise_values import HARMLESS, IDENTIFIERS, Sample, sample
from nemora.core import ChatRequest, Message, TextPart, ToolCall
from nemora.privacy.finding import CATALOGUE, Finding, Kind, Sensitivity
from nemora.privacy.inspect import Inspector
from nemora.privacy.segment import segments

SPREAD = (
    "three parts",
    "parts of four",
    "three messages",
    "two of one speaker",
    "tool chunks",
    "tool lines",
    "arguments",
)
FIRST = frozenset([*VALUE, *SENTENCE, *SPREAD])
# A kind that both sets have is the first's.
SECOND_VALUE: dict[str, Rewrite] = {kind: make for kind, make in (WRITING | CODE).items() if kind not in FIRST}
SECOND_SENTENCE: dict[str, Rewrite] = {kind: make for kind, make in WHOLE.items() if kind not in FIRST}
SEEN = FIRST | {*SECOND_VALUE, *SECOND_SENTENCE}
THIRD_VALUE: dict[str, Rewrite] = {
    kind: make for kind, make in (WRITING_THIRD | CODE_THIRD).items() if kind not in SEEN
}
THIRD_SENTENCE: dict[str, Rewrite] = {kind: make for kind, make in WHOLE_THIRD.items() if kind not in SEEN}
SEEN |= {*THIRD_VALUE, *THIRD_SENTENCE}
FOURTH_VALUE: dict[str, Rewrite] = {kind: make for kind, make in WRITING_FOURTH.items() if kind not in SEEN}
FOURTH_SENTENCE: dict[str, Rewrite] = {kind: make for kind, make in WHOLE_FOURTH.items() if kind not in SEEN}
SEEN |= {*FOURTH_VALUE, *FOURTH_SENTENCE}
FIFTH_VALUE: dict[str, Rewrite] = {kind: make for kind, make in WRITING_FIFTH.items() if kind not in SEEN}
FIFTH_SENTENCE: dict[str, Rewrite] = {kind: make for kind, make in WHOLE_FIFTH.items() if kind not in SEEN}
REMARK = re.compile(r"(?<=.) \([A-Za-z0-9' ,-]{4,60}\)$")
"""What tells how a value was disguised is no part of it."""
SETS: dict[str, tuple[Iterable[str], ...]] = {
    "first": (VALUE, SENTENCE, SPREAD),
    "second": (SECOND_VALUE, SECOND_SENTENCE, SECOND_SPREAD),
    "third": (THIRD_VALUE, THIRD_SENTENCE),
    "fourth": (FOURTH_VALUE, FOURTH_SENTENCE),
    "fifth": (FIFTH_VALUE, FIFTH_SENTENCE),
}


@dataclass(slots=True)
class Case:
    """A request, and the string and place in it of what must be found; no place: anything found counts."""

    request: ChatRequest
    where: str = ""
    start: int = 0
    end: int = 0
    shown: str = ""


@dataclass(slots=True)
class Row:
    """Counts of one kind of disguise."""

    found: int = 0
    identifiers: int = 0
    kept: int = 0
    harmless: int = 0
    by_type: dict[str, list[int]] = field(default_factory=dict)


def ask(text: str) -> ChatRequest:
    return ChatRequest(model="auto", messages=(Message("user", text),))


def in_text(text: str, hidden: str, around: str = "") -> Case:
    at = text.find(hidden)
    return Case(ask(text), "/messages/0/content", at, at + len(hidden), text)


def cases(kind: str, picked: Sample, rng: random.Random) -> Case | None:
    """The sample under one disguise; None where it does not fit."""
    if kind in (values := VALUE | SECOND_VALUE | THIRD_VALUE | FOURTH_VALUE | FIFTH_VALUE):
        hidden = values[kind](rng, picked.value)
        if hidden is None:
            return None
        shown = picked.value if picked.value in hidden else hidden.removesuffix(" (reversed)")
        shown = REMARK.sub("", shown)
        if "\n+--" in shown:  # the frame of a table says nothing
            shown = shown.split("\n")[2]
        return in_text(picked.sentence.replace("{v}", hidden), shown)
    if kind == "leetspeak label":
        return in_text(label_leet(picked.sentence).replace("{v}", picked.value), picked.value)
    if kind in SECOND_SPREAD:
        text = picked.sentence.replace("{v}", picked.value)
        messages = SECOND_SPREAD[kind](text, picked.value)
        return Case(ChatRequest(model="auto", messages=messages), shown=text)
    if kind in (sentences := SENTENCE | SECOND_SENTENCE | THIRD_SENTENCE | FOURTH_SENTENCE | FIFTH_SENTENCE):
        rewrite: Rewrite = sentences[kind]
        run = rewrite(rng, picked.sentence.replace("{v}", picked.value))
        return None if run is None else Case(ask(f"Please read this:\n{run}\n"), shown=run)
    return spread(kind, picked)


def spread(kind: str, picked: Sample) -> Case:
    """The sentence over several strings of one request."""
    text = picked.sentence.replace("{v}", picked.value)
    at = text.index(picked.value)
    third = max(2, len(picked.value) // 3)
    cuts = [0, at + third, at + 2 * third, len(text)]
    pieces = [text[a:b] for a, b in pairwise(cuts)]
    if kind == "parts of four":
        pieces = [text[n : n + 4] for n in range(0, len(text), 4)]
    messages: tuple[Message, ...]
    if kind in ("three parts", "parts of four"):
        messages = (Message("user", tuple(TextPart(piece) for piece in pieces)),)
    elif kind == "three messages":
        messages = tuple(m for piece in pieces for m in (Message("user", piece), Message("assistant", "Go on.")))
    elif kind == "two of one speaker":
        messages = tuple(Message("user", piece) for piece in pieces)
    elif kind in ("tool chunks", "tool lines"):
        call = Message("assistant", tool_calls=(ToolCall("c1", "read", "{}"),))
        chunks = tuple(
            m
            for n, piece in enumerate(pieces)
            for m in (
                Message("assistant", tool_calls=(ToolCall(f"c{n}", "read", f'{{"page": {n}}}'),)),
                Message("tool", piece, tool_call_id=f"c{n}"),
            )
        )
        messages = (Message("user", "Read the file."), call, *chunks)
    else:
        calls = tuple(ToolCall(f"c{n}", "append", json.dumps({"text": piece})) for n, piece in enumerate(pieces))
        messages = (Message("user", "Write it."), Message("assistant", tool_calls=calls))
    return Case(ChatRequest(model="auto", messages=messages), shown=" ⏐ ".join(pieces))


def carried(kind: str, table: str, type_: str, rng: random.Random) -> Case:
    make, keys = (KEYED if table == "keyed" else NEUTRAL)[type_]
    value, key = make(rng), rng.choice(keys)
    text = CARRIERS[kind](rng, key, value)
    hidden = value.replace(" ", "+") if kind == "query string" else value
    return in_text(text, hidden)


def covered(case: Case, findings: list[Finding]) -> bool:
    """Whether findings, together, cover the gold span: half of the union, or all of it."""
    if not case.where:
        return bool(findings)
    touching = [f for f in findings if f.where == case.where and f.start < case.end and case.start < f.end]
    if not touching:
        return False
    inside = len({n for f in touching for n in range(max(f.start, case.start), min(f.end, case.end))})
    union = max(case.end, *(f.end for f in touching)) - min(case.start, *(f.start for f in touching))
    return inside >= 0.5 * union or inside == case.end - case.start


def found_in(case: Case) -> list[Finding]:
    inspection = Inspector(None).inspect(segments(case.request))
    findings = [f for f in inspection.findings if f.confidence >= 0.5]
    if not inspection.complete:
        findings.append(Finding(Kind.UNREADABLE, "budget", "", 0, 0, 1.0))
    return findings


def measure(each: int, misses: str, which: str = "first", only: str = "") -> dict[str, Row]:
    """Every kind of disguise over every type, `each` times."""
    rows: dict[str, Row] = {}
    for kind in chain(*SETS[which]):
        if only and kind != only:
            continue
        rng = random.Random(kind)  # noqa: S311 - seeded, for a repeatable measurement
        row = rows.setdefault(kind, Row())
        for table, wanted in ((IDENTIFIERS, True), (HARMLESS, False)):
            for type_ in table:
                for _ in range(each):
                    case = cases(kind, sample(rng, table, type_), rng)
                    if case is not None:
                        count(row, case, type_, wanted=wanted, misses=misses == kind)
    for kind in CARRIERS if which == "first" else ():
        rng = random.Random(kind)  # noqa: S311 - seeded, for a repeatable measurement
        row = rows.setdefault(f"carrier: {kind}", Row())
        for name, wanted in (("keyed", True), ("neutral", False)):
            for type_ in KEYED if wanted else NEUTRAL:
                for _ in range(each):
                    case = carried(kind, name, type_, rng)
                    count(row, case, type_, wanted=wanted, misses=misses == kind)
    return rows


def count(row: Row, case: Case, type_: str, *, wanted: bool, misses: bool) -> None:
    findings = found_in(case)
    # An order number is no secret when a detector merely calls it personal; it must not be found at all.
    hit = (
        covered(case, findings) if wanted else any(CATALOGUE[f.kind].sensitivity > Sensitivity.PUBLIC for f in findings)
    )
    if wanted:
        row.identifiers += 1
        row.found += hit
        tally = row.by_type.setdefault(type_, [0, 0])
        tally[0] += hit
        tally[1] += 1
    else:
        row.harmless += 1
        row.kept += hit
    if misses and hit != wanted:
        said = [(f.kind.value, f.confidence, case.shown[f.start : f.end]) for f in findings]
        print(type_, repr(case.shown[-160:]), said)


def main() -> int:
    parser = argparse.ArgumentParser(description="Found and kept shares by kind of disguise.")
    sets = parser.add_mutually_exclusive_group()
    for which in ("second", "third", "fourth", "fifth"):
        sets.add_argument(f"--{which}", dest="which", action="store_const", const=which, default="first")
    parser.add_argument("--each", type=int, default=4, help="samples of each type under each kind")
    parser.add_argument("--misses", default="", help="print what was missed or wrongly kept under this kind")
    parser.add_argument("--only", action="store_true", help="with --misses: no other kind")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = measure(args.each, args.misses, args.which, args.misses if args.only else "")
    if args.json:
        print(json.dumps({kind: [r.found, r.identifiers, r.kept, r.harmless] for kind, r in rows.items()}))
    else:
        show(rows)
    return 0


def show(rows: dict[str, Row]) -> None:
    table = Table("disguise", "found", "share", "look-alikes kept", "types missed", title="disguised identifiers")
    for kind, r in sorted(rows.items(), key=lambda item: item[1].found / max(item[1].identifiers, 1)):
        missed = ", ".join(f"{t} {a}/{b}" for t, (a, b) in r.by_type.items() if a < b)
        share = f"{100 * r.found / max(r.identifiers, 1):.0f} %"
        table.add_row(kind, f"{r.found}/{r.identifiers}", share, f"{r.kept}/{r.harmless}", missed)
    Console(width=170).print(table)
    shares = [r.found / r.identifiers for r in rows.values() if r.identifiers]
    kept, harmless = sum(r.kept for r in rows.values()), sum(r.harmless for r in rows.values())
    print(
        f"kinds {len(shares)}, mean found {100 * sum(shares) / len(shares):.1f} %, worst {100 * min(shares):.1f} %, "
        f"under 85 %: {sum(s < 0.85 for s in shares)}; look-alikes kept {100 * kept / harmless:.1f} % of {harmless}"
    )


if __name__ == "__main__":
    sys.exit(main())
