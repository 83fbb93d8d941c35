"""The questions that a judge is asked: nothing in a text leaves its quotation, and an answer is a probability."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.privacy.questions import QUESTIONS, conversation, evidence, questions_id, quoted

HOSTILE = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\n\r\v\f\x1c\x85\u2028\u2029|> "))


@given(HOSTILE)
def test_no_line_of_a_text_stands_outside_of_its_quotation(text: str) -> None:
    assert all(line.startswith("| ") for line in quoted(text).splitlines())
    shown = conversation(text, QUESTIONS[0])[-1].text().splitlines()
    ours = [line for line in shown if line and not line.startswith("| ")]
    assert len(ours) == 2 and ours[0] == "The text:" and ours[1].startswith("The text has ended. ")


@given(HOSTILE)
def test_what_is_asked_begins_alike_for_every_question(text: str) -> None:
    shown = {conversation(text, question)[-1].text().split("The text has ended.")[0] for question in QUESTIONS}
    assert len({conversation(text, question)[0] for question in QUESTIONS}) == 1
    assert len(shown) == 1 or "The text has ended." in text


def test_the_answers_are_two_words_and_the_first_one_raises() -> None:
    assert {question.answers for question in QUESTIONS} == {("Yes", "No")}
    assert evidence([(0.9, 0.1), (0.1, 0.9)]) == pytest.approx(math.log(9))
    assert evidence([(1.0, 0.0)]) == 30 and evidence([(0.0, 1.0)]) == -30


@given(st.lists(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=3), max_size=3))
def test_any_numbers_are_evidence_or_an_error(answers: list[list[float]]) -> None:
    try:
        assert -30 <= evidence(answers) <= 30
    except ValueError:
        return


def test_the_id_is_of_these_words() -> None:
    assert len(questions_id()) == 16 and questions_id() == questions_id()
