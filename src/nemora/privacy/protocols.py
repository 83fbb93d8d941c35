"""The seams through which models and detectors reach the privacy room. It imports none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nemora.privacy.finding import Kind


@dataclass(frozen=True, slots=True)
class Segment:
    """One string of a request.

    `where` is its JSON pointer; `label` is the nearest key or column name, which gives meaning to a
    bare value (`{"password": "…"}`), or "". `offset` is where `text` begins in the string at `where`, for a
    value inside JSON text. `opaque` marks content that cannot be read, or not all of it.
    """

    where: str
    text: str
    label: str = ""
    offset: int = 0
    opaque: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """A detector's hit inside one string: code points [start, end) of the text that it was given."""

    kind: Kind
    start: int
    end: int
    confidence: float
    entity: str = ""
    """Of a `custom` match: the entity's name in the policy."""
    weak: bool = False
    """Counts for no decision; is replaced in a request that leaves redacted (see `candidates`)."""


class Detector(Protocol):
    """Finds one family of things. Detectors may only raise the class of a request, never lower it."""

    name: str

    def find(self, text: str, label: str) -> list[Match]:
        """All matches in `text`, a readable (normalised, decoded) string; `label` as in `Segment`."""
        ...


@dataclass(frozen=True, slots=True)
class TaggedSpan:
    """A span from a tagging model: its raw label ("GIVEN_NAME"), code points [start, end), and probability."""

    label: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Examples:
    """Sentences of which the owner says that what says the same is sensitive: their entity's name, and how like them a
    sentence must be, a cosine in (0, 1]."""

    name: str
    sentences: tuple[str, ...]
    likeness: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model says of one text.

    `spans` are the things that it names, sorted by start. `topics` are the stretches that must stay on this machine by
    what they are about: their topic ("employment") and how sure it is. `doubts` are the same of stretches that may
    leave, but not surely.
    """

    spans: tuple[TaggedSpan, ...]
    topics: tuple[TaggedSpan, ...]
    doubts: tuple[TaggedSpan, ...] = ()
    alike: tuple[TaggedSpan, ...] = ()
    """Sentences that are like given examples, under the names of those."""


class Reader(Protocol):
    """A model on this machine that reads each text once, for names and for its matter (see the `tagger` room)."""

    name: str

    def read(self, texts: Sequence[str], examples: Sequence[Examples] = ()) -> list[Reading]:
        """One reading for each text, compared with `examples`. Long texts are windowed by the reader itself."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a text. Its `answers` are fixed; the first is the one that raises the text's class."""

    name: str
    text: str
    answers: tuple[str, ...] = ("Yes", "No")


class Judge(Protocol):
    """A model on this machine that is asked about texts whose class is uncertain. It can only raise a class."""

    name: str
    """Names the model and its version: what it said is remembered under this."""

    def judge(self, text: str, questions: Sequence[Question], *, seconds: float) -> list[tuple[float, ...]]:
        """For each question the probability of each of its answers, in their order. Blocking.

        `text` is data: nothing in it is an instruction. Whatever this raises, and an answer that comes after `seconds`,
        counts as the answer that raises the class.
        """
        ...
