"""Does redaction cost quality, and does taint keep harmless questions here?

    python bench/redaction_quality.py [--seed 1] [--each 20] [--json FILE]

*Quality*: tasks that hold personal values run through the real reading, redaction and restoring. No cloud is asked: a
program does the task on the text that it is sent, as a good model would, so it sees stand-ins alone. A task is *kept*
if the restored answer is, character by character, what the program answers on the text itself.

*Follow-ups*: a conversation with one sensitive turn, decided as the gateway does it (taint from the real store), then
follow-ups of the same tenant: harmless ones in new conversations, which may leave, and ones that bring the sensitive
words or the answer back, which must stay.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nemora.cli.eval_score import Share
from nemora.cli.route import Reading, make_reading
from nemora.core import ChatRequest, Message
from nemora.errors import NemoraError
from nemora.privacy.classify import classify
from nemora.privacy.decide import Decision, decide
from nemora.privacy.finding import Sensitivity
from nemora.privacy.policy import Action
from nemora.privacy.reasons import REDACTED
from nemora.privacy.restore import Restorer, Values
from nemora.privacy.taint import TaintStore
from nemora.settings import load_settings
from tool_result_facts import personal

Answer = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Task:
    """A request of one message, and the program that answers it."""

    kind: str
    text: str
    answer: Answer


def _after(label: str) -> Answer:
    def answer(text: str) -> str:
        found = re.search(rf"(?m)^{label}: (.*)$", text)
        return found[1] if found else "none"

    return answer


def _sorted_lines(text: str) -> str:
    """By the number at the end of each line: what a model can sort by without the names."""
    lines = [line for line in text.splitlines() if re.search(r"; \d+$", line)]
    return "\n".join(sorted(lines, key=lambda line: int(line.rpartition("; ")[2])))


def _count(text: str) -> str:
    return str(sum(line.startswith("- ") for line in text.splitlines()))


def _draft(text: str) -> str:
    name, mail, day = (_after(label)(text) for label in ("Name", "Mail", "Day"))
    return f"To: {mail}\nDear {name},\nthe meeting is on {day}. Please tell us if that does not suit you, {name}."


def _as_json(text: str) -> str:
    return json.dumps(dict(re.findall(r"(?m)^(Name|Mail): (.*)$", text)), ensure_ascii=False)


def _due(text: str) -> str:
    day, month = re.findall(r"invoice of (\d+) (\w+)", text)[0]
    return f"{_after('Name')(text)} has to pay by {int(day) + 10} {month}."


def _fixed_code(text: str) -> str:
    code = text.partition("```python\n")[2].partition("```")[0]
    return code.replace("retrun", "return")


def _looked_up(text: str) -> str:
    wanted = re.search(r"room of (.+?)\?", text)
    rows: dict[str, str] = dict(re.findall(r"(?m)^\| (.+?) \| (\d+) \|$", text))
    return rows.get(wanted[1] if wanted else "", "unknown")


def _translated(text: str) -> str:
    found = re.search(r"(?m)^(.+) will call (.+) tomorrow\.$", text)
    return f"{found[1]} ruft morgen {found[2]} an." if found else "none"


def _summary(text: str) -> str:
    who = re.findall(r"(?m)^From: (.+)$", text)
    return f"{len(who)} mails, from " + ", ".join(dict.fromkeys(who)) + "."


def tasks(rng: random.Random) -> list[Task]:
    """One of each kind, with fresh values."""
    people = [personal(rng) for _ in range(3)]
    (name, mail, phone, address), (other, mail2, _, _), (third, _, _, _) = people
    numbers = rng.sample(range(10, 99), 3)
    lines = "\n".join(f"{p[0]}; {n}" for p, n in zip(people, numbers, strict=True))
    rows = "\n".join(f"| {p[0]} | {n} |" for p, n in zip(people, numbers, strict=True))
    code = (
        f"# maintainer: {name} <{mail}>\ndef total(items):\n    count = len(items)\n    retrun sum(items) / count\n\n"
        f"print(total([{numbers[0]}, {numbers[1]}]))\n"
    )
    mails = f"From: {name}\nShall we meet on Monday?\n\nFrom: {other}\nTuesday is better.\n\nFrom: {name}\nFine."
    first = name.split()[0]
    return [
        Task("extract address", f"Which address stands here?\nName: {name}\nAddress: {address}\n", _after("Address")),
        Task("extract phone", f"Give me only the number.\nName: {name}\nPhone: {phone}\n", _after("Phone")),
        Task("sort", f"Sort these lines by the number.\n{lines}\n", _sorted_lines),
        Task("count", f"How many guests?\n- {name}\n- {other}\n- {third}\n", _count),
        Task("draft mail", f"Write the invitation.\nName: {name}\nMail: {mail}\nDay: 12 May\n", _draft),
        Task("to JSON", f"Make JSON of this.\nName: {name}\nMail: {mail}\n", _as_json),
        Task("date arithmetic", f"When is the invoice of {rng.randint(1, 18)} May due?\nName: {name}\n", _due),
        Task("fix code", f"Fix the typo.\n```python\n{code}```\n", _fixed_code),
        Task("look up", f"What is the room of {other}?\n\n| Name | Room |\n| --- | --- |\n{rows}\n", _looked_up),
        Task("translate", f"Translate into German:\n{name} will call {other} tomorrow.\n", _translated),
        Task("summarise", f"Who wrote?\n\n{mails}\n", _summary),
        Task("quote", f"Repeat: {name} ({mail}), that is {first}, also writes to {mail2}.\n", lambda t: t),
    ]


def quality(reading: Reading, rng: random.Random, each: int) -> dict[str, list[bool]]:
    """By kind of task: whether the answers of those that leave redacted are those on the text itself."""
    kept: dict[str, list[bool]] = {}
    for _ in range(each):
        for task in tasks(rng):
            request = ChatRequest(model="auto", messages=(Message("user", task.text),))
            decision = reading.judge(request)
            if decision.action is not Action.REDACT:
                continue
            redaction = reading.redact(request, decision)
            if redaction.outcome != REDACTED or redaction.request is None:
                continue
            restorer = Restorer(Values(redaction.values, in_urls=redaction.in_urls))
            answer = task.answer(redaction.request.messages[-1].text())
            restored = restorer.feed(answer) + restorer.finish()
            kept.setdefault(task.kind, []).append(restored == task.answer(task.text))
    return kept


SYSTEM = Message("system", "You are the assistant of a small office. Answer briefly and in a friendly tone.")
BOILERPLATE = (
    "Please answer in plain English, use short sentences, do not repeat the question, and say so when you are not sure "
    "about something.\n\n"
)
QUESTIONS = (
    "Thanks!", "yes", "How do tides come about?", "Write a haiku about autumn leaves.", "What is a monad?",
    "Explain the difference between a list and a tuple in Python, with a short example of each one.",
    "Give me five ideas for a vegetarian dinner that takes less than half an hour to cook for two people.",
    "Translate 'good morning' into French.", "What is metformin?", "How are tax returns structured in general?",
)  # fmt: skip
SENSITIVE = (
    "{name} has been treated for severe depression since March and cannot work; write a note to the insurance.",
    "{name} earns 84,300 EUR a year and wants a raise of 12 %; what should I answer as the manager?",
    "My colleague {name} was dismissed on Friday after the theft in the warehouse. Draft the reference letter.",
    "The password of {name} for the bank is Tulip!8842x, please put it into the form for me.",
)
AGAIN = ("Now make it shorter, please.", "And in French?", "What would you change about the last paragraph?")
REPLY = (
    "Of course. Here is a careful draft that keeps to the facts, names nobody else and asks for an appointment soon; "
    "tell me whether the tone is right or should be more formal."
)


class Office:
    """One tenant's requests, decided one after the other as the gateway does it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._taint = TaintStore.in_memory(bytes(range(32)))

    def decide(self, *messages: Message) -> Decision:
        """The decision on a request, which is remembered, and so is its answer if it stayed here."""
        inspection = self._reading.inspect(ChatRequest(model="auto", messages=messages))
        policy = self._reading.policy
        known = self._taint.lookup(messages)
        decision = decide(inspection, classify(inspection, policy.class_of), known, policy)
        self._taint.remember(messages, decision)
        return decision

    def answered(self, answer: Message, decision: Decision) -> None:
        """The answer to a request of that decision."""
        self._taint.mark_answer(answer, decision.sensitivity)


