"""The model that ships: it is the one that was measured, it is as good as its report says, and it is small and whole."""

from __future__ import annotations

import json
import random
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from nemora.errors import CorruptCheckpoint
from nemora.tagger.reader import TextReader, load_reader
from nemora.train.authored import TOPICS, is_held_out
from nemora.train.evaluate import Line, figures
from nemora.train.examples import read_requests, with_values
from nemora.train.span_labels import LABELS

RECIPE = Path(__file__).parent.parent.parent / "recipes" / "sensitivity"
SHIPPED = Path(str(resources.files("nemora.tagger") / "reader_model"))

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
def shipped() -> TextReader:
    return load_reader()


def test_what_must_stay_stays_but_for_one_in_ten(shipped: TextReader) -> None:
    missed = [text for text, reading in zip(STAYS, shipped.read(STAYS), strict=True) if not reading.topics]
    assert len(missed) <= 1


@pytest.mark.parametrize("text", LEAVES)
def test_what_is_harmless_may_leave(shipped: TextReader, text: str) -> None:
    assert not shipped.read([text])[0].topics


def test_the_report_is_true_of_the_shipped_file(shipped: TextReader) -> None:
    draw = random.Random(1)
    held_out = [e for e in read_requests(RECIPE / "authored") if is_held_out(e.group)]
    examples = [with_values(example, draw) for example in held_out][::3]  # all would take two minutes
    readings = shipped.read([example.text for example in examples])
    kept = np.array([1.0 if reading.topics else -1.0 for reading in readings])
    found, report = figures(examples, kept, Line(1.0, 0.0)), json.loads((SHIPPED / "report.json").read_text())
    assert len(held_out) == report["held_out"]["texts"]
    for figure in ("kept_of_those_that_must_stay", "kept_of_harmless"):
        assert abs(found[figure]["share"] - report["held_out"][figure]["share"]) < 0.03
    assert report["held_out"]["kept_of_those_that_must_stay"]["share"] > 0.85
    assert report["held_out"]["kept_of_harmless"]["share"] < 0.08
    right = [
        r.topics[0].label in (e.topics or ()) for e, r in zip(examples, readings, strict=True) if e.stays and r.topics
    ]
    assert sum(right) > 0.55 * len(right)


PEOPLE = [
    ("I am Maria Gonzalez, write to 12 Elm Street, Springfield, IL 62704.", "SURNAME", "Gonzalez"),
    ("Hola, soy Lucía Fernández y vivo en la Calle Mayor 14, 28013 Madrid", "SURNAME", "Fernández"),
    ("ticket 4411: customer Peter O'Malley cannot log in since Monday", "GIVEN_NAME", "Peter"),
    ("Sincerely,\nJonathan Meyer\n221 Oak Avenue Apt 4B\nDenver, CO 80203", "STREET_NAME", "Oak Avenue"),
    ("Frau Annegret Wolters wohnt in der Lindenstraße 7, 50674 Köln", "CITY", "Köln"),
]


@pytest.mark.parametrize(("text", "label", "value"), PEOPLE)
def test_names_and_addresses_are_found(shipped: TextReader, text: str, label: str, value: str) -> None:
    assert any(s.label == label and value in text[s.start : s.end] for s in shipped.read([text])[0].spans)


@pytest.mark.parametrize("before", [0, 20, 45, 70, 90, 300])
def test_they_are_found_anywhere_in_a_long_text(shipped: TextReader, before: int) -> None:
    filler = "The build is green and the cache is warm. "
    text = filler * before + PEOPLE[0][0] + " " + filler * 40
    spans = {(s.label, text[s.start : s.end]) for s in shipped.read([text])[0].spans}
    assert {("SURNAME", "Gonzalez"), ("STREET_NAME", "Elm Street")} <= spans


def test_no_text_changes_anothers_answer(shipped: TextReader) -> None:
    alone = [shipped.read([text])[0] for text in (*STAYS, *LEAVES)]
    assert shipped.read([*STAYS, *LEAVES]) == alone


@pytest.mark.parametrize("text", ["", " ", "\ud800 x", "a" * 20_000, "[SEP] [CLS]", "\x00\x01", "汉" * 500])
def test_any_text_is_judged(shipped: TextReader, text: str) -> None:
    (reading,) = shipped.read([text])
    for span in (*reading.topics, *reading.spans):
        assert 0 <= span.start < span.end <= len(text) and 0 < span.score <= 1


def test_one_sensitive_passage_in_a_long_text_is_found(shipped: TextReader) -> None:
    harmless = "The museum opens at nine. Bread is made of flour, water and salt. Whales are mammals. " * 60
    (reading,) = shipped.read([f"{harmless}\n\n{STAYS[3]}. {STAYS[1]}. {STAYS[4]}.\n\n{harmless}"])
    assert reading.topics
    assert not shipped.read([harmless])[0].topics


def test_it_is_small_and_its_topics_are_those_of_the_recipe(shipped: TextReader) -> None:
    assert shipped.settings.topics == TOPICS
    assert set(shipped.settings.labels.types) == {label[2:] for label in LABELS} - {""}
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 30_000_000


def test_another_file_than_the_measured_one_is_refused(tmp_path: Path) -> None:
    for file in SHIPPED.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "model.onnx").open("ab") as model:
        model.write(b"x")
    with pytest.raises(CorruptCheckpoint, match=r"model\.onnx"):
        load_reader(str(tmp_path))
