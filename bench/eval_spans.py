"""How many of the spans that a recipe holds out are found by the whole reading: detectors and model together.

    python bench/eval_spans.py [--data DIR ...] [--public-data DIR]

By type of span, any finding counts that covers it with IoU >= 0.5, but for a text's matter. Published test values
(mail at example.com, telephone numbers kept for fiction) may leave by docs/labelling.md and are not counted. What the
model finds alone stands in report.json in its folder.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from nemora.privacy.detectors.public_values import is_published
from nemora.privacy.inspect import Inspector
from nemora.privacy.protocols import Segment
from nemora.privacy.topics import MATTERS
from nemora.settings import load_settings
from nemora.tagger.reader import load_reader
from nemora.train.authored import is_held_out
from nemora.train.evaluate import interval
from nemora.train.examples import read_requests, with_values
from nemora.train.reader import Recipe
from nemora.train.span_data import gather_spans
from nemora.train.span_evaluate import overlap, with_whole_names
from nemora.train.span_labels import STRONG, UNKNOWN
from nemora.train.span_text import SpanText

AUTHORED = Path(__file__).parent.parent / "recipes" / "sensitivity" / "authored"


def held_out_texts(folders: list[Path], public: Path | None) -> list[SpanText]:
    """Requests with the values that the report has, then public rows and templates."""
    draw = random.Random(1)  # noqa: S311 - values of slots
    requests = [with_values(e, draw) for folder in folders for e in read_requests(folder) if is_held_out(e.group)]
    texts = [SpanText(e.text, e.spans or (), e.lang, e.source, e.group, e.known) for e in requests]
    return [*texts, *gather_spans(public, Recipe.seed, generated=Recipe.generated).held_out]


def main() -> int:
    parser = argparse.ArgumentParser(description="Held-out spans that detectors and model find together.")
    parser.add_argument("--data", type=Path, action="append")
    parser.add_argument("--public-data", type=Path, default=None)
    parser.add_argument("--model", help="the folder of a reader; default: that of the settings")
    parser.add_argument("--config", type=Path, default=None)
    args = parser.parse_args()
    inspector = Inspector(load_reader(args.model or load_settings(args.config).inspection.model))
    there: Counter[str] = Counter()
    found: Counter[str] = Counter()
    texts = held_out_texts(args.data or [AUTHORED], args.public_data)
    for text in track(texts, console=Console(stderr=True), transient=True):
        findings = inspector.inspect([Segment("/messages/0/content", text.text)]).findings
        covered = [(f.start, f.end) for f in findings if f.kind not in MATTERS]
        for start, end, kind in with_whole_names(text).spans:
            if kind != UNKNOWN and not is_published(text.text[start:end]):
                hit = any(overlap((start, end), other) >= 0.5 for other in covered)
                for name in (kind, "all strong types") if kind in STRONG else (kind,):
                    there[name] += 1
                    found[name] += hit
    table = Table("type", "spans", "found", "95 %")
    for name in sorted(there, key=lambda name: (name.islower(), name)):
        low, high = interval(found[name], there[name])
        table.add_row(name, str(there[name]), f"{found[name] / there[name]:.3f}", f"{low:.3f}-{high:.3f}")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
