"""How well topics are judged in texts not seen before, and where to draw the line between staying and leaving."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nemora.train.authored import TOPICS, Example

Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """probability = sigmoid(scale · logit + shift); a text stays from 0.5 on."""

    scale: float
    shift: float

    def probability(self, logits: Numbers) -> Numbers:
        return np.asarray(1 / (1 + np.exp(-(self.scale * logits + self.shift))))


def draw_line(logits: Numbers, stays: Numbers, *, false_alarms: float) -> Line:
    """The line above which that share of the harmless texts lies, steep as a logistic fit through the data is.

    The fit (Platt 1999) gives the scale; the shift is then set so that 0.5 falls on the line.
    """
    threshold = float(np.quantile(logits[~stays], 1 - false_alarms))
    scale, shift = 1.0, 0.0
    for _ in range(500):  # gradient steps on the logistic loss, with balanced classes
        weights = np.where(stays, 0.5 / stays.sum(), 0.5 / (~stays).sum())
        error = (1 / (1 + np.exp(-(scale * logits + shift))) - stays) * weights
        scale -= 0.5 * float((error * logits).sum())
        shift -= 0.5 * float(error.sum())
    scale = max(scale, 0.1)
    return Line(scale, -scale * threshold)


def area_under_curve(logits: Numbers, stays: Numbers) -> float:
    """The chance that a text that stays scores above one that does not."""
    ranks = np.empty(len(logits))
    ranks[np.argsort(logits, kind="stable")] = np.arange(1, len(logits) + 1)
    positive, negative = int(stays.sum()), int((~stays).sum())
    if not positive or not negative:
        return math.nan
    return float((ranks[stays].sum() - positive * (positive + 1) / 2) / (positive * negative))


def interval(hits: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    if not count:
        return math.nan, math.nan
    z, share = 1.96, hits / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - spread) / (1 + z * z / count), (middle + spread) / (1 + z * z / count)


def figures(examples: Sequence[Example], logits: Numbers, line: Line) -> dict[str, Any]:
    """All that is reported of one set: over all, by topic, by language, by source. Shares come with their counts."""
    stays = np.array([example.stays for example in examples])
    kept = line.probability(logits) >= 0.5
    report: dict[str, Any] = {
        "texts": len(examples),
        "auc": round(area_under_curve(logits, stays), 4),
        "kept_of_those_that_must_stay": _share(kept, stays),
        "kept_of_harmless": _share(kept, ~stays),
        "by_topic": {},
        "by_language": {},
        "by_source": {},
    }
    for topic in TOPICS:
        has = np.array([example.topics is not None and topic in example.topics for example in examples])
        if (has & stays).any():
            report["by_topic"][topic] = _share(kept, has & stays)
    for name, values in (
        ("by_language", [example.lang for example in examples]),
        ("by_source", [example.source for example in examples]),
    ):
        for value in sorted(set(values)):
            chosen = np.array([other == value for other in values])
            report[name][value] = {"stay": _share(kept, chosen & stays), "harmless": _share(kept, chosen & ~stays)}
    return report


def _share(kept: Numbers, chosen: Numbers) -> dict[str, Any]:
    return share_of(int((kept & chosen).sum()), int(chosen.sum()))


def share_of(hits: int, count: int) -> dict[str, Any]:
    """A share with its count and interval; of nothing, only the count."""
    if not count:
        return {"of": 0}
    low, high = interval(hits, count)
    return {"share": round(hits / count, 4), "of": count, "interval": [round(low, 4), round(high, 4)]}
