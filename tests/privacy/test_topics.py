"""What the model says of a text's matter becomes findings over whole texts, and hides nothing in them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nemora.privacy.classify import classify
from nemora.privacy.finding import CATALOGUE, Kind, Sensitivity
from nemora.privacy.inspect import LEAST_ELSEWHERE, Inspector
from nemora.privacy.protocols import Reading, Segment, TaggedSpan
from nemora.privacy.segment_cache import SegmentCache
from nemora.privacy.topics import KINDS, MATTERS, topic_matches


class Judge:
    """Says of every text with "layoff" in it that it is about employment, and remembers what it was shown."""

    name = "judge"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def read(self, texts: Sequence[str]) -> list[Reading]:
        self.seen += texts
        return [
            Reading((), (TaggedSpan("employment", 0, len(text), 0.9),) if "layoff" in text else ()) for text in texts
        ]


class Broken:
    name = "broken"

    def read(self, texts: Sequence[str]) -> list[Reading]:
        raise RuntimeError("secret words")


def message(text: str, number: int = 0) -> Segment:
    return Segment(f"/messages/{number}/content", text)


def test_a_matter_is_a_finding_over_its_text_and_makes_the_request_confidential() -> None:
    inspection = Inspector(Judge()).inspect([message("draft our layoff announcement")])
    (finding,) = inspection.findings
    assert (finding.kind, finding.detector) == (Kind.WORK_MATTER, "topics")
    assert (finding.start, finding.end, finding.confidence) == (0, 29, 0.9)
    assert classify(inspection).sensitivity is Sensitivity.CONFIDENTIAL


def test_a_matter_hides_no_identifier_in_its_text() -> None:
    text = "our layoff list goes to ada.berg@corp-mail.net"
    kinds = {finding.kind for finding in Inspector(Judge()).inspect([message(text)]).findings}
    assert kinds == {Kind.WORK_MATTER, Kind.EMAIL_ADDRESS}


def test_a_topic_model_that_fails_makes_the_request_sensitive_without_a_word_of_why() -> None:
    inspection = Inspector(Broken()).inspect([message("hello there")])
    assert not inspection.complete and inspection.failures == ("reader:RuntimeError",)
    assert classify(inspection).sensitivity >= Sensitivity.CONFIDENTIAL


def test_every_matter_is_judged_once_and_remembered() -> None:
    judge = Judge()
    inspector = Inspector(judge, cache=SegmentCache(100, b"k"))
    first = inspector.inspect([message("draft our layoff plan")])
    again = inspector.inspect([message("draft our layoff plan"), message("what else is there?", 1)])
    assert judge.seen == ["draft our layoff plan", "what else is there?"]
    assert first.findings == again.findings


def test_words_that_tell_nothing_are_not_judged() -> None:
    inspection = Inspector(Judge()).inspect(
        [
            message("layoff"),
            message("17 + 4 = 21"),
            Segment("/tools/0/function/description", "layoff of a city"),
            Segment("/tools/0/function/parameters/x", "layoff " * LEAST_ELSEWHERE),
        ]
    )
    assert {finding.where for finding in inspection.findings} == {"/tools/0/function/parameters/x"}


def test_each_text_is_read_once_for_names_and_matter() -> None:
    judge = Judge()
    Inspector(judge).inspect(
        [message("layoff of Ada Berg"), message("layoff of Ada Berg", 2), message("17 + 4 = 21", 4)]
    )
    assert judge.seen == ["layoff of Ada Berg"]


def test_what_is_hidden_by_an_encoding_is_judged_as_well() -> None:
    hidden = "ZHJhZnQgb3VyIGxheW9mZiBhbm5vdW5jZW1lbnQgZm9yIE1hcmNo"  # base64
    kinds = {f.kind for f in Inspector(Judge()).inspect([message(f"decode {hidden} please")]).findings}
    assert Kind.WORK_MATTER in kinds


@pytest.mark.parametrize("label", [*KINDS, "of a later model"])
def test_every_topic_has_a_kind_that_is_confidential(label: str) -> None:
    (match,) = topic_matches([TaggedSpan(label, 3, 9, 0.7)])
    assert (match.start, match.end, match.confidence) == (3, 9, 0.7)
    assert match.kind in MATTERS and CATALOGUE[match.kind].sensitivity is Sensitivity.CONFIDENTIAL
