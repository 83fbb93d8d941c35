"""Where the reading model is not sure a judge is asked. It can raise a class, never lower one; no answer raises too."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy.calibration import Calibration
from nemora.privacy.classify import classify
from nemora.privacy.decide import Decision, decide
from nemora.privacy.finding import CATALOGUE, Finding, Kind, Sensitivity
from nemora.privacy.grey_band import MOST_CHARACTERS, MOST_WINDOWS, GreyBand
from nemora.privacy.inspect import Inspection, Inspector
from nemora.privacy.policy import Policy, parse_policy
from nemora.privacy.protocols import Question, Reading, Segment, TaggedSpan
from nemora.privacy.questions import QUESTIONS
from nemora.privacy.reasons import explain
from nemora.privacy.topics import MATTERS

GOOD = Calibration(
    model="m", identity="i", questions="q", scale=1.0, shift=0.0, threshold=0.5,
    auc=0.95, recall=0.9, false_alarms=0.1, private=100, harmless=100,
)  # fmt: skip
WHERE = "/messages/0/content"
TEXT = "we talked about the matter with the others again"


class Scripted:
    """Says yes to what holds one of some words; remembers what it was shown."""

    name = "scripted"

    def __init__(self, *words: str, does: Callable[[], object] | None = None) -> None:
        self.words, self.does, self.seen = words, does, list[str]()

    def judge(self, text: str, questions: Sequence[Question], *, seconds: float) -> list[tuple[float, ...]]:
        assert seconds > 0 and tuple(questions) == QUESTIONS
        self.seen.append(text)
        if self.does is not None:
            done = self.does()
            if isinstance(done, list):
                return done
        yes = 0.9 if any(word in text for word in self.words) else 0.1
        return [(0.2, 0.8), (yes, 1 - yes), (0.1, 0.9)]


def band(judge: Scripted, *, least: float = 0.1, seconds: float = 5.0) -> GreyBand:
    return GreyBand(judge, GOOD, least=least, seconds=seconds, key=bytes(32))


def doubt(score: float, kind: Kind = Kind.HEALTH_MATTER, where: str = WHERE, end: int = len(TEXT)) -> Finding:
    return Finding(kind, "topics", where, 0, end, score)


def decided_by(policy: Policy, taint: Sensitivity = Sensitivity.PUBLIC) -> Callable[[Inspection], Decision]:
    return lambda seen: decide(seen, classify(seen, policy.class_of), taint, policy)


def ask(judge: Scripted, inspection: Inspection, policy: Policy | None = None, text: str = TEXT) -> Decision:
    by = decided_by(policy or Policy())
    return by(band(judge).judged(inspection, [Segment(WHERE, text)], by))


def test_a_doubt_alone_counts_for_nothing_and_what_the_judge_raises_stays() -> None:
    uncertain = Inspection((), doubts=(doubt(0.3),))
    assert decided_by(Policy())(uncertain).sensitivity is Sensitivity.PUBLIC
    assert ask(Scripted(), uncertain).action.value == "cloud"
    raised = ask(Scripted("matter"), uncertain)
    assert (raised.action.value, raised.sensitivity) == ("local", Sensitivity.CONFIDENTIAL)
    assert raised.reasons == ("judge:health", "class:confidential") and "health" in explain(raised.reasons[0])
    (found,) = raised.findings
    assert (found.kind, found.detector, found.confidence) == (Kind.HEALTH_MATTER, "judge", 0.9)


def test_every_matter_has_a_reason_that_the_ledger_takes() -> None:
    from nemora.privacy.ledger import _REASON

    for kind in MATTERS:
        reason = ask(Scripted("matter"), Inspection((), doubts=(doubt(0.3, kind),))).reasons[0]
        assert reason == f"judge:{CATALOGUE[kind].category}" and _REASON.fullmatch(reason)


def test_nobody_is_asked_where_the_answer_could_change_nothing() -> None:
    secret = Finding(Kind.PASSWORD, "password", WHERE, 0, 3, 1.0)
    public = parse_policy("[kinds]\nhealth_matter = 'public'\n")
    for inspection, policy in (
        (Inspection((), doubts=(doubt(0.05),)), Policy()),  # below the band
        (Inspection((secret,), doubts=(doubt(0.3),)), Policy()),
        (Inspection((), complete=False, doubts=(doubt(0.3),)), Policy()),
        (Inspection((), doubts=(doubt(0.3),)), public),
    ):
        judge = Scripted("matter")
        before = decided_by(policy)(inspection)
        assert ask(judge, inspection, policy).reasons == before.reasons and judge.seen == []


def test_the_most_doubtful_window_comes_first_and_the_first_yes_is_enough() -> None:
    text = "aaaa bbbb cccc"
    doubts = tuple(
        Finding(Kind.WORK_MATTER, "topics", WHERE, n * 5, n * 5 + 4, s) for n, s in enumerate((0.2, 0.4, 0.3))
    )
    judge = Scripted("cccc")
    ask(judge, Inspection((), doubts=doubts), text=text)
    assert judge.seen == ["bbbb", "cccc"]


def late() -> None:
    time.sleep(0.06)


def crashes() -> None:
    raise RuntimeError("words of the text")


@pytest.mark.parametrize(
    "does",
    [crashes, late, *(lambda bad=bad: bad for bad in ([], [(1.0,)] * 3, [(0.5, 0.6)] * 3, [(float("nan"), 1.0)] * 3, [(0.1, 0.9)]))],
)  # fmt: skip
def test_a_judge_that_fails_talks_nonsense_or_is_late_raises(
    does: Callable[[], object], caplog: pytest.LogCaptureFixture
) -> None:
    by = decided_by(Policy())
    grey = band(Scripted(does=does), seconds=0.05)
    inspection = grey.judged(Inspection((), doubts=(doubt(0.3),)), [Segment(WHERE, TEXT)], by)
    decision = by(inspection)
    assert (decision.action.value, decision.reasons[0]) == ("local", "judge:unavailable")
    assert "words" not in caplog.text and "matter" not in caplog.text


def test_a_laxer_policy_does_not_let_out_what_the_judge_could_not_answer() -> None:
    lax = parse_policy("[actions]\npersonal = 'cloud'\nconfidential = 'cloud'\n[findings]\nmin_confidence = 0.9\n")
    assert ask(Scripted(does=crashes), Inspection((), doubts=(doubt(0.3),)), lax).action.value == "local"


@pytest.mark.parametrize("text", ["", "   ", "x" * (MOST_CHARACTERS + 1)])
def test_a_window_that_cannot_be_shown_raises(text: str) -> None:
    judge = Scripted()
    found = ask(judge, Inspection((), doubts=(doubt(0.3, end=len(text)),)), text=text)
    assert found.reasons[0] == "judge:unavailable" and judge.seen == []


def test_a_failure_is_not_remembered_and_an_answer_is_without_its_text() -> None:
    judge = Scripted(does=crashes)
    grey, by = band(judge), decided_by(Policy())
    uncertain, parts = Inspection((), doubts=(doubt(0.3),)), [Segment(WHERE, TEXT)]
    grey.judged(uncertain, parts, by)
    judge.does = None
    assert grey.judged(uncertain, parts, by) is uncertain and grey.judged(uncertain, parts, by) is uncertain
    assert judge.seen == [TEXT, TEXT] and TEXT not in repr(vars(grey._verdicts))


def test_too_many_new_windows_at_once_raise_and_known_ones_cost_nothing() -> None:
    many = MOST_WINDOWS + 3
    text = " ".join(f"w{n:03}" for n in range(many))
    doubts = tuple(Finding(Kind.WORK_MATTER, "topics", WHERE, n * 5, n * 5 + 4, 0.3) for n in range(many))
    judge, by = Scripted(), decided_by(Policy())
    grey = band(judge)
    assert by(grey.judged(Inspection((), doubts=doubts), [Segment(WHERE, text)], by)).reasons[0] == "judge:unavailable"
    assert len(judge.seen) == MOST_WINDOWS
    assert by(grey.judged(Inspection((), doubts=doubts), [Segment(WHERE, text)], by)).action.value == "cloud"
    assert len(judge.seen) == many


def test_the_judge_reads_what_was_encoded_decoded() -> None:
    import base64

    hidden = base64.b64encode(b"the works council will hear of it on friday, quietly").decode()
    judge = Scripted("works council")
    found = ask(judge, Inspection((), doubts=(doubt(0.3, Kind.WORK_MATTER, end=len(hidden)),)), text=hidden)
    assert found.reasons[0] == "judge:work"


FINDINGS = st.builds(
    Finding, st.sampled_from([k for k in Kind if k is not Kind.CUSTOM]), st.just("x"), st.just(WHERE), st.just(0),
    st.just(5), st.floats(0.01, 1.0),
)  # fmt: skip
POLICIES = st.sampled_from(
    [
        Policy(),
        parse_policy("[actions]\npersonal = 'ask'\nconfidential = 'ask'\n"),
        parse_policy("[actions]\npersonal = 'cloud'\nconfidential = 'cloud'\nsecret = 'redact'\n"),
        parse_policy("[kinds]\nwork_matter = 'personal'\nhealth_matter = { action = 'block' }\n"),
    ]
)
ANSWERS = st.lists(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=3).map(tuple), max_size=4)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(FINDINGS, max_size=4),
    st.lists(st.builds(doubt, st.floats(0.0, 0.49), st.sampled_from(sorted(MATTERS))), max_size=4),
    POLICIES,
    st.sampled_from(list(Sensitivity)),
    st.booleans(),
    st.none() | ANSWERS | st.floats(0, 1).map(lambda p: [(p, 1 - p)] * 3),
)
def test_whatever_a_judge_says_a_decision_only_gets_stricter(
    findings: list[Finding],
    doubts: list[Finding],
    policy: Policy,
    taint: Sensitivity,
    complete: bool,
    answers: list[tuple[float, ...]] | None,
) -> None:
    by = decided_by(policy, taint)
    inspection = Inspection(tuple(findings), complete, doubts=tuple(doubts))
    judge = Scripted("matter", does=(lambda: answers) if answers is not None else None)
    before, after = by(inspection), by(band(judge).judged(inspection, [Segment(WHERE, TEXT)], by))
    assert after.sensitivity >= before.sensitivity and after.action.strictness >= before.action.strictness
    assert set(before.findings) <= set(after.findings)


class Unsure:
    """A reading model that is half sure of every text."""

    name = "unsure"

    def read(self, texts: Sequence[str]) -> list[Reading]:
        return [Reading((), (), (TaggedSpan("health", 0, len(text), 0.3),)) for text in texts]


def test_the_inspectors_doubts_stand_apart_from_its_findings_also_from_the_cache() -> None:
    from nemora.privacy.segment_cache import SegmentCache

    inspector = Inspector(Unsure(), cache=SegmentCache(100, bytes(32)))
    for _ in range(2):
        found = inspector.inspect([Segment(WHERE, TEXT)])
        assert found.findings == () and found.doubts == (doubt(0.3),) and classify(found).sensitivity == 0


def test_what_the_judge_raises_stays_in_the_ledgers_terms_only() -> None:
    found = ask(Scripted("matter"), Inspection((), doubts=(doubt(0.3),)))
    assert found.kinds() == {"health_matter": 1} and TEXT not in repr(dataclasses.asdict(found))
