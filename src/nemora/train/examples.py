"""From labelled texts to what a step of training sees: public texts beside authored ones, layouts, typos, mixtures."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nemora.errors import UsageError
from nemora.train.authored import Example, filled, windows

MAX_PUBLIC_ROWS = 250
"""Rows taken of each public set: many more than these drown the authored ones."""
STAYING_LABELS = ("health", "finance")


def read_public(folder: Path, draw: random.Random) -> list[Example]:
    """Rows with a label of the .jsonl and .jsonl.gz files in `folder`: `text`, `label` (benign, health, finance, …).

    Raises:
        UsageError: the folder has no such file, or a row is not like that.
    """
    files = sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz")])
    if not files:
        raise UsageError(f"{folder} holds no .jsonl or .jsonl.gz file of labelled texts.")
    return [example for file in files for example in _rows(file, draw)]


def _rows(file: Path, draw: random.Random) -> list[Example]:
    data = file.read_bytes()
    source = file.name.split(".")[0]
    found: list[Example] = []
    for line in (gzip.decompress(data) if file.suffix == ".gz" else data).decode("utf-8").split("\n"):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            text, label = row["text"], row.get("label")
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{file.name} has a line that is not a JSON object with a text.") from None
        group = f"{source}:{len(found)}"
        if label == "benign":
            found.append(Example(text, False, (), group, row.get("lang", "en"), source))
        elif label in STAYING_LABELS:
            found.append(Example(text, True, None, group, row.get("lang", "en"), source))
    return draw.sample(found, min(MAX_PUBLIC_ROWS, len(found)))


class Varied:
    """Draws examples as they might come: in layouts, mistyped, alone or within longer harmless text."""

    def __init__(self, examples: Sequence[Example], draw: random.Random) -> None:
        self.draw = draw
        self.harmless = [example for example in examples if not example.stays]

    def vary(self, example: Example) -> Example:
        """The example with fresh values, and sometimes in other surroundings. Its labels hold for what it becomes."""
        text = filled(example.text, self.draw)
        if self.draw.random() < 0.15:
            text = self._among_harmless(text)
        if self.draw.random() < 0.12:
            text = self._in_layout(text)
        if self.draw.random() < 0.12:
            text = mistyped(text, self.draw)
        return replace(example, text=text)

    def _among_harmless(self, text: str) -> str:
        neighbours = [filled(self.draw.choice(self.harmless).text, self.draw)[:800] for _ in range(2)]
        keep = self.draw.choice([(0,), (1,), (0, 1)])
        before, after = (neighbours[i] if i in keep else "" for i in (0, 1))
        return self.draw.choice(["\n", "\n\n", "\n---\n"]).join(part for part in (before, text, after) if part)

    def _in_layout(self, text: str) -> str:
        return self.draw.choice(LAYOUTS)(text)


LAYOUTS = (
    lambda text: json.dumps({"role": "user", "content": text}, ensure_ascii=False),
    lambda text: "\n".join(f"> {line}" for line in text.splitlines()),
    lambda text: f"user: {text}",
    lambda text: f"```\n{text}\n```",
    lambda text: f"<document>\n{text}\n</document>",
    lambda text: text.upper() if len(text) < 200 else text,
    lambda text: " ".join(text.split()),
    lambda text: f"Summarise this:\n\n{text}",
    lambda text: f"{text}\n\nAnswer briefly.",
)


def mistyped(text: str, draw: random.Random) -> str:
    """A text with a few letters lost, doubled or swapped."""
    letters = list(text)
    for _ in range(max(1, len(letters) // 60)):
        at = draw.randrange(len(letters))
        if not letters[at].isalpha():
            continue
        match draw.randrange(3):
            case 0:
                letters[at] = ""
            case 1:
                letters[at] *= 2
            case _ if at + 1 < len(letters):
                letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


def parts_of(examples: Sequence[Example]) -> list[Example]:
    """Long texts as they are judged: in windows, each with the labels of the whole.

    A window of a confidential text may itself be harmless; so only the first two count as staying.
    """
    parts = []
    for example in examples:
        pieces = list(windows(example.text))
        for index, piece in enumerate(pieces):
            if index < 2 or not example.stays:
                parts.append(replace(example, text=piece))
    return parts
