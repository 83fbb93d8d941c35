"""The model that reads every text once: what it is about, whether that must stay on this machine, and what it names.

A sentence encoder of six layers with two heads, on onnxruntime; how it is trained: recipes/sensitivity/README.md.
Windows run one at a time. Activations are quantised per call, so a batch would let one text change another's answer;
on a CPU thread it would save about a tenth for very short texts and nothing for others.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from nemora.errors import CorruptCheckpoint
from nemora.privacy.protocols import Reading, TaggedSpan
from nemora.tagger.spans import Floats, Ints, Labels, decode, softmax
from nemora.tagger.tokens import SPECIAL_SHAPE, load_session, load_tokenizer, shapes, special_token, tokenise
from nemora.tagger.windows import owned, windows

OVERLAP_TOKENS = 32
MODEL, TOKENIZER, SETTINGS = "model.onnx", "tokenizer.json", "reader.json"
SHIPPED = "reader_model"
LEAST_DOUBT = 0.02
"""Windows with a lower score surely may leave."""
_MAX_SETTINGS_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """`scale` and `shift` make of the model's number the probability that a text must stay; 0.5 is where it does."""

    topics: tuple[str, ...]
    labels: Labels
    scale: float
    shift: float
    window: int
    sha256: tuple[tuple[str, str], ...]
    """Of the model and the tokenizer."""


@dataclass(frozen=True, slots=True)
class _Window:
    """Code points [start, end) of a window, and what the model says of it as a whole, [1 + topics]."""

    start: int
    end: int
    logits: Floats


class TextReader:
    """A loaded model; implements `privacy.protocols.Reader`. Thread-safe.

    Args:
        folder: what `nemora train sensitivity` wrote.
        threads: cores for one window.

    Raises:
        CorruptCheckpoint: a file is missing or damaged.
    """

    name = "reader"

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self.settings = _settings(folder / SETTINGS)
        _check_hashes(folder, self.settings.sha256)
        self._tokenizer = load_tokenizer(folder / TOKENIZER)
        self._session = load_session(folder / MODEL, threads)
        self._first, self._last = (special_token(self._tokenizer, token) for token in ("[CLS]", "[SEP]"))

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """What each text names, and its windows that must stay, each with the topic that fits best."""
        return [self._read_one(text) for text in texts]

    def logit(self, text: str) -> float:
        """The largest of the windows' numbers, before they become probabilities; -inf for a text without tokens."""
        return max((float(window.logits[0]) for window in self._run(text)[1]), default=-math.inf)

    def _read_one(self, text: str) -> Reading:
        spans, read = self._run(text)
        topics = []
        for window in read:
            score = 1 / (1 + np.exp(-(self.settings.scale * float(window.logits[0]) + self.settings.shift)))
            topic = self.settings.topics[int(np.argmax(window.logits[1:]))]
            topics.append(TaggedSpan(topic, window.start, window.end, float(score)))
        stays = tuple(topic for topic in topics if topic.score >= 0.5)
        doubts = tuple(topic for topic in topics if LEAST_DOUBT <= topic.score < 0.5)
        return Reading(tuple(spans), stays, doubts)

    def _run(self, text: str) -> tuple[list[TaggedSpan], list[_Window]]:
        ids, words, offsets = tokenise(self._tokenizer, text)
        if not len(ids):
            return [], []
        forms = shapes(text, offsets)
        ranges = windows(len(ids), self.settings.window - 2, OVERLAP_TOKENS)
        probabilities = np.empty((len(ids), len(self.settings.labels.types) * 2 + 1), dtype=np.float16)
        read = []
        for (start, end), (first, last) in zip(ranges, owned(ranges), strict=True):
            logits, labels = self._forward(ids[start:end], forms[start:end])
            probabilities[first:last] = softmax(labels[first - start : last - start])
            read.append(_Window(int(offsets[start, 0]), int(offsets[end - 1, 1]), logits))
        return decode(probabilities, words, offsets, self.settings.labels), read

    def _forward(self, ids: Ints, forms: Ints) -> tuple[Floats, Floats]:
        """Of one window: [1 + topics], and [tokens, labels] as logits."""
        row = np.concatenate(([self._first], ids, [self._last]))[None, :]
        form = np.concatenate(([SPECIAL_SHAPE], forms, [SPECIAL_SHAPE]))[None, :]
        logits, labels = self._session.run(["logits", "labels"], {"ids": row, "shapes": form})
        return logits[0], labels[0, 1:-1]


def load_reader(folder: str | None = None, *, threads: int = 1) -> TextReader:
    """The model in `folder`, or the one that ships with Nemora.

    Raises:
        CorruptCheckpoint: a file is missing or damaged.
    """
    if folder is not None:
        return TextReader(Path(folder), threads=threads)
    with shipped_folder() as shipped:
        return TextReader(shipped, threads=threads)


def shipped_folder() -> AbstractContextManager[Path]:
    """The folder of the model that ships with Nemora, for as long as the context lasts."""
    return resources.as_file(resources.files("nemora.tagger") / SHIPPED)


def _settings(path: Path) -> ReaderSettings:
    try:
        if path.stat().st_size > _MAX_SETTINGS_BYTES:
            raise ValueError("too large")
        values: dict[str, Any] = json.loads(path.read_bytes())
        topics, labels = tuple(values["topics"]), list(values["labels"])
        numbers = [float(values[key]) for key in ("scale", "shift")]
        window = int(values["window"])
        hashes = tuple((name, str(values["sha256"][name])) for name in (MODEL, TOKENIZER))
        if not topics or not all(isinstance(name, str) for name in (*topics, *labels)):
            raise ValueError("no settings")
        if not np.isfinite(numbers).all() or numbers[0] <= 0 or not 2 * OVERLAP_TOKENS <= window <= 512:
            raise ValueError("out of range")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise CorruptCheckpoint(
            f"{path.name} of the model that reads requests is missing or damaged; install it anew."
        ) from None
    return ReaderSettings(topics, Labels.of(labels), numbers[0], numbers[1], window, hashes)


def _check_hashes(folder: Path, hashes: Sequence[tuple[str, str]]) -> None:
    for name, expected in hashes:
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError:
            found = ""
        if found != expected:
            raise CorruptCheckpoint(
                f"{name} of the model that reads requests is missing or is not the one that was trained."
            )
