"""Example sentences of the owner's: what says the same is found where it stands, and is the entity's class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_reader import write_tiny_reader

from nemora.errors import CorruptCheckpoint, SettingsError
from nemora.privacy.classify import classify
from nemora.privacy.decide import decide
from nemora.privacy.finding import Sensitivity
from nemora.privacy.inspect import Inspector
from nemora.privacy.policy import Policy, parse_policy
from nemora.privacy.protocols import Examples, Segment
from nemora.privacy.reading import ReadingRules, rules_of
from nemora.tagger.likeness import Likeness
from nemora.tagger.reader import TextReader, load_reader

MERGER = Examples(
    "merger", ("We are in talks to buy Halvorsen Pumps.", "The board approved the takeover of our rival."), 0.5
)
POLICY = """
[[entities]]
name = "merger"
class = "secret"
examples = ["We are in talks to buy Halvorsen Pumps.", "The board approved the takeover of our rival."]
"""


@pytest.fixture(scope="module")
def reader() -> TextReader:
    loaded = load_reader()
    assert isinstance(loaded, TextReader)
    return loaded


def judged(reader: TextReader, text: str, policy: Policy) -> tuple[Sensitivity, tuple[str, ...]]:
    inspection = Inspector(reader).inspect([Segment("/messages/0/content", text)], policy.reading)
    assert inspection.complete, inspection.failures
    decision = decide(inspection, classify(inspection, policy.class_of), Sensitivity.PUBLIC, policy)
    return decision.sensitivity, decision.reasons


def test_what_says_the_same_has_the_class_of_the_entity(reader: TextReader) -> None:
    text = "Thanks for the notes. Our board wants to buy the rival company. See you on Monday."
    sensitivity, reasons = judged(reader, text, parse_policy(POLICY))
    assert sensitivity is Sensitivity.SECRET and "entity:merger" in reasons


@pytest.mark.parametrize(
    "text", ["How do I bake bread without yeast?", "The function returns a sorted list of integers."]
)
def test_what_says_something_else_is_not_found(reader: TextReader, text: str) -> None:
    assert not any(reason.startswith("entity:") for reason in judged(reader, text, parse_policy(POLICY))[1])


def test_an_example_itself_is_found_at_its_place_in_a_long_text(reader: TextReader) -> None:
    before, said = "The weather was fine and the garden is green. " * 80, MERGER.sentences[0]
    (reading,) = reader.read([before + said + " " + before], [MERGER])
    best = max(reading.alike, key=lambda span: span.score)
    assert before + said == (before + said)[: best.end] and best.start == len(before)


def test_nothing_is_compared_and_nothing_changes_without_examples(reader: TextReader) -> None:
    text = "We are in talks to buy Halvorsen Pumps from Anna Petersen."
    plain, compared = reader.read([text])[0], reader.read([text], [MERGER])[0]
    assert plain.alike == () and compared.alike
    assert (plain.spans, plain.topics, plain.doubts) == (compared.spans, compared.topics, compared.doubts)


def test_a_model_without_vectors_is_said_so_and_the_request_counts_as_not_read(tmp_path: Path) -> None:
    old = TextReader(write_tiny_reader(tmp_path))
    with pytest.raises(CorruptCheckpoint, match="cannot compare example sentences"):
        old.read(["the Anna"], [MERGER])
    text = Segment("/messages/0/content", "We are in talks to buy them.")
    assert not Inspector(old).inspect([text], parse_policy(POLICY).reading).complete


def test_rules_survive_the_way_to_the_child_and_their_name_tells_the_examples() -> None:
    rules = parse_policy(POLICY).reading
    again = rules_of(rules.to_json())
    assert again == rules and again.id == rules.id
    other = parse_policy(POLICY.replace("Halvorsen", "Olsen")).reading
    assert other.id != rules.id != ReadingRules().id


@pytest.mark.parametrize(
    "line",
    ["examples = ['too short']", "examples = [3]", "examples = ['a b c d']\nlikeness = 0.1", "examples = 'a b c'"],
)
def test_what_is_no_example_is_refused(line: str) -> None:
    with pytest.raises(SettingsError):
        parse_policy(f"[[entities]]\nname = 'merger'\nclass = 'secret'\n{line}\n")


@settings(max_examples=80, deadline=None)
@given(st.text(st.sampled_from("ab.!?\n 。"), max_size=80), st.integers(0, 2**32 - 1))
def test_sentences_found_lie_in_the_text_in_order_and_do_not_overlap(text: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    places = [i for i, c in enumerate(text) if not c.isspace()]
    offsets = np.array([(i, i + 1) for i in places], dtype=np.int64).reshape(-1, 2)
    tokens = generator.normal(size=(len(places), 8)).astype(np.float32)
    likeness = Likeness(lambda said: np.random.default_rng(len(said)).normal(size=8).astype(np.float32))
    at = 0
    for span in likeness.alike(text, tokens, offsets, [Examples("one", ("x y z", "y z"), 0.01)]):
        assert at <= span.start < span.end <= len(text) and 0 < span.score <= 1
        at = span.end


def test_what_all_vectors_share_is_no_likeness() -> None:
    """Vectors of a model point nearly one way: only what is beside that way tells texts apart."""

    def vector(said: str) -> np.ndarray:
        own = np.random.default_rng(len(said)).normal(size=32).astype(np.float32)
        return own + np.float32(50)

    text, offsets = "a b c", np.array([(0, 1), (2, 3), (4, 5)])
    wanted = [Examples("one", ("x y z of something else",), 0.7)]
    likeness = Likeness(vector)
    assert likeness.alike(text, np.tile(vector("other"), (3, 1)), offsets, wanted) == []
    assert likeness.alike(text, np.tile(vector(wanted[0].sentences[0]), (3, 1)), offsets, wanted)
