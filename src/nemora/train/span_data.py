"""All texts with spans that a run learns from, and those it is measured on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nemora.train.authored import is_held_out
from nemora.train.span_sources import read_authored_spans, read_public_spans
from nemora.train.span_templates import generate
from nemora.train.span_text import SpanText

GENERATED = 12000
GENERATED_HELD_OUT = 1200


@dataclass(frozen=True)
class SpanSplit:
    """Whole groups are either learned from or held out."""

    learned: tuple[SpanText, ...]
    held_out: tuple[SpanText, ...]


def gather_spans(authored: Sequence[Path], public: Path | None, seed: int, *, generated: int = GENERATED) -> SpanSplit:
    """Authored requests, texts from templates, public sets: the same for the same seed.

    Raises:
        UsageError: a folder holds what cannot be read.
    """
    texts = [text for folder in authored for text in read_authored_spans(folder, seed)]
    if public is not None:
        texts += read_public_spans(public, random.Random(seed))
    learned = [text for text in texts if not is_held_out(text.group)]
    held_out = [text for text in texts if is_held_out(text.group)]
    learned += generate(generated, seed, held_out=False)
    held_out += generate(min(generated // 8, GENERATED_HELD_OUT), seed + 1, held_out=True)
    return SpanSplit(tuple(learned), tuple(held_out))
