"""Do sensitive facts inside the results of an agent's tools stay, and may harmless results leave?

    python bench/tool_results.py [--seed 1] [--each 2] [--misses] [--json FILE]

Facts of some thirty kinds (tool_result_facts.py) stand in some twenty formats (tool_result_carriers.py): alone, in the
middle of a long result, or in a result some turns back. A fact is *found* if the request stays here, or leaves redacted
with none of the fact's values in what would be sent. A harmless result (tool_result_harmless.py) is *kept* if its
request stays here. Everything is invented; reading, policy and redaction are the real ones with your settings.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from nemora.cli.eval_score import Share
from nemora.cli.route import Reading, make_reading
from nemora.core import ChatRequest, Message, Tool, ToolCall
from nemora.errors import NemoraError
from nemora.privacy.policy import Action
from nemora.privacy.reasons import REDACTED
from nemora.privacy.request_text import strings_of
from nemora.settings import load_settings
from tool_result_carriers import CARRIERS, file_listing
from tool_result_facts import FACTS, Fact
from tool_result_harmless import HARMLESS

PLACES = ("alone", "inside", "turns back")
TOOLS = (
    Tool("run", "Runs a command and returns its output.", {"type": "object", "properties": {"command": {}}}),
    Tool("fetch", "Fetches records or a page.", {"type": "object", "properties": {"what": {"type": "string"}}}),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A tool's result. `values` must not leave; `harmless` results should."""

    kind: str
    carrier: str
    place: str
    text: str
    values: tuple[str, ...]
    harmless: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case, without content. `good`: found, or not kept."""

    kind: str
    carrier: str
    place: str
    harmless: bool
    action: str
    good: bool


def main() -> int:
    parser = argparse.ArgumentParser(description="Sensitive and harmless results of an agent's tools.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=2, help="cases for each fact and format")
    parser.add_argument("--misses", action="store_true", help="list the cases on the wrong side")
    parser.add_argument("--json", type=Path, metavar="FILE", help="store every outcome there")
    args = parser.parse_args()
    try:
        reading = make_reading(load_settings())
    except NemoraError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    outcomes = [judged(case, reading) for case in cases(args.seed, args.each)]
    report(outcomes, misses=args.misses)
    if args.json is not None:
        args.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1), encoding="utf-8")
    return 0


def cases(seed: int, each: int) -> Iterator[Case]:
    """Every fact in every format, then the harmless results as often as there are formats in ten."""
    rng = random.Random(seed)  # noqa: S311 - cases, not secrets
    for make in FACTS:
        for carrier in (*CARRIERS, file_listing):
            for n in range(each):
                facts = [make(rng) for _ in range(rng.randint(1, 3))]
                named = bool(facts[0].values) and facts[0].values[0].replace(" ", "").isalpha()
                if carrier is file_listing and not named:
                    break
                text = carrier(rng, facts)
                place = PLACES[rng.randrange(3)] if n else "alone"
                yield Case(facts[0].kind, carrier.__name__, place, text, _shown(facts, text, carrier.__name__), False)
    for source in HARMLESS:
        for n in range(2 * each + 2):
            yield Case(source.__name__, "harmless", PLACES[n % 3], source(rng), (), True)


def _shown(facts: list[Fact], text: str, carrier: str) -> tuple[str, ...]:
    """The values that a format shows: some formats hold one record, a list of files only names."""
    shown = facts[:1] if carrier in ("stack_trace", "environment", "kubernetes_secret") else facts
    return tuple(v for f in shown for v in (f.values[:1] if carrier == "file_listing" else f.values))


def request_of(case: Case, rng: random.Random) -> ChatRequest:
    """The conversation of an agent that got the case's text from a tool."""
    text = case.text
    if case.place == "inside":
        text = "\n".join((_padding(rng), text, _padding(rng)))
    messages = [Message("system", "You are a helpful agent. Use the tools."), Message("user", "Have a look, please.")]
    messages += _call(1, text)
    if case.place == "turns back":
        messages += [*_call(2, _padding(rng)), Message("assistant", "Done."), Message("user", "Good. Go on.")]
    return ChatRequest(model="auto", messages=tuple(messages), tools=TOOLS)


def _call(number: int, text: str) -> list[Message]:
    call = ToolCall(f"call_{number}", "fetch", '{"what": "latest"}')
    return [Message("assistant", None, tool_calls=(call,)), Message("tool", text, tool_call_id=call.id)]


def _padding(rng: random.Random) -> str:
    """About 3,000 characters of a build's output."""
    steps = ("compiling module", "linking target", "copying asset", "checking cache", "running formatter")
    return "\n".join(f"[{n:3}/120] {rng.choice(steps)} {rng.randint(1, 99)} ok" for n in range(90))


def judged(case: Case, reading: Reading) -> Outcome:
    """What the router does with the case, and whether that is right."""
    request = request_of(case, random.Random(case.text))  # noqa: S311 - padding, not secrets
    decision = reading.judge(request)
    action = decision.action.value
    leaves = decision.action is Action.CLOUD
    sent = request
    if decision.action is Action.REDACT:
        redaction = reading.redact(request, decision)
        leaves = redaction.outcome == REDACTED
        sent = redaction.request or request
        action = redaction.outcome if leaves else f"local ({redaction.outcome})"
    good = leaves if case.harmless else not leaves or (bool(case.values) and not _holds(sent, case.values))
    return Outcome(case.kind, case.carrier, case.place, case.harmless, action, good)


def _holds(request: ChatRequest, values: tuple[str, ...]) -> bool:
    """Whether one of the values is left, in any case and spacing."""
    text = "".join("\n".join(strings_of(request).values()).casefold().replace("_", " ").split())
    return any("".join(value.casefold().split()) in text for value in values)


def report(outcomes: list[Outcome], *, misses: bool) -> None:
    """Both rates, then what was missed by kind and by format."""
    facts = [o for o in outcomes if not o.harmless]
    harmless = [o for o in outcomes if o.harmless]
    for place in (None, *PLACES):
        chosen = [o for o in facts if place in (None, o.place)]
        kept = [o for o in harmless if place in (None, o.place)]
        found = Share(sum(o.good for o in chosen), len(chosen))
        print(f"{place or 'all':11} found {found}   harmless kept {Share(sum(not o.good for o in kept), len(kept))}")
    for title, key in (("kind", "kind"), ("format", "carrier")):
        counts = Counter(getattr(o, key) for o in facts if not o.good)
        print(f"missed by {title}:", ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "none")
    print("kept:", dict(Counter(o.kind for o in harmless if not o.good)) or "none")
    for outcome in outcomes if misses else ():
        if not outcome.good:
            print(f"{outcome.kind} in {outcome.carrier}, {outcome.place}: {outcome.action}")


if __name__ == "__main__":
    sys.exit(main())
