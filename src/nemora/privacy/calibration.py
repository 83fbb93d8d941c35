"""How good a judge is, as measured on labelled texts, and from which probability on it raises. One small JSON file.

A judge without a calibration is not asked, and one that is not good enough gets none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from nemora.errors import SettingsError, UsageError

VERSION = 1
LEAST_AUC = 0.9
LEAST_ROWS = 50
"""Labelled texts of each side."""
MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """`scale` and `shift` make a probability of a judge's evidence (Platt, 1999); from `threshold` on it raises.

    `auc` is that of the evidence, on all rows. `recall` and `false_alarms` are measured on rows that the numbers were
    not fitted to: each half of the rows under what the other half gave.
    """

    model: str
    """How the model is named: what `nemora pull` takes, or a path."""
    identity: str
    """Of the model: see `weights.identity`."""
    questions: str
    """Of what is asked: see `questions.questions_id`."""
    scale: float
    shift: float
    threshold: float
    auc: float
    recall: float
    false_alarms: float
    private: int
    harmless: int

    def probability(self, evidence: float) -> float:
        """How likely a text with this evidence must stay."""
        return _logistic(self.scale * evidence + self.shift)

    def raises(self, evidence: float) -> bool:
        """Whether such a text's class is raised."""
        return self.probability(evidence) >= self.threshold

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps({"version": VERSION, **asdict(self)}, indent=2) + "\n"


def calibrate(
    evidence: Sequence[float],
    private: Sequence[bool],
    *,
    recall: float,
    model: str,
    identity: str,
    questions: str,
) -> Calibration:
    """Measure a judge and fit its numbers.

    Args:
        evidence: of each labelled text.
        private: whether the text must stay.
        recall: the share of the private texts that the threshold is to raise.

    Raises:
        UsageError: there are too few texts, or the judge is not good enough.
    """
    sides = sum(private), len(private) - sum(private)
    if min(sides) < LEAST_ROWS:
        raise UsageError(
            f"A judge is calibrated on at least {LEAST_ROWS} private and {LEAST_ROWS} harmless texts; the data has "
            f"{sides[0]} and {sides[1]}."
        )
    auc = area(evidence, private)
    if auc < LEAST_AUC:
        raise UsageError(
            f"This model cannot be a judge: its AUC on these texts is {auc:.3f}, and at least {LEAST_AUC} is asked; "
            "take a better model."
        )
    scale, shift = platt(evidence, private)
    found, alarms = _held_out(evidence, private, recall)
    return Calibration(
        model=model,
        identity=identity,
        questions=questions,
        scale=scale,
        shift=shift,
        threshold=_threshold(evidence, private, recall, scale, shift),
        auc=auc,
        recall=found,
        false_alarms=alarms,
        private=sides[0],
        harmless=sides[1],
    )


def area(evidence: Sequence[float], private: Sequence[bool]) -> float:
    """The area under the ROC curve: how often a private text has more evidence than a harmless one; ties count half."""
    ordered = sorted(zip(evidence, private, strict=True))
    rank_sum, start = 0.0, 0
    while start < len(ordered):
        end = start
        while end < len(ordered) and ordered[end][0] == ordered[start][0]:
            end += 1
        rank = (start + 1 + end) / 2
        rank_sum += rank * sum(is_private for _, is_private in ordered[start:end])
        start = end
    ours = sum(private)
    others = len(private) - ours
    return (rank_sum - ours * (ours + 1) / 2) / (ours * others)


