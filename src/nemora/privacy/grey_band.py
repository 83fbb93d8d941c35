"""Where the model that reads requests is not sure, a judge is asked. It can raise a class, and never lower one.

What was asked and not answered counts as raised, whatever the reason: an error, nonsense, the deadline, too much.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence

from nemora.privacy.calibration import Calibration
from nemora.privacy.decide import Decision
from nemora.privacy.decode import decoded_layers
from nemora.privacy.finding import Finding, Kind
from nemora.privacy.inspect import Inspection
from nemora.privacy.normalise import normalise
from nemora.privacy.policy import Action
from nemora.privacy.protocols import Judge, Match, Segment
from nemora.privacy.questions import QUESTIONS, evidence
from nemora.privacy.reasons import JUDGE
from nemora.privacy.segment_cache import SegmentCache

logger = logging.getLogger("nemora.privacy")

MOST_WINDOWS = 32
"""Windows of one request that a judge is asked about; what it said before costs nothing."""
MOST_CHARACTERS = 8000
"""Of one window, decoded."""


class GreyBand:
    """Asks a judge about the windows of a request whose topic score lies from `least` up to where the reader is sure.

    Windows with the highest scores come first. It stops as soon as the request stays anyway. Not thread-safe.

    Args:
        least: the lowest score that is asked about.
        seconds: for one request.
        key: for the hashes under which verdicts are remembered. No text is kept.
    """

    def __init__(
        self,
        judge: Judge,
        calibration: Calibration,
        *,
        least: float,
        seconds: float,
        key: bytes,
        entries: int = 100_000,
    ) -> None:
        self.seconds = seconds
        self._judge = judge
        self._calibration = calibration
        self._least = least
        self._verdicts = SegmentCache(entries, key)

    def doubts(self, inspection: Inspection) -> tuple[Finding, ...]:
        """The windows in the band, the most doubtful first."""
        found = [doubt for doubt in inspection.doubts if doubt.confidence >= self._least]
        return tuple(sorted(found, key=lambda doubt: -doubt.confidence))

    def judged(
        self, inspection: Inspection, segments: Sequence[Segment], decide: Callable[[Inspection], Decision]
    ) -> Inspection:
        """`inspection` with a finding for each window that the judge raises.

        Blocking, and never raises for what the request holds or the judge does.

        Args:
            decide: the decision on what is known so far.
        """
        until, asked = time.monotonic() + self.seconds, 0
        texts = {segment.where: segment.text for segment in segments if not segment.offset}
        decision = decide(inspection)
        for doubt in self.doubts(inspection):
            if not could_leave(decision):
                break
            if not _counts(decision, decide(_with(inspection, dataclasses.replace(doubt, confidence=1.0)))):
                continue
            try:
                text = _readable(texts.get(doubt.where, "")[doubt.start : doubt.end])
                digest = self._verdicts.digest(self._judge.name, text)
                known = self._verdicts.get(digest)
                if known is None:
                    asked += 1
                    if asked > MOST_WINDOWS:
                        raise _Unanswered("too many windows")
                    known = (Match(doubt.kind, 0, 0, self._evidence(text, until)),)
                    self._verdicts.put(digest, known)
                raised = self._raised(doubt, known[0].confidence)
            except Exception as error:  # noqa: BLE001 - fail closed, whatever it was
                logger.error("the judge gave no answer (%s); the request counts as sensitive", type(error).__name__)
                return self.unanswered(inspection)
            if raised is not None:
                inspection = _with(inspection, raised)
                decision = decide(inspection)
        return inspection

    def unanswered(self, inspection: Inspection) -> Inspection:
        """`inspection` where the judge was to be asked and gave no answer: it holds something that was not read."""
        doubt = self.doubts(inspection)[0]
        return _with(inspection, dataclasses.replace(doubt, kind=Kind.UNREADABLE, detector=JUDGE, confidence=1.0))

    def _evidence(self, text: str, until: float) -> float:
        """The judge's evidence on one text, in time."""
        left = until - time.monotonic()
        if left <= 0:
            raise _Unanswered("out of time")
        answers = self._judge.judge(text, QUESTIONS, seconds=left)
        if len(answers) != len(QUESTIONS) or time.monotonic() > until:
            raise _Unanswered("late, or not all questions")
        return evidence(answers)

    def _raised(self, doubt: Finding, score: float) -> Finding | None:
        if not self._calibration.raises(score):
            return None
        sure = max(doubt.confidence, round(self._calibration.probability(score), 4))
        return dataclasses.replace(doubt, detector=JUDGE, confidence=sure)


class _Unanswered(Exception):
    """The judge was to be asked, and there is no answer. The text is a fixed one."""


def could_leave(decision: Decision) -> bool:
    """Whether a request with this decision may leave, as it is, redacted, or on the user's word."""
    return decision.action.strictness < Action.LOCAL.strictness


def _counts(before: Decision, raised: Decision) -> bool:
    """Whether the judge's yes would change anything: to a policy that calls the matter public it would not."""
    return (before.action, before.sensitivity, before.counted) != (raised.action, raised.sensitivity, raised.counted)


def _with(inspection: Inspection, finding: Finding) -> Inspection:
    return dataclasses.replace(inspection, findings=(*inspection.findings, finding))


def _readable(text: str) -> str:
    """A window as the reading model saw it: disguises and encodings undone."""
    decoded = decoded_layers(normalise(text))
    readings = dict.fromkeys([decoded.unescaped.text, *(run.text for run in decoded.runs)])
    readable = "\n".join(readings)
    if not readable.strip() or len(readable) > MOST_CHARACTERS or not decoded.complete:
        raise _Unanswered("no window that can be shown")
    return readable
