"""Texts with spans from where they lie: requests written by hand, and public sets."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nemora.errors import UsageError
from nemora.train.authored import MARK
from nemora.train.person_name import address_pieces, name_pieces
from nemora.train.request_lines import request_lines
from nemora.train.span_labels import (
    ABSENT_FROM_HARMLESS,
    AUTHORED,
    PUBLIC,
    PUBLIC_KNOWN,
    TYPES,
    UNKNOWN,
)
from nemora.train.span_text import Piece, SpanText, joined, taken_apart

MAX_ROWS = 2500
"""Rows taken of each public set that labels spans; of one that labels none, a fifth of that."""
_SLOT_TYPES = {
    "aws_key": "SECRET", "github_token": "SECRET", "stripe_key": "SECRET", "jwt": "SECRET", "private_key": "SECRET",
    "hex_key": "SECRET", "card": "CREDIT_CARD", "ssn": "GOVERNMENT_ID", "iban": "BANK_ACCOUNT",
    "national_id": "GOVERNMENT_ID", "passport": "PASSPORT", "phone": "PHONE",
}  # fmt: skip
_SLOT = re.compile(r"(\{\{[a-z_]+\}\})")
_MONEY = frozenset({"personal_finance", "employment"})


def read_authored_spans(folder: Path) -> list[SpanText]:
    """The requests of `authored.read_authored`, in its order, with their marks as spans and their slots still empty.

    A public text's marks say where private data would be; it names public people and places without a mark, so nothing
    is said about these. Amounts are a person's where the topic is that person's money; elsewhere they are unknown.

    Raises:
        UsageError: a line is not a request with marked spans.
    """
    return [authored_row(line, where) for where, line in request_lines(folder)]


def authored_row(line: str, where: str) -> SpanText:
    """One such line. `where` stands in the error. Raises as above."""
    try:
        row = json.loads(line)
        text, public = str(row["text"]), row["class"] == "public"
        money = bool(_MONEY & set(row["topics"]))
        group, lang = str(row["group"]), str(row.get("lang", "en"))
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{where} is not a labelled request with text, class, topics and group.") from None
    pieces: list[Piece] = []
    at = 0
    for match in MARK.finditer(text):
        if match[1] not in AUTHORED:
            raise UsageError(f"{where} marks a type that is not known; expected one of {', '.join(sorted(AUTHORED))}.")
        pieces += _free(text[at : match.start()], public)
        kind = "SALARY" if match[1] == "AMOUNT" and money else AUTHORED[match[1]]
        pieces += _split(match[2], kind)
        at = match.end()
    text, spans = joined([*pieces, *_free(text[at:], public)])
    return SpanText(text, spans, lang, "authored", group, ABSENT_FROM_HARMLESS if public else _AUTHORED_KNOWN)


_AUTHORED_KNOWN = frozenset(TYPES) - {"URL", "SALARY", "RECORD_ID", "CITY", "STATE", "HEALTH_CONDITION", "MEDICATION"}
"""Towns, illnesses and the rest of these were marked where they single somebody out, not wherever they stand."""


def _free(text: str, public: bool) -> list[Piece]:
    """Text without a mark. What fills a slot in it has the slot's type, unless the text is public: then it is shown."""
    return [
        (part, _SLOT_TYPES.get(part[2:-2]) if not public and _SLOT.fullmatch(part) else None)
        for part in _SLOT.split(text)
        if part
    ]


def _split(value: str, kind: str | None) -> list[Piece]:
    if kind == "PERSON":
        return name_pieces(value)
    return address_pieces(value) if kind == "ADDRESS" else [(value, kind)]


def read_public_spans(folder: Path, draw: random.Random) -> list[SpanText]:
    """Rows of the .jsonl and .jsonl.gz files in `folder`: `text`, `spans` [[start, end, type], …] or `label`.

    A set that is not in `PUBLIC` and labels its texts harmless teaches only that strong types are absent from them.

    Raises:
        UsageError: the folder has no such file, or a row is not like that.
    """
    files = sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz")])
    if not files:
        raise UsageError(f"{folder} holds no .jsonl or .jsonl.gz file of labelled texts.")
    return [text for file in files for text in _capped(list(_public_rows(file, draw)), draw)]


def _capped(rows: Sequence[SpanText], draw: random.Random) -> list[SpanText]:
    share = MAX_ROWS if any(row.spans for row in rows) else MAX_ROWS // 5
    return draw.sample(rows, min(share, len(rows)))


def _public_rows(file: Path, draw: random.Random) -> Iterator[SpanText]:
    data = file.read_bytes()
    source = file.name.split(".")[0]
    for number, line in enumerate(
        (gzip.decompress(data) if file.suffix == ".gz" else data).decode("utf-8").split("\n")
    ):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            text, lang, label = str(row["text"]), str(row.get("lang", "en")), row.get("label")
            spans = [(int(start), int(end), str(kind)) for start, end, kind in row.get("spans", [])]
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{file.name} has a line that is not a JSON object with a text and spans.") from None
        group = f"{source}:{number}"
        if source in PUBLIC:
            yield _labelled(SpanText(text, tuple(spans), lang, source, group, PUBLIC_KNOWN[source]), draw)
        elif label == "benign":
            yield SpanText(text, (), lang, source, group, ABSENT_FROM_HARMLESS)


def _labelled(row: SpanText, draw: random.Random) -> SpanText:
    """A row with our types, and with the punctuation where people put it, in two of three rows."""
    table = PUBLIC[row.source]
    pieces: list[Piece] = []
    before = ""
    for part, kind in taken_apart(row.text, sorted(row.spans)):
        mapped = table.get(kind) if kind else None
        if mapped == "PERSON" and (before.rstrip().endswith("@") or part.startswith("@")):
            mapped = "HANDLE"
        elif mapped == "PERSON" and not re.match(r"[^\W\d]", part):
            mapped = UNKNOWN
        pieces += _split(part, mapped)
        before = part
    if row.source in _TOKENISED and draw.random() < 0.67:
        pieces = detokenised(pieces)
    text, spans = joined(pieces)
    return replace(row, text=text, spans=spans)


_TOKENISED = frozenset({"btc", "wnut17_train", "wikigold"})
_LEFT = re.compile(r" (?=[.,;:!?%)\]}]|'s\b|n't\b|'(?:re|ve|ll|d|m)\b)")
_RIGHT = re.compile(r"(?<=[(\[{@#$£€]) ")


def detokenised(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces of a text whose tokens are parted by spaces, with the spaces that people would not write taken out."""
    text = "".join(part for part, _ in pieces)
    dropped = {match.start() for pattern in (_LEFT, _RIGHT) for match in pattern.finditer(text)}
    kept: list[Piece] = []
    at = 0
    for part, kind in pieces:
        kept.append(("".join(c for i, c in enumerate(part, at) if i not in dropped), kind))
        at += len(part)
    return kept
