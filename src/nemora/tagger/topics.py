"""The topic model: judges each window of a text by what it is about, and whether that must stay on this machine.

A sentence encoder of six layers with a linear head, on onnxruntime; how it is trained: recipes/sensitivity/README.md.
Windows run one at a time, as in `rampart`: so no text changes another's answer.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from nemora.errors import CorruptCheckpoint
from nemora.privacy.protocols import TaggedSpan
from nemora.tagger.rampart import load_session, load_tokenizer, special_token, tokenise
from nemora.tagger.spans import Floats
from nemora.tagger.windows import windows

OVERLAP_TOKENS = 32
MODEL, TOKENIZER, SETTINGS = "model.onnx", "tokenizer.json", "topics.json"
_MAX_SETTINGS_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """`scale` and `shift` make of the model's number the probability that a text must stay; 0.5 is where it does."""

    topics: tuple[str, ...]
    scale: float
    shift: float
    window: int
    sha256: tuple[tuple[str, str], ...]
    """Of the model and the tokenizer."""


class TopicTagger:
    """A loaded topic model; implements `privacy.protocols.Tagger`: a span for each window that must stay. Thread-safe.

    Raises:
        CorruptCheckpoint: a file is missing or damaged.
    """

    name = "topics"

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self.settings = _settings(folder / SETTINGS)
        _check_hashes(folder, self.settings.sha256)
        self._tokenizer = load_tokenizer(folder / TOKENIZER)
        self._session = load_session(folder / MODEL, threads)
        self._first, self._last = (special_token(self._tokenizer, token) for token in ("[CLS]", "[SEP]"))

    def tag(self, texts: Sequence[str]) -> list[list[TaggedSpan]]:
        """The windows of each text that must stay, each with the topic that fits best."""
        return [self._tag_one(text) for text in texts]

    def logit(self, text: str) -> float:
        """The largest of the windows' numbers, before they become probabilities; -inf for a text without tokens."""
        return max((float(logits[0]) for _, _, logits in self._windows(text)), default=-math.inf)

    def _tag_one(self, text: str) -> list[TaggedSpan]:
        spans = []
        for start, end, logits in self._windows(text):
            score = 1 / (1 + np.exp(-(self.settings.scale * float(logits[0]) + self.settings.shift)))
            if score >= 0.5:
                topic = self.settings.topics[int(np.argmax(logits[1:]))]
                spans.append(TaggedSpan(topic, start, end, float(score)))
        return spans

    def _windows(self, text: str) -> Iterator[tuple[int, int, Floats]]:
        """Each window's range of code points, and what the model says of it, [1 + topics]."""
        ids, _, offsets = tokenise(self._tokenizer, text)
        for start, end in windows(len(ids), self.settings.window - 2, OVERLAP_TOKENS):
            row = np.concatenate(([self._first], ids[start:end], [self._last]))[None, :].astype(np.int64)
            logits: Floats = self._session.run(["logits"], {"ids": row})[0][0]
            yield int(offsets[start, 0]), int(offsets[end - 1, 1]), logits


def load_topics(folder: str | None = None, *, threads: int = 1) -> TopicTagger:
    """The model in `folder`, or the one that ships with Nemora.

    Raises:
        CorruptCheckpoint: a file is missing or damaged.
    """
    if folder is not None:
        return TopicTagger(Path(folder), threads=threads)
    with resources.as_file(resources.files("nemora.tagger") / "topic_model") as shipped:
        return TopicTagger(shipped, threads=threads)


def _settings(path: Path) -> TopicSettings:
    try:
        if path.stat().st_size > _MAX_SETTINGS_BYTES:
            raise ValueError("too large")
        values: dict[str, Any] = json.loads(path.read_bytes())
        topics = tuple(values["topics"])
        numbers = [float(values[key]) for key in ("scale", "shift")]
        window = int(values["window"])
        hashes = tuple((name, str(values["sha256"][name])) for name in (MODEL, TOKENIZER))
        if not topics or not all(isinstance(topic, str) for topic in topics) or not np.isfinite(numbers).all():
            raise ValueError("no settings")
        if numbers[0] <= 0 or not 8 <= window <= 512:
            raise ValueError("out of range")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise CorruptCheckpoint(f"{path.name} of the topic model is missing or damaged; install it anew.") from None
    return TopicSettings(topics, numbers[0], numbers[1], window, hashes)


def _check_hashes(folder: Path, hashes: Sequence[tuple[str, str]]) -> None:
    for name, expected in hashes:
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError:
            found = ""
        if found != expected:
            raise CorruptCheckpoint(f"{name} of the topic model is missing or is not the one that was trained.")
