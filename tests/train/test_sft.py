from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nemora.core import Message
from nemora.errors import UsageError
from nemora.train.batch import IGNORED
from nemora.train.chat_data import Sample
from nemora.train.chat_file import Chat
from nemora.train.sft import Plan, batch_of, batches_of, hold_out, rows_of, schedule_of, steps_of


def sample(length: int, first: int = 0) -> Sample:
    return Sample(tuple(range(first, first + length)), tuple(place >= length // 2 for place in range(length)))


def chat(question: str, answer: str = "x") -> Chat:
    return Chat((Message("user", question), Message("assistant", answer)), (), 0, "line")


def plan(**changes: object) -> Plan:
    options = {"length": 20, "rows": 1, "accumulate": 1, "rate": 0.1, "epochs": 2, "steps": None, "seed": 0}
    return Plan(**(options | changes))  # type: ignore[arg-type]


def test_a_question_is_learned_or_held_out_with_all_its_answers() -> None:
    chats = [chat(str(number % 10), str(number)) for number in range(30)]
    learned, held = hold_out(chats, 0.2, seed=3)
    questions = [{talk.messages[0].text() for talk in part} for part in (learned, held)]
    assert not questions[0] & questions[1] and len(learned) + len(held) == 30 and len(held) == 6
    assert hold_out(chats, 0.2, seed=3) == (learned, held) != hold_out(chats, 0.2, seed=4)


def test_something_is_held_out_and_something_is_left() -> None:
    assert [len(part) for part in hold_out([chat("a"), chat("b")], 0.01, seed=0)] == [1, 1]
    with pytest.raises(UsageError, match="too few different conversations"):
        hold_out([chat("a"), chat("a")], 0.5, seed=0)


@given(st.lists(st.integers(2, 20), min_size=1, max_size=12))
def test_held_out_rows_hold_each_sample_once_and_learn_all_of_it(lengths: list[int]) -> None:
    samples = [sample(length, first=100 * number) for number, length in enumerate(lengths)]
    batches = batches_of(samples, 20)
    assert [i for batch in batches for i in batch.ids[0].tolist()] == [i for s in samples for i in s.ids]
    assert all(batch.ids.shape[1] <= 20 for batch in batches)
    assert sum(int((batch.labels() != IGNORED).sum()) for batch in batches) == sum(s.targets for s in samples)


def test_a_label_is_the_next_token_of_the_same_sample() -> None:
    batch = batch_of([Sample((1, 2, 3), (True, True, True)), Sample((4, 5, 6), (False, False, True))])
    assert batch.labels().tolist() == [[2, 3, IGNORED, IGNORED, 6, IGNORED]]


def test_epochs_are_counted_in_filled_rows() -> None:
    samples = [sample(10) for _ in range(7)]  # two to a row
    assert steps_of(samples, plan(epochs=2)) == 7
    assert steps_of(samples, plan(epochs=2, accumulate=2)) == 4
    assert steps_of(samples, plan(steps=5)) == 5


def test_no_sample_goes_across_two_rows() -> None:
    rows = rows_of([sample(9), sample(15), sample(4)], plan(length=16))
    for _ in range(6):
        batch = rows.batch(1)
        assert batch.texts is not None and batch.counted is not None
        assert not batch.counted[0, 0]  # the first half of a sample is never learned
        starts = batch.ids[0][batch.texts.positions[0] == 0]
        assert torch.equal(starts, torch.zeros_like(starts))


def test_the_rate_ends_near_zero_whatever_the_number_of_steps() -> None:
    for steps in (1, 2, 7, 100):
        factors = [schedule_of(steps)(step) for step in range(steps)]
        assert max(factors) == 1.0 and min(factors) > 0
    assert factors[-1] < 0.1 and factors[0] < 0.3


@pytest.mark.parametrize("wrong", [{"length": 1}, {"rows": 0}, {"epochs": 0}, {"rate": 0.0}, {"steps": 0}])
def test_plans_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        plan(**wrong)
