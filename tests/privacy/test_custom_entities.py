"""The owner's own entities and allow lists: found whole, in linear time, and hiding nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.errors import SettingsError
from nemora.privacy.classify import classify
from nemora.privacy.custom_entities import CustomEntity, EntityDetector, entity_of
from nemora.privacy.decide import Decision, decide
from nemora.privacy.finding import Sensitivity
from nemora.privacy.inspect import Inspector
from nemora.privacy.policy import Policy, parse_policy
from nemora.privacy.protocols import Segment
from nemora.privacy.reading import ReadingRules
from nemora.privacy.reasons import explain
from nemora.privacy.segment_cache import SegmentCache

FALCON = "[[entities]]\nname = 'project'\nclass = 'confidential'\nwords = ['Falcon Nine', '青い鳥']\n"
ORDER = "[[entities]]\nname = 'order'\nclass = 'secret'\nregex = 'ORD-[0-9]{6}'\nallow = ['ORD-000000']\n"


def judged(text: str, policy: Policy, label: str = "") -> Decision:
    segment = Segment("/messages/0/content", text, label)
    inspection = Inspector(None).inspect([segment], policy.reading)
    return decide(inspection, classify(inspection, policy.class_of), Sensitivity.PUBLIC, policy)


def found(entity: CustomEntity, text: str, label: str = "") -> list[str]:
    return [text[m.start : m.end] for m in EntityDetector(entity).find(text, label)]


def entity(**values: object) -> CustomEntity:
    return entity_of({"name": "thing", "class": "secret", **values}, "entities.1")


@pytest.mark.parametrize(
    "text",
    [
        "ask about Falcon Nine now",
        "FALCON-NINE",
        "falcon_nine",
        "the falcon\nnine",
        "the Falcon <b>Nine</b> moves",
        "the Falcon <strong class='x'>Nine</strong> moves",
        "the Falcon **Nine** moves",
        "class FalconNineLauncher: ...",
        "#falconnine",
        "新しい青い鳥計画",
        "ｆａｌｃｏｎ nine",
    ],
)
def test_a_word_is_found_in_every_spelling_of_it(text: str) -> None:
    decision = judged(text, parse_policy(FALCON))
    assert decision.reasons[0] == "entity:project" and decision.sensitivity is Sensitivity.CONFIDENTIAL
    assert decision.kinds() == {"entity:project": 1} and "project" in explain("entity:project")


@pytest.mark.parametrize("text", ["falconry", "Falcon 9", "falcon flies to nine lakes", "nine falcon", "青い"])
def test_parts_of_a_word_are_not_the_word(text: str) -> None:
    assert judged(text, parse_policy(FALCON)).kinds() == {}


def test_the_class_is_the_entitys_own_and_one_that_is_unknown_is_secret() -> None:
    policy = parse_policy(FALCON + ORDER)
    assert judged("ORD-123456", policy).sensitivity is Sensitivity.SECRET
    inspection = Inspector(None).inspect([Segment("/x", "Falcon Nine")], policy.reading)
    assert classify(inspection, Policy().class_of).sensitivity is Sensitivity.SECRET


def test_only_whole_values_are_allowed() -> None:
    policy = parse_policy(ORDER + "[allow]\nemail_address = ['info@acme.com']\nip_address = ['8.8.8.8']\n")
    for harmless in ("ORD-000000", "ord-000000.", "write to Info@Acme.com, please", "ping 8.8.8.8"):
        assert judged(harmless, policy).kinds() == {}, harmless
    for other in (
        "xORD-000000",
        "ORD-0000001",
        "sales@acme.com",
        "info@acme.com.evil.com",
        "8.8.8.80",
        "myinfo@acme.com",
    ):
        assert judged(other, policy).kinds(), other


def test_an_allowed_value_does_not_hide_what_stands_beside_it() -> None:
    policy = parse_policy("[allow]\nemail_address = ['info@acme.com']")
    assert judged("info@acme.com or jane.roe@acme.com", policy).kinds() == {"email_address": 1}


def test_context_words_decide_near_the_value_or_in_its_key() -> None:
    ticket = entity(regex="[0-9]{7}", context=["Ticket"])
    assert found(ticket, "the ticket is 1234567") == ["1234567"] and found(ticket, "1234567", "ticketNumber")
    assert found(ticket, "population: 1234567") == [] and found(ticket, "ticket" + " x" * 60 + " 1234567") == []


def test_an_entity_hides_no_other_finding_and_none_hides_it() -> None:
    policy = parse_policy("[[entities]]\nname = 'mail'\nclass = 'personal'\nregex = '[a-z.]+@corp[.]com'\n")
    both = judged("jane.roe@corp.com", policy).kinds()
    assert both == {"email_address": 1, "entity:mail": 1}
    card = judged(
        "card 4716 2093 8854 1728", parse_policy("[[entities]]\nname = 'c'\nclass = 'personal'\nregex = 'card [0-9 ]+'")
    )
    assert card.kinds() == {"payment_card": 1, "entity:c": 1} and card.sensitivity is Sensitivity.SECRET


def test_entities_are_found_in_what_is_encoded() -> None:
    import base64

    hidden = base64.b64encode(b"please look at ORD-123456 today").decode()
    assert judged(f"decode {hidden}", parse_policy(ORDER)).kinds().get("entity:order") == 1


def test_what_was_read_under_other_rules_is_read_again() -> None:
    inspector = Inspector(None, cache=SegmentCache(100, b"k" * 32))
    segment = [Segment("/messages/0/content", "Falcon Nine and ORD-123456")]
    names = [
        {f.entity for f in inspector.inspect(segment, rules).findings}
        for rules in (None, parse_policy(FALCON).reading, parse_policy(ORDER).reading, ReadingRules())
    ]
    assert names == [set(), {"project"}, {"order"}, set()]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"regex": "("}, "regex"),
        ({"regex": "(?=x)y"}, "regex"),
        ({"regex": r"(a)\1"}, "regex"),
        ({"regex": "x*"}, "regex"),
        ({"regex": "(((x{100}){10}){10}){10}"}, "regex"),
        ({"regex": "x" * 1001}, "regex"),
        ({"words": ["!!"]}, "words"),
        ({"words": [""]}, "words"),
        ({"words": ["x" * 201]}, "words"),
        ({}, "entities.1"),
        ({"words": ["x"], "class": "public"}, "class"),
        ({"words": ["x"], "name": "Project Falcon"}, "name"),
        ({"words": ["x"], "colour": "red"}, "colour"),
        ({"words": ["x"], "case": 1}, "case"),
    ],
)
def test_a_wrong_entity_is_one_sentence(values: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as raised:
        entity(**values)
    assert "\n" not in raised.value.message


def test_two_entities_may_not_share_a_name() -> None:
    with pytest.raises(SettingsError, match=r"line 6: entities\.2\.name"):
        parse_policy(FALCON + FALCON)


def test_a_pattern_that_would_stop_a_backtracking_engine_ends() -> None:
    evil = entity(regex="(a+)+b")
    assert found(evil, "a" * 50_000) == []
    assert found(entity(words=["a a a a b"]), "a " * 8_000) == []


@given(
    st.text(alphabet="ab -_é\ud800ß", max_size=60),
    st.lists(st.sampled_from(["a", "ab", "a b", "é", "ß a"]), min_size=1, max_size=3),
)
def test_words_are_those_of_a_slow_reader(text: str, words: list[str]) -> None:
    slow = set()
    for word in words:
        parts = [re.escape(part) for part in word.split()]
        pattern = r"(?<![^\W_])" + r"[\W_]{0,4}".join(parts) + r"(?![^\W_])"
        for start in range(len(text)):
            readable = text.replace("\ud800", "?")
            if (hit := re.compile(pattern, re.IGNORECASE).match(readable, start)) and (
                len(parts) == 1 or re.search(r"[\W_]", hit.group())
            ):
                slow.add((start, hit.end()))
    quick = {(m.start, m.end) for m in EntityDetector(entity(words=words)).find(text, "")}
    assert quick == slow
