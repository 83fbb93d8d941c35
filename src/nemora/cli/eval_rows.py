"""Labelled rows as `nemora eval` reads them: what a row says of its text, and where its gold spans stand.

A row is a JSON object with one of

- `text`: one string,
- `messages`: a list as in chat completions,
- `request`: a whole body of chat completions;

and, where known, `class` (docs/labelling.md), `label` (`benign` or another word), `may_leave` (true or false), `spans`
(`[start, end, type]`, `{"start", "end", "type"}` or identifiers as substrings), `kind` or `adversarial` (a
disguise), `lang`, `endpoint`.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemora.errors import UsageError

NOT_IDENTIFYING = frozenset(
    {"LOCATION", "ORGANIZATION", "DATE_TIME", "TITLE", "PREFIX", "DOMAIN_NAME", "NRP", "AGE", "TIMESTAMP"}
    | {"ORGANIZATION_NAME", "GROUP", "CORPORATION", "CREATIVE_WORK", "PRODUCT", "MISC", "DATE", "PLACE_NAME"}
)
"""Types of gold spans that alone identify nobody (docs/labelling.md)."""
STAYS = {"confidential": True, "secret": True, "public": False}
CLASSES = frozenset({*STAYS, "personal", "arguable"})
"""What `class` may say (docs/labelling.md)."""
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", re.ASCII)
ENDPOINT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Gold:
    """A gold span of a text: code points, end exclusive; or, with `value`, wherever that string stands."""

    start: int
    end: int
    identifies: bool
    value: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled item. `number` is its line in its file, from 1. Its text is never printed and never stored."""

    set_name: str
    number: int
    text: str | None
    body: dict[str, Any] | None
    """A body of chat completions, where the row is no plain text."""
    gold: tuple[Gold, ...]
    private: bool | None
    """True: must not leave with what identifies; False: harmless; None: ordinary personal matters, or arguable."""
    word: str
    """The class or label that the row states, or "unlabelled"."""
    disguise: str
    language: str
    endpoint: str
    unknown_class: bool = False
    """It states a class that is none, and nothing that goes before the class: whether it must stay is not known."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The rows of some files, and how many lines and rows say nothing of use."""

    rows: list[Row]
    unread: int
    """Lines that are no row: broken JSON, or nothing to read."""

    @property
    def unknown_class(self) -> int:
        """Rows whose class is an unknown word."""
        return sum(row.unknown_class for row in self.rows)


def left_out(unread: int, unknown_class: int) -> str:
    """One line with the counts of what was left out, or "" if nothing was."""
    said = [
        f"lines that cannot be read as rows (broken JSON, or no text): {unread}" if unread else "",
        f"rows of an unknown class (none of {', '.join(sorted(CLASSES))}): {unknown_class}" if unknown_class else "",
    ]
    return f"Left out: {'; '.join(filter(None, said))}." if any(said) else ""


def gather(files: Sequence[Path], limit: int = 0) -> Gathered:
    """The rows of all files, the first `limit` of each if it is not 0.

    Raises:
        UsageError: a file cannot be read, or has lines of which none is a row; or there is no row at all.
    """
    rows: list[Row] = []
    unread = 0
    for file in files:
        taken = broken = 0
        for row in read_rows(file):
            if limit and taken >= limit:
                break
            if row is None:
                broken += 1
            else:
                rows.append(row)
                taken += 1
        if broken and not taken:
            raise UsageError(
                f"No line of {file.name} can be read as a row ({broken} tried): a JSON object with text, messages or a "
                "request was expected; see docs/evaluation.md."
            )
        unread += broken
    if not rows:
        raise UsageError("The data holds no row with a text, messages or a request; see docs/evaluation.md.")
    return Gathered(rows, unread)


def files_in(names: Sequence[Path]) -> list[Path]:
    """Every .jsonl and .jsonl.gz that is named or lies in a named folder. Raises `UsageError`."""
    found: list[Path] = []
    for name in names:
        if name.is_dir():
            inside = sorted(f for f in name.rglob("*") if f.name.endswith((".jsonl", ".jsonl.gz")))
            if not inside:
                raise UsageError("A folder of the data holds no .jsonl or .jsonl.gz file; name one that has some.")
            found += inside
        elif name.is_file():
            found.append(name)
        else:
            raise UsageError("A file or folder of the data does not exist; name .jsonl or .jsonl.gz files.")
    return found


def read_rows(file: Path) -> Iterator[Row | None]:
    """The rows of a file in order; None for a line that is none. Raises `UsageError` if the file cannot be read."""
    try:
        data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError, zlib.error):
        raise UsageError(
            f"The data file {file.name} cannot be read; name a .jsonl file or a whole .jsonl.gz."
        ) from None
    name = file.name.removesuffix(".gz").removesuffix(".jsonl")
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield parse_row(line, name, number)


def parse_row(line: bytes, set_name: str, number: int) -> Row | None:
    """One line as a row, or None where it is no JSON object with something to read."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    text, body = _content(entry)
    if text is None and body is None:
        return None
    spans = entry.get("spans")
    gold = tuple(g for span in spans if (g := _gold(span)) is not None) if isinstance(spans, list) else ()
    return Row(
        set_name=set_name,
        number=number,
        text=text,
        body=body,
        gold=gold,
        private=_private(entry, gold),
        word=_word(entry.get("class")) or _word(entry.get("label")) or "unlabelled",
        disguise=_word(entry.get("adversarial")) or _word(entry.get("kind")) or "none",
        language=_word(entry.get("lang")) or "unknown",
        endpoint=entry["endpoint"] if entry.get("endpoint") == ENDPOINT else ENDPOINT,
        unknown_class=_has_unknown_class(entry),
    )


def _content(entry: dict[str, Any]) -> tuple[str | None, dict[str, Any] | None]:
    if isinstance(entry.get("text"), str):
        return entry["text"], None
    if isinstance(entry.get("request"), dict):
        return None, {"model": "auto", **entry["request"]}
    if isinstance(entry.get("messages"), list):
        return None, {"model": "auto", "messages": entry["messages"]}
    return None, None


def _gold(span: Any) -> Gold | None:
    """A gold span in any of the known shapes; None for what is none."""
    if isinstance(span, str):
        return Gold(0, 0, identifies=True, value=span) if span else None
    if isinstance(span, dict):
        span = [span.get("start"), span.get("end"), span.get("type")]
    if not isinstance(span, list) or len(span) < 2 or not all(type(n) is int for n in span[:2]) or span[0] >= span[1]:
        return None
    return Gold(span[0], span[1], identifies=len(span) < 3 or span[2] not in NOT_IDENTIFYING)


def _private(entry: dict[str, Any], gold: Sequence[Gold]) -> bool | None:
    if isinstance(entry.get("may_leave"), bool):
        return not entry["may_leave"]
    if "class" in entry:
        return STAYS.get(entry["class"]) if isinstance(entry["class"], str) else None
    if isinstance(entry.get("label"), str):
        return bool(entry["label"] != "benign")
    if "spans" in entry:
        return True if any(g.identifies for g in gold) else None
    return False


def _has_unknown_class(entry: dict[str, Any]) -> bool:
    said = entry.get("class")
    decides = "class" in entry and not isinstance(entry.get("may_leave"), bool)
    return decides and not (isinstance(said, str) and said in CLASSES)


def _word(value: Any) -> str:
    """A short label as it may be printed; a longer one could be content."""
    return (
        value
        if isinstance(value, str) and len(value) <= 40 and value.replace("_", "").replace("-", "").isalnum()
        else ""
    )
