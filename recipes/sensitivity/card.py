"""Writes the figures of the shipped model's report into the card: recipes/sensitivity/README.md.

python recipes/sensitivity/card.py
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPORT = HERE.parent.parent / "src" / "nemora" / "tagger" / "reader_model" / "report.json"
CARD = HERE / "README.md"
BEGIN, END = "<!-- from report.json -->\n", "<!-- to here -->\n"
LEAST = 60
"""Spans that a language or a source must have to be listed."""


def main() -> int:
    card = CARD.read_text(encoding="utf-8")
    before, _, rest = card.partition(BEGIN)
    after = rest.partition(END)[2]
    CARD.write_text(before + BEGIN + figures(json.loads(REPORT.read_text(encoding="utf-8"))) + END + after, "utf-8")
    return 0


def figures(report: dict[str, Any]) -> str:
    """What the report says, as Markdown."""
    held_out, public, spans = report["held_out"], report["public_held_out"], report["spans"]
    stays, harmless = held_out["kept_of_those_that_must_stay"], held_out["kept_of_harmless"]
    more_stays, more_harmless = public["kept_of_those_that_must_stay"], public["kept_of_harmless"]
    parts = [
        f"Topics, {held_out['texts']} requests written by hand: area under the curve {held_out['auc']:.3f}; kept",
        f"{_share(stays)} that must stay and {_share(harmless)} harmless ones; of the held-out public rows",
        f"{_share(more_stays)} and {_share(more_harmless)}. By topic, kept of those that must stay:\n",
        *_table(("topic", "kept", "of"), _topics(held_out["by_topic"])),
        "",
        *_table(("language", "kept of those that must stay", "kept of harmless"), _languages(held_out["by_language"])),
        "",
        "Spans by the model alone (IoU ≥ 0.5 and the right type; NAME: given name and surname as one), in",
        f"{spans['texts']} held-out texts: recall {spans['recall']:.3f}, precision {spans['precision']:.3f}.\n",
        *_table(("type", "recall", "precision", "spans"), _spans(spans["by_type"], 0)),
        f"\nLanguages with {LEAST} spans and more:\n",
        *_table(("language", "recall", "precision", "spans"), _spans(spans["by_language"], LEAST)),
        "\nBy source:\n",
        *_table(("source", "recall", "precision", "spans"), _spans(spans["by_source"], LEAST)),
    ]
    return "\n".join(parts) + "\n"


def _share(part: dict[str, Any]) -> str:
    low, high = part["interval"]
    return f"{part['share']:.1%} ({low:.1%}-{high:.1%}) of {part['of']}".replace("%", " %")


def _topics(topics: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, part in topics.items():
        yield name, f"{part['share']:.3f}", str(part["of"])


def _languages(languages: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, part in languages.items():
        if min(part["stay"]["of"], part["harmless"]["of"]) >= 8:
            yield (name, *(f"{part[side]['share']:.3f} of {part[side]['of']}" for side in ("stay", "harmless")))


def _spans(parts: dict[str, Any], least: int) -> Iterator[tuple[str, ...]]:
    for name, part in parts.items():
        if part["spans"] >= max(least, 1):
            yield name, f"{part['recall']:.3f}", f"{part.get('precision', 0):.3f}", str(part["spans"])


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    sys.exit(main())