def platt(evidence: Sequence[float], private: Sequence[bool]) -> tuple[float, float]:
    """Scale and shift of a logistic curve by maximum likelihood, towards Platt's targets, by Newton's method."""
    ours = sum(private)
    others = len(private) - ours
    targets = [(ours + 1) / (ours + 2) if is_private else 1 / (others + 2) for is_private in private]
    scale, shift = 0.0, math.log((ours + 1) / (others + 1))
    for _ in range(100):
        g1 = g0 = h11 = h10 = h00 = 0.0
        for x, target in zip(evidence, targets, strict=True):
            p = _logistic(scale * x + shift)
            weight = max(p * (1 - p), 1e-12)
            g1, g0 = g1 + (p - target) * x, g0 + p - target
            h11, h10, h00 = h11 + weight * x * x, h10 + weight * x, h00 + weight
        h11, h00 = h11 + 1e-9, h00 + 1e-9
        determinant = h11 * h00 - h10 * h10
        if determinant <= 0:
            break
        steps = (g1 * h00 - g0 * h10) / determinant, (g0 * h11 - g1 * h10) / determinant
        before, (scale, shift) = (scale, shift), _downhill(evidence, targets, (scale, shift), steps)
        if max(map(abs, steps)) < 1e-8 or before == (scale, shift):
            break
    return scale, shift


def parse_calibration(data: bytes) -> Calibration:
    """The calibration in a file's bytes.

    Raises:
        SettingsError: it is none, or one that `calibrate` would not have made.
    """
    wrong = SettingsError(
        "The judge's calibration is damaged or of another version; make it with: nemora judge calibrate."
    )
    if len(data) > MAX_BYTES:
        raise wrong
    try:
        values: Any = json.loads(data)
    except (ValueError, RecursionError):
        raise wrong from None
    known = {field.name: str(field.type) for field in fields(Calibration)}
    if not isinstance(values, dict) or values.pop("version", None) != VERSION or set(values) != set(known):
        raise wrong
    if not all(_is(value, known[key]) for key, value in values.items()):
        raise wrong
    read = Calibration(**values)
    shares = (read.threshold, read.auc, read.recall, read.false_alarms)
    if not (all(0 <= share <= 1 for share in shares) and read.scale > 0):
        raise wrong
    if read.auc < LEAST_AUC or min(read.private, read.harmless) < LEAST_ROWS:
        raise SettingsError("The judge's calibration says that the model is not good enough; take a better model.")
    return read


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return False
    if kind == "str":
        return isinstance(value, str) and 0 < len(value) <= 4096
    if kind == "int":
        return isinstance(value, int)
    return isinstance(value, int | float) and math.isfinite(value)


def _held_out(evidence: Sequence[float], private: Sequence[bool], recall: float) -> tuple[float, float]:
    """Recall and false alarms, each half of either side under what the other half gives."""
    places = [[n for n, is_private in enumerate(private) if is_private is side] for side in (True, False)]
    raised = [0, 0]
    for half in (0, 1):
        fit = [n for side in places for n in side[half::2]]
        numbers = [evidence[n] for n in fit], [private[n] for n in fit]
        scale, shift = platt(*numbers)
        least = _threshold(*numbers, recall, scale, shift)
        for which, side in enumerate(places):
            raised[which] += sum(_logistic(scale * evidence[n] + shift) >= least for n in side[1 - half :: 2])
    return raised[0] / len(places[0]), raised[1] / len(places[1])


def _threshold(evidence: Sequence[float], private: Sequence[bool], recall: float, scale: float, shift: float) -> float:
    """The highest probability from which on at least the share `recall` of the private texts is raised."""
    ours = sorted(_logistic(scale * x + shift) for x, is_private in zip(evidence, private, strict=True) if is_private)
    return ours[min(len(ours) - 1, math.floor((1 - recall) * len(ours) + 1e-9))]


def _downhill(
    evidence: Sequence[float], targets: Sequence[float], at: tuple[float, float], steps: tuple[float, float]
) -> tuple[float, float]:
    """A Newton step, halved until the loss falls."""

    def loss(scale: float, shift: float) -> float:
        total = 0.0
        for x, target in zip(evidence, targets, strict=True):
            z = scale * x + shift
            total += max(z, 0.0) + math.log1p(math.exp(-abs(z))) - target * z
        return total

    before, part = loss(*at), 1.0
    while part > 1e-6:
        new = at[0] - part * steps[0], at[1] - part * steps[1]
        if loss(*new) <= before:
            return new
        part /= 2
    return at


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
