"""Texts of which only the spans are known: those that each epoch learns from, and those that a run is measured on."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from nemora.train.authored import is_held_out
from nemora.train.span_labels import PUBLIC
from nemora.train.span_sources import read_public_spans
from nemora.train.span_templates import generate
from nemora.train.span_text import SpanText

MOST_LEARNED = {"pii_anon": 700}
"""Rows that are learned from, of a set that few templates made: more rows say little more."""


@dataclass(frozen=True)
class SpanData:
    """Rows of public sets, and a seed for texts from templates. Whole groups are either learned from or held out."""

    learned: tuple[SpanText, ...]
    held_out: tuple[SpanText, ...]
    seed: int

    def of_epoch(self, epoch: int, generated: int) -> list[SpanText]:
        """Half of the rows, the other half in the next epoch, and `generated` new texts from templates."""
        draw = random.Random(f"{self.seed}:{epoch // 2}")
        rows = list(self.learned)
        draw.shuffle(rows)
        return [*rows[epoch % 2 :: 2], *generate(generated, 1000 * (self.seed + 1) + epoch, held_out=False)]


def gather_spans(public: Path | None, seed: int, *, generated: int) -> SpanData:
    """The same for the same seed; texts that are held out are an eighth of `generated`, and the held-out public rows.

    Raises:
        UsageError: a file cannot be read.
    """
    read = read_public_spans(public, random.Random(seed)) if public is not None else []
    rows = [row for row in read if row.source in PUBLIC]
    held_out = [row for row in rows if is_held_out(row.group)]
    held_out += generate(generated // 8, 1000 * (seed + 1) - 1, held_out=True)
    learned = [row for row in rows if not is_held_out(row.group)]
    return SpanData(tuple(_capped(learned, random.Random(seed))), tuple(held_out), seed)


def _capped(rows: list[SpanText], draw: random.Random) -> list[SpanText]:
    for source, most in MOST_LEARNED.items():
        own = [row for row in rows if row.source == source]
        rows = [row for row in rows if row.source != source] + draw.sample(own, min(most, len(own)))
    return rows
