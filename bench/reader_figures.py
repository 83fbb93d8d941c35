"""How well models that read requests do on what they did not learn from: the shipped one beside others, in one run.

    python bench/reader_figures.py --public-data DIR [--model DIR ...] [--other-scripts] [--language en] [--json FILE]

The texts are those that `nemora train sensitivity` holds out. Each model's line is drawn on them as training draws it,
so that all give the same share of false alarms, and what is compared is what they keep of the texts that must stay.
With `--other-scripts` only texts with words in other scripts than Latin count, with `--language` those of one language.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from nemora.tagger.reader import load_reader
from nemora.train import sensitivity
from nemora.train.evaluate import figures
from nemora.train.reader import FOREIGN, Recipe
from nemora.train.sensitivity import Split

AUTHORED = Path(__file__).parent.parent / "recipes" / "sensitivity" / "authored"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--public-data", type=Path, help="the public sets")
    parser.add_argument("--model", type=Path, action="append", default=[], help="beside the one that ships")
    parser.add_argument("--other-scripts", action="store_true", help="only texts that have words in other scripts")
    parser.add_argument("--language", help="only texts in this language, such as en")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    args = parser.parse_args()
    split = sensitivity.gather(sensitivity.Sources(authored=(AUTHORED,), public=args.public_data), Recipe())
    if args.other_scripts:
        split = those(split, lambda text, _: FOREIGN.search(text) is not None)
    if args.language:
        split = those(split, lambda _, language: language == args.language)
    found = {str(model or "shipped"): measured(model, split) for model in (None, *args.model)}
    if args.json is not None:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    Console().print(table_of(found))
    return 0


def those(split: Split, counts: Callable[[str, str], bool]) -> Split:
    """The same with only the held-out texts that count, by text and language, and no public requests."""
    held_out = tuple(text for text in split.held_out if counts(text.text, text.lang))
    spans = tuple(text for text in split.spans.held_out if counts(text.text, text.lang))
    return replace(split, held_out=held_out, public_held_out=(), spans=replace(split.spans, held_out=spans))


def measured(folder: Path | None, split: Split) -> dict[str, Any]:
    """All figures of a model."""
    reader = load_reader(None if folder is None else str(folder))
    held_out = sensitivity.with_fixed_values(split.held_out)
    public = sensitivity.with_fixed_values(split.public_held_out)
    line = sensitivity.line_of(reader, held_out)
    report = {"held_out": figures(held_out, np.array([reader.logit(text.text) for text in held_out]), line)}
    if public:
        report["public"] = figures(public, np.array([reader.logit(text.text) for text in public]), line)
    report["spans"] = sensitivity.span_report(reader, held_out, split.spans.held_out)
    return report


def table_of(found: dict[str, dict[str, Any]]) -> Table:
    """A row for each figure, a column for each model."""
    table = Table("", *(Path(name).name for name in found), box=None)
    for name in ("held_out", "public"):
        if all(name in report for report in found.values()):
            for key in ("auc", "kept_of_those_that_must_stay", "kept_of_harmless"):
                table.add_row(f"{name}: {key}", *(shown(report[name][key]) for report in found.values()))
    for key in ("recall", "precision"):
        table.add_row(f"spans: {key}", *(shown(report["spans"][key]) for report in found.values()))
        names = (report["spans"]["by_type"]["NAME"][key] for report in found.values())
        table.add_row(f"names: {key}", *map(shown, names))
    return table


def shown(value: Any) -> str:
    return f"{value['share']:.3f} of {value['of']}" if isinstance(value, dict) else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
