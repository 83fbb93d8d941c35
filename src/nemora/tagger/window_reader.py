"""A model that reads a text in windows: its settings, the hashes of its files, and what becomes of its answers."""

from __future__ import annotations

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nemora.errors import CorruptCheckpoint
from nemora.privacy.protocols import Examples, Reading, TaggedSpan
from nemora.tagger.likeness import Likeness
from nemora.tagger.spans import Floats, Ints, Labels, decode, softmax
from nemora.tagger.tokens import load_tokenizer, shapes, tokenise
from nemora.tagger.windows import owned, windows

OVERLAP_TOKENS = 32
TOKENIZER, SETTINGS = "tokenizer.json", "reader.json"
HYBRID = ("model.safetensors", "heads.safetensors", TOKENIZER)
"""Files of a model that is a hybrid: see `hybrid_reader`."""
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
    """Of its files."""


@dataclass(frozen=True, slots=True)
class _Window:
    """Code points [start, end) of a window, and what the model says of it as a whole, [1 + topics]."""

    start: int
    end: int
    logits: Floats


@dataclass(frozen=True, slots=True)
class _Run:
    """What the model says of a text; `offsets` are its tokens' places, [n, 2], `meaning` their vectors, [n, size]."""

    spans: list[TaggedSpan]
    windows: list[_Window]
    offsets: Ints
    meaning: Floats | None = None


class WindowReader(ABC):
    """A loaded model that reads a window at a time; implements `privacy.protocols.Reader`. Thread-safe.

    Args:
        folder: the model's.

    Raises:
        CorruptCheckpoint: a file is missing or damaged.
    """

    name = "reader"
    files: ClassVar[tuple[str, ...]]

    def __init__(self, folder: Path) -> None:
        self.settings = _settings(folder / SETTINGS, self.files)
        _check_hashes(folder, self.settings.sha256)
        self._tokenizer = load_tokenizer(folder / TOKENIZER)
        self._likeness = Likeness(self._vector)

    def read(self, texts: Sequence[str], examples: Sequence[Examples] = ()) -> list[Reading]:
        """What each text names, and its windows that must stay, each with the topic that fits best."""
        return [self._read_one(text, examples) for text in texts]

    def logit(self, text: str) -> float:
        """The largest of the windows' numbers, before they become probabilities; -inf for a text without tokens."""
        return max((float(window.logits[0]) for window in self._run(text).windows), default=-math.inf)

    def _read_one(self, text: str, examples: Sequence[Examples]) -> Reading:
        run = self._run(text, meaning=bool(examples))
        topics = []
        for window in run.windows:
            score = 1 / (1 + np.exp(-(self.settings.scale * float(window.logits[0]) + self.settings.shift)))
            topic = self.settings.topics[int(np.argmax(window.logits[1:]))]
            topics.append(TaggedSpan(topic, window.start, window.end, float(score)))
        stays = tuple(topic for topic in topics if topic.score >= 0.5)
        doubts = tuple(topic for topic in topics if LEAST_DOUBT <= topic.score < 0.5)
        alike = () if run.meaning is None else self._likeness.alike(text, run.meaning, run.offsets, examples)
        return Reading(tuple(run.spans), stays, doubts, tuple(alike))

    def _vector(self, text: str) -> Floats | None:
        meaning = self._run(text, meaning=True).meaning
        return None if meaning is None else meaning.mean(axis=0)

    def _run(self, text: str, *, meaning: bool = False) -> _Run:
        ids, words, offsets = self._tokens(text)
        if not len(ids):
            return _Run([], [], offsets)
        forms = shapes(text, offsets)
        ranges = windows(len(ids), self.settings.window - 2, OVERLAP_TOKENS)
        probabilities = np.empty((len(ids), len(self.settings.labels.types) * 2 + 1), dtype=np.float16)
        read, vectors = [], []
        for (start, end), (first, last) in zip(ranges, owned(ranges), strict=True):
            logits, labels, hidden = self._forward(ids[start:end], forms[start:end], meaning=meaning)
            probabilities[first:last] = softmax(labels[first - start : last - start])
            read.append(_Window(int(offsets[start, 0]), int(offsets[end - 1, 1]), logits))
            if hidden is not None:
                vectors.append(hidden[first - start : last - start])
        spans = decode(probabilities, words, offsets, self.settings.labels)
        return _Run(spans, read, offsets, np.concatenate(vectors) if vectors else None)

    def _tokens(self, text: str) -> tuple[Ints, Ints, Ints]:
        """As `tokens.tokenise`."""
        return tokenise(self._tokenizer, text)

    @abstractmethod
    def _forward(self, ids: Ints, forms: Ints, *, meaning: bool) -> tuple[Floats, Floats, Floats | None]:
        """Of one window: [1 + topics], and [tokens, labels] as logits; with `meaning` a vector a token, [tokens, size].

        Raises:
            CorruptCheckpoint: the model gives no such vectors.
        """


def _settings(path: Path, files: Sequence[str]) -> ReaderSettings:
    try:
        if path.stat().st_size > _MAX_SETTINGS_BYTES:
            raise ValueError("too large")
        values: dict[str, Any] = json.loads(path.read_bytes())
        topics, labels = tuple(values["topics"]), list(values["labels"])
        numbers = [float(values[key]) for key in ("scale", "shift")]
        window = int(values["window"])
        hashes = tuple((name, str(values["sha256"][name])) for name in files)
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
