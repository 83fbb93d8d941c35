"""People's names in texts that nobody trained on, by language: what the model that reads requests finds of them.

    python bench/unseen_names.py [--model FOLDER] [--data FILE]

The rows in recipes/sensitivity/unseen were written by one who had seen neither the requests and templates nor the
rules. `names` are exact parts of `text`; each place where one stands is a name to be found, with IoU >= 0.5, and a
found one that covers none is a false one. A third of the rows has no name, but words that could be taken for one.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from nemora.tagger.reader import load_reader
from nemora.train.evaluate import interval
from nemora.train.span_evaluate import overlap, whole_names

UNSEEN = Path(__file__).parent.parent / "recipes" / "sensitivity" / "unseen" / "names.jsonl"
Range = tuple[int, int]


def places(text: str, names: list[str]) -> set[Range]:
    """Where the names stand, but for those within a longer one."""
    every = set()
    for name in names:
        at = text.find(name)
        while at >= 0:
            every.add((at, at + len(name)))
            at = text.find(name, at + 1)
    return {one for one in every if not any(o != one and o[0] <= one[0] and one[1] <= o[1] for o in every)}


def main() -> int:
    parser = argparse.ArgumentParser(description="Names that the model finds in texts that nobody trained on.")
    parser.add_argument("--model", help="the folder of a reader; default: the shipped one")
    parser.add_argument("--data", type=Path, default=UNSEEN)
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.data.read_text(encoding="utf-8").splitlines()]
    readings = load_reader(args.model).read([row["text"] for row in rows])
    there: Counter[str] = Counter()
    found: Counter[str] = Counter()
    said: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for row, reading in zip(rows, readings, strict=True):
        spans = whole_names(row["text"], [(span.start, span.end, span.label) for span in reading.spans])
        marked = [(start, end) for start, end, kind in spans if kind == "NAME"]
        gold = places(row["text"], row["names"])
        for lang in ("all", row["lang"]):
            there[lang] += len(gold)
            found[lang] += sum(any(overlap(name, mark) >= 0.5 for mark in marked) for name in gold)
            said[lang] += len(marked)
            right[lang] += sum(any(overlap(name, mark) >= 0.5 for name in gold) for mark in marked)
    table = Table(title=f"names in {len(rows)} texts")
    for column in ("language", "found", "95 %", "names", "precision"):
        table.add_column(column, justify="left" if column == "language" else "right")
    for lang, names in sorted(there.items(), key=lambda pair: (-pair[1], pair[0])):
        low, high = interval(found[lang], names)
        shares = f"{found[lang] / names:.1%}", f"{low:.1%}-{high:.1%}"
        table.add_row(lang, *shares, str(names), f"{right[lang] / max(1, said[lang]):.1%}")
    Console().print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
