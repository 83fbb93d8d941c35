"""The topic model that ships: it is the one that was measured, it is as good as its report says, and it is small and whole."""

from __future__ import annotations

import json
import random
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from nemora.tagger.topics import TopicTagger, load_topics

from nemora.errors import CorruptCheckpoint
from nemora.train.authored import TOPICS, filled, is_held_out, read_authored
from nemora.train.evaluate import Line, figures

RECIPE = Path(__file__).parent.parent.parent / "recipes" / "sensitivity"
SHIPPED = Path(str(resources.files("nemora.tagger") / "topic_model"))

# None of these is in the recipe's data.
STAYS = [
    "rewrite this so it sounds kinder: we are closing the Leeds depot in May and nobody there knows yet",
    "my psychiatrist doubled my dose last week and i can't sleep, should i tell my manager",
    "here is the diff of our scheduler, find the race: class LeaseKeeper in our private fleet repo",
    "I still owe 14,000 on two cards and the bailiffs come on Friday, what can I do",
    "our largest customer wants 18% off or they walk, write me a counter-offer",
    "the nda with the other side ends tomorrow, can we still use their prototype drawings?",
    "wir haben seit gestern Abend einen Ransomware-Befall im Werk, wie formuliere ich die Meldung an den Vorstand",
]
LEAVES = [
    "what's the difference between a bailiff and a debt collector in the uk?",
    "Write a limerick about a depot that closes on Sundays.",
    "how does a lease-based lock prevent a race condition in a distributed scheduler",
    "what do doctors usually do when an antidepressant does not work?",
    "give me three famous examples of price negotiations that failed",
    "Explain what an NDA is to a ten year old.",
    "was ist Ransomware und wie kann man sich schützen?",
    "set a timer for 12 minutes",
    "Translate to French: the train leaves at noon",
]


@pytest.fixture(scope="module")
def shipped() -> TopicTagger:
    return load_topics()


@pytest.mark.parametrize("text", STAYS)
def test_what_must_stay_stays(shipped: TopicTagger, text: str) -> None:
    assert shipped.tag([text])[0]


@pytest.mark.parametrize("text", LEAVES)
def test_what_is_harmless_may_leave(shipped: TopicTagger, text: str) -> None:
    assert not shipped.tag([text])[0]


def test_the_report_is_true_of_the_shipped_file(shipped: TopicTagger) -> None:
    examples = [example for example in read_authored(RECIPE / "authored") if is_held_out(example.group)]
    draw = random.Random(1)
    judged = shipped.tag([filled(example.text, draw) for example in examples])
    kept = np.array([1.0 if spans else -1.0 for spans in judged])
    found, reported = (
        figures(examples, kept, Line(1.0, 0.0)),
        json.loads((SHIPPED / "report.json").read_text())["held_out"],
    )
    assert found["texts"] == reported["texts"]
    for figure in ("kept_of_those_that_must_stay", "kept_of_harmless"):
        assert abs(found[figure]["share"] - reported[figure]["share"]) < 0.03
    assert found["kept_of_those_that_must_stay"]["share"] > 0.85
    assert found["kept_of_harmless"]["share"] < 0.08


def test_the_topic_that_it_names_is_mostly_one_of_the_texts(shipped: TopicTagger) -> None:
    examples = [
        example for example in read_authored(RECIPE / "authored") if is_held_out(example.group) and example.stays
    ]
    draw = random.Random(1)
    judged = zip(examples, shipped.tag([filled(example.text, draw) for example in examples]), strict=True)
    right = [spans[0].label in (example.topics or ()) for example, spans in judged if spans]
    assert sum(right) > 0.55 * len(right)


def test_no_text_changes_anothers_answer(shipped: TopicTagger) -> None:
    alone = [shipped.tag([text])[0] for text in (*STAYS, *LEAVES)]
    assert shipped.tag([*STAYS, *LEAVES]) == alone


@pytest.mark.parametrize("text", ["", " ", "\ud800 x", "a" * 20_000, "[SEP] [CLS]", "\x00\x01", "汉" * 500])
def test_any_text_is_judged(shipped: TopicTagger, text: str) -> None:
    for span in shipped.tag([text])[0]:
        assert 0 <= span.start < span.end <= len(text) and 0.5 <= span.score <= 1


def test_one_sensitive_passage_in_a_long_text_is_found(shipped: TopicTagger) -> None:
    harmless = "The museum opens at nine. Bread is made of flour, water and salt. Whales are mammals. " * 60
    (spans,) = shipped.tag([f"{harmless}\n\n{STAYS[3]}. {STAYS[1]}. {STAYS[4]}.\n\n{harmless}"])
    assert spans
    assert not shipped.tag([harmless])[0]


def test_it_is_small_and_its_topics_are_those_of_the_recipe(shipped: TopicTagger) -> None:
    assert shipped.settings.topics == TOPICS
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 30_000_000


def test_another_file_than_the_measured_one_is_refused(tmp_path: Path) -> None:
    for file in SHIPPED.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "model.onnx").open("ab") as model:
        model.write(b"x")
    with pytest.raises(CorruptCheckpoint, match=r"model\.onnx"):
        load_topics(str(tmp_path))
