"""The ledger's report for people: what left, why, what stayed, and what proves it."""

from __future__ import annotations

from collections import Counter

from nemora.cli.tables import print_table
from nemora.privacy.ledger_report import Left, Report
from nemora.privacy.reasons import explain

UNSEEN = (
    "The ledger records what passed through Nemora. It cannot see a program that talks to a provider directly; "
    "close that way in the firewall."
)


def print_report(made: Report, since: str, until: str, proof: str) -> None:
    """Print tables and sentences."""
    sent = sum(left.requests for left in made.left.values())
    print(f"From {since} to {until}: {made.decisions} decisions.")
    print(f"{sent} requests left, {made.stayed.total()} were answered here, {made.refused.total()} were refused.\n")
    if made.left:
        print_table(
            ("to", "requests", "bytes", "tokens in / out", "USD", "estimated", "without an end (bytes)"),
            (_left(name, left) for name, left in sorted(made.left.items())),
            "What left",
        )
        print()
        print_table(("to", "requests", "why"), _reasons(made), "Why it left")
        print()
    for title, counts in (("Why it stayed", made.stayed), ("Why it was refused", made.refused)):
        if counts:
            print_table(("requests", "reason", ""), _counted(counts), title)
            print()
    if made.shadow:
        rows = ((str(count), done, other) for (done, other), count in made.shadow.most_common())
        print_table(("requests", "was decided", "the shadow policy would have"), rows, "Shadow policy")
        print()
    _print_proof(made, proof)


def _left(name: str, left: Left) -> tuple[str, ...]:
    open_ones = f"{left.unfinished} ({left.unfinished_bytes})" if left.unfinished else ""
    tokens = f"{left.tokens_in} / {left.tokens_out}"
    cost = f"{left.micro_usd / 1_000_000:.6f}" if left.micro_usd else ""
    return name, str(left.requests), str(left.bytes), tokens, cost, str(left.estimated or ""), open_ones


def _reasons(made: Report) -> list[tuple[str, ...]]:
    return [
        (name, str(count), explain(reason))
        for name, left in sorted(made.left.items())
        for reason, count in left.reasons.most_common()
    ]


def _counted(counts: Counter[str]) -> list[tuple[str, ...]]:
    return [(str(count), reason, explain(reason)) for reason, count in counts.most_common()]


def _print_proof(made: Report, proof: str) -> None:
    print(proof)
    if made.strays:
        print(f"Bytes left without a decision that lets them, in the rows {', '.join(map(str, made.strays))}.")
    else:
        print("Every byte that it says has left belongs to a decision that let it, and is counted above.")
    if any(left.unfinished for left in made.left.values()):
        print("Decisions without an end may have left, whole or in part: the process died, or they are under way.")
    print(UNSEEN)
