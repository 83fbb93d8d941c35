"""A company's own labelled requests, as the shipped model is adapted to them.

One JSON object a line: `text`, and `class` or `topics` or both; private data in the text may be marked as
[[TYPE|value]]; `lang` and `group` are optional. Topics without a class: a text that has some must stay, one that has
none may leave. A text without `group` is a group of its own.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from nemora.errors import UsageError
from nemora.train.authored import CLASSES, MARK, STAYING, Example, is_held_out, labelled_row
from nemora.train.request_lines import request_lines
from nemora.train.span_labels import EVERYWHERE
from nemora.train.span_sources import authored_row

LEAST_ROWS = 20
HELD_OUT = 0.2
"""Share of the groups that is kept to measure on; more than of the recipe's, since there are fewer."""


def read_own(files: list[Path]) -> list[Example]:
    """All rows of .jsonl files, or of those in folders.

    Raises:
        UsageError: no file, too few rows, or a row that is not as described above.
    """
    found = [own_row(line, where) for path in files for where, line in request_lines(path)]
    if len(found) < LEAST_ROWS:
        raise UsageError(
            f"There are {len(found)} labelled requests; at least {LEAST_ROWS} are needed to adapt a model."
        )
    return _known_by_marks(found)


def own_row(line: str, where: str) -> Example:
    """One row. `where` stands in the error. Raises as above."""
    row = labelled_row(line, where)
    text, kind, topics = row["text"], row.get("class"), row.get("topics")
    if kind is None and topics is None:
        raise UsageError(f"{where} has no label: a class ({', '.join(CLASSES)}) or topics were expected.")
    stays = kind in STAYING if kind is not None else bool(topics)
    group = str(row.get("group") or hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16])
    lang = str(row.get("lang", "en"))
    told = {"text": text, "class": kind or "confidential", "topics": topics or [], "group": group, "lang": lang}
    marked = authored_row(json.dumps(told), where)
    spans = marked.spans if MARK.search(text) else None
    return Example(marked.text, stays, None if topics is None else tuple(topics), group, lang, "own", spans)


def _known_by_marks(rows: list[Example]) -> list[Example]:
    """In a row with marks, text without one is none of the types that any row marks; but names, places and what else
    harmless texts hold too were perhaps marked only where they matter. Rows without marks say nothing about spans."""
    types = {kind for row in rows for *_, kind in row.spans or ()} - EVERYWHERE
    return [replace(row, known=frozenset(types)) for row in rows]


def split_own(rows: list[Example]) -> tuple[list[Example], list[Example]]:
    """Those that are learned from and those that are held out, by group.

    Raises:
        UsageError: all are in one of the two.
    """
    learned = [row for row in rows if not is_held_out(row.group, HELD_OUT)]
    held_out = [row for row in rows if is_held_out(row.group, HELD_OUT)]
    if not learned or not held_out:
        raise UsageError("The requests are in too few groups: some must be learned from and some held out.")
    return learned, held_out


def shipped_requests() -> Path:
    """The folder of the recipe's requests: in the package, or in the checkout that runs.

    Raises:
        UsageError: it is in neither.
    """
    here = Path(__file__).parent
    for folder in (here / "requests", here.parents[2] / "recipes" / "sensitivity" / "authored"):
        if folder.is_dir():
            return folder
    raise UsageError("The recipe's requests are not installed; name recipes/sensitivity/authored with --requests.")