def follow_ups(reading: Reading, rng: random.Random, each: int) -> tuple[list[bool], list[bool]]:
    """Whether each harmless follow-up was kept by taint, and each sensitive one let go, of turns that had to stay."""
    kept: list[bool] = []
    let_go: list[bool] = []
    for number in range(each):
        asked = Message("user", BOILERPLATE + SENSITIVE[number % len(SENSITIVE)].format(name=personal(rng)[0]))
        office = Office(reading)
        decision = office.decide(SYSTEM, asked)
        if decision.sensitivity < Sensitivity.CONFIDENTIAL:
            continue  # not sensitive by the reading: what follows may leave as it did
        answer = Message("assistant", REPLY)
        office.answered(answer, decision)
        for question in QUESTIONS:
            for text in (question, BOILERPLATE + question):
                alone = Office(reading).decide(SYSTEM, Message("user", text))
                if alone.action is Action.CLOUD:
                    kept.append(office.decide(SYSTEM, Message("user", text)).action is not Action.CLOUD)
        for again in AGAIN:
            further = Message("user", again)
            for history in ((asked, answer), (answer,), (asked,)):
                after = office.decide(SYSTEM, *history, further)
                let_go.append(after.action in (Action.CLOUD, Action.REDACT))
            later = (Message("assistant", "Gladly."), Message("user", "And now without the first sentence."))
            let_go.append(office.decide(SYSTEM, answer, further, *later).sensitivity < Sensitivity.CONFIDENTIAL)
    return kept, let_go


def main() -> int:
    parser = argparse.ArgumentParser(description="What redaction costs, and what taint keeps.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=20, help="rounds of all tasks, and conversations")
    parser.add_argument("--json", type=Path, metavar="FILE", help="store the counts there")
    args = parser.parse_args()
    try:
        reading = make_reading(load_settings())
    except NemoraError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    rng = random.Random(args.seed)  # noqa: S311 - cases, not secrets
    tasks_kept = quality(reading, rng, args.each)
    kept, let_go = follow_ups(reading, rng, args.each)
    whole = [good for found in tasks_kept.values() for good in found]
    counts = {
        **{f"{kind}: answers kept": Share(sum(found), len(found)) for kind, found in tasks_kept.items()},
        "answers kept, all tasks that left redacted": Share(sum(whole), len(whole)),
        "tasks that left redacted": Share(len(whole), args.each * len(tasks(rng))),
        "harmless follow-ups kept by taint": Share(sum(kept), len(kept)),
        "sensitive follow-ups let go": Share(sum(let_go), len(let_go)),
    }
    for name, share in counts.items():
        print(f"{name:45} {share}")
    if args.json is not None:
        args.json.write_text(json.dumps({n: s.to_json() for n, s in counts.items()}, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
