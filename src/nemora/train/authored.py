"""Requests that were written by hand, with their labels: the data that the topic model learns from.

One JSON object a line: `text` with spans marked as [[TYPE|value]], `class` (docs/labelling.md), `topics`, `lang`,
`form` and `group`. A value {{slot}} stands for a number or key that must not lie in a repository; it is drawn anew each
time.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemora.errors import UsageError
from nemora.train.request_lines import request_lines

TOPICS = (
    "health", "intimate", "belief", "minors", "personal_finance", "identity", "credentials", "legal", "employment",
    "whereabouts", "crime", "correspondence", "strategy", "business_finance", "customers", "code", "infrastructure",
    "security", "unreleased",
)  # fmt: skip
STAYING = ("confidential", "secret")
CLASSES = ("public", "personal", *STAYING)
MARK = re.compile(r"\[\[([A-Z_]+)\|([^\[\]|]+)\]\]")
_SLOT = re.compile(r"\{\{([a-z_]+)\}\}")


@dataclass(frozen=True, slots=True)
class Example:
    """A text with what is known of it: `stays`, `topics` and `spans` are None where nobody has said.

    `spans` are (start, end, type), sorted, not overlapping, in code points; `known` are the types of which unmarked
    text is known to be none (`span_labels.columns_hidden_by_o`).
    """

    text: str
    stays: bool | None
    topics: tuple[str, ...] | None
    group: str
    lang: str = "en"
    source: str = "authored"
    spans: tuple[tuple[int, int, str], ...] | None = None
    known: frozenset[str] = frozenset()


def read_authored(folder: Path) -> list[Example]:
    """Every request in the .jsonl files of a folder, or in one file, with its slots still empty.

    Raises:
        UsageError: there is no file, or a line has not the form that is described above.
    """
    return [_example(line, where) for where, line in request_lines(folder)]


def labelled_row(line: str, where: str) -> dict[str, Any]:
    """A row with a text and with labels that are known, so far as it has some.

    Raises:
        UsageError: it is not so; the sentence begins with `where` and repeats nothing of the row.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise UsageError(f"{where} is not valid JSON; one JSON object a line was expected.") from None
    if not isinstance(row, dict):
        raise UsageError(f"{where} is JSON, but not an object with text and labels.")
    if not isinstance(row.get("text"), str) or not row["text"].strip():
        raise UsageError(f"{where} has no text: write the request as a string under the key text.")
    kind, topics = row.get("class"), row.get("topics")
    if kind is not None and not (isinstance(kind, str) and kind in CLASSES):
        raise UsageError(f"{where} has an unknown class; expected one of {', '.join(CLASSES)}.")
    known = isinstance(topics, list) and all(isinstance(topic, str) and topic in TOPICS for topic in topics)
    if topics is not None and not known:
        raise UsageError(f"{where} has topics that are not a list of known ones; expected some of {', '.join(TOPICS)}.")
    return row


def _example(line: str, where: str) -> Example:
    row = labelled_row(line, where)
    for key in ("class", "topics", "group"):
        if row.get(key) is None:
            raise UsageError(
                f"{where} has no {key}: text, class, topics and group are needed to train anew; with --from, a class "
                "or topics are enough."
            )
    text, lang = MARK.sub(r"\2", row["text"]), str(row.get("lang", "en"))
    return Example(text, row["class"] in STAYING, tuple(row["topics"]), str(row["group"]), lang)


def is_held_out(group: str, share: float = 0.15) -> bool:
    """Whether a group of requests is kept for validation; the same everywhere, and whole groups only."""
    digest = hashlib.sha256(group.encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def filled(text: str, draw: random.Random) -> str:
    """The text with new values in its slots; what only looks like one stays, as in a template that is shown."""
    return _SLOT.sub(lambda match: SLOTS[match[1]](draw) if match[1] in SLOTS else match[0], text)


def _letters(draw: random.Random, alphabet: str, count: int) -> str:
    return "".join(draw.choices(alphabet, k=count))


_BASE62 = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"


def _card(draw: random.Random) -> str:
    """A number with a valid check digit (ISO/IEC 7812)."""
    digits = [int(digit) for digit in draw.choice(["4", "51", "55", "37", "6011"])]
    digits += [draw.randrange(10) for _ in range(15 - len(digits))]
    doubled = [2 * digit - 9 * (digit > 4) if index % 2 == 0 else digit for index, digit in enumerate(digits)]
    number = "".join(map(str, digits)) + str(-sum(doubled) % 10)
    return draw.choice([number, " ".join(number[i : i + 4] for i in range(0, 16, 4))])


def _iban(draw: random.Random) -> str:
    country, length = draw.choice([("DE", 18), ("FR", 23), ("NL", 14), ("ES", 20), ("GB", 18), ("PL", 24)])
    rest = _letters(draw, string.digits, length)
    if country in ("NL", "GB"):
        rest = _letters(draw, string.ascii_uppercase, 4) + rest[4:]
    number = int("".join(str(int(c, 36)) for c in rest + country + "00"))
    return f"{country}{98 - number % 97:02}{rest}"


def _phone(draw: random.Random) -> str:
    digits = _letters(draw, string.digits, 7)
    shapes = [
        f"+1 {draw.randrange(201, 989)}-{draw.randrange(200, 999)}-{digits[:4]}",
        f"+49 17{draw.randrange(10)} {digits}",
        f"+44 77{digits[:2]} {digits[1:]}",
        f"0{draw.randrange(6, 8)} {digits[:2]} {digits[2:4]} {digits[3:5]} {digits[5:]}",
        f"({draw.randrange(201, 989)}) {digits[:3]}-{digits[3:]}",
    ]
    return draw.choice(shapes)


SLOTS: dict[str, Callable[[random.Random], str]] = {
    "aws_key": lambda draw: "AKIA" + _letters(draw, string.ascii_uppercase + "234567", 16),
    "github_token": lambda draw: draw.choice(["ghp_", "gho_"]) + _letters(draw, _BASE62, 36),
    "stripe_key": lambda draw: "sk_live_" + _letters(draw, _BASE62, 24),
    "jwt": lambda draw: ".".join("eyJ" + _letters(draw, _BASE62 + "_-", size) for size in (20, 60, 40)),
    "private_key": lambda draw: (
        "-----BEGIN PRIVATE KEY-----\n"
        + "\n".join(_letters(draw, _BASE62 + "+/", 64) for _ in range(3))
        + "\n-----END PRIVATE KEY-----"
    ),
    "hex_key": lambda draw: _letters(draw, _HEX, draw.choice([32, 40, 64])),
    "card": _card,
    "ssn": lambda draw: f"{draw.randrange(100, 772)}-{draw.randrange(1, 99):02}-{draw.randrange(1, 9999):04}",
    "iban": _iban,
    "national_id": lambda draw: _letters(draw, string.digits, draw.choice([9, 10, 11])),
    "passport": lambda draw: _letters(draw, string.ascii_uppercase, 2) + _letters(draw, string.digits, 7),
    "phone": _phone,
}


def windows(text: str, size: int = 1200) -> Iterator[str]:
    """A long text in pieces of about `size` characters, cut at line ends or spaces."""
    start = 0
    while start < len(text):
        end = min(start + size, len(text))
        if end < len(text):
            cut = max(text.rfind("\n", start + size // 2, end), text.rfind(" ", start + size // 2, end))
            end = cut + 1 if cut > 0 else end
        yield text[start:end]
        start = end
