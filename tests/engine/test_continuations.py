"""Log-probabilities of given continuations: the shared reading gives what one whole forward pass for each gives."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_model import VOCAB, FakeModel
from nemora.engine.continuations import continuation_logprobs, nesting
from nemora.engine.engine import Engine
from nemora.errors import ContextLengthExceeded, LocalModelDown, ModelError, RequestError
from nemora.models.base import Model
from own_hybrid import conversations, own_model
from watched_model import small_model

IDS = st.lists(st.integers(0, 4), min_size=1, max_size=5)


def slow(model: Model, prefix: list[int], continuation: list[int]) -> list[float]:
    """The readable twin: one whole forward pass for each continuation, from the start."""
    ids = prefix + continuation
    with torch.inference_mode():
        rows = torch.log_softmax(model.forward(torch.tensor([ids]), model.new_state(len(ids)))[0].float(), dim=-1)
    return [float(rows[len(prefix) + n - 1, token]) for n, token in enumerate(continuation)]


def close(found: list[list[float]], expected: list[list[float]], tolerance: float = 1e-3) -> bool:
    return [len(row) for row in found] == [len(row) for row in expected] and all(
        abs(a - b) < tolerance
        for row, other in zip(found, expected, strict=True)
        for a, b in zip(row, other, strict=True)
    )


@settings(max_examples=100, deadline=None)
@given(prefix=IDS, continuations=st.lists(IDS, max_size=6))
def test_the_shared_reading_equals_a_whole_pass_for_each(prefix: list[int], continuations: list[list[int]]) -> None:
    model = FakeModel()
    engine = Engine(model, context=64, prefill_chunk=3)
    found = engine.logprobs(prefix, continuations)
    engine.close()
    assert close(found, [slow(model, prefix, each) for each in continuations])


def test_the_states_of_attention_and_mamba_go_back_to_where_a_branch_began() -> None:
    model = own_model()
    text = (conversations(held_out=True)[0] * 3)[:40]
    tails = [[*text[:6], 3], [*text[:6], 9, 4], text[:2], text[5:9], [*text[:2], 7, 7, 7]]
    engine = Engine(model, context=64, prefill_chunk=16)
    found = engine.logprobs(text, tails)
    engine.close()
    assert close(found, [slow(model, text, tail) for tail in tails])
    assert all(value <= 0 and math.isfinite(value) for row in found for value in row)


def test_what_continuations_share_is_read_once() -> None:
    model = FakeModel()
    engine = Engine(model, context=64, prefill_chunk=4)
    engine.logprobs([1, 2, 3, 4, 5], [[6, 7, 8], [6, 7, 9], [6, 7, 8, 1]])
    engine.close()
    assert model.passes == [(1, 2, 3, 4), (5,), (6, 7), (8,)]


def test_what_is_no_continuation_is_refused() -> None:
    engine = Engine(FakeModel(), context=8)
    for prefix, continuation in (([], [1]), ([1], []), ([1], [VOCAB]), ([-1], [1])):
        with pytest.raises(RequestError):
            engine.logprobs(prefix, [continuation])
    with pytest.raises(ContextLengthExceeded):
        engine.logprobs([1] * 5, [[1] * 4])
    assert len(engine.logprobs([1] * 4, [[1] * 4])[0]) == 4
    engine.close()
    with pytest.raises(LocalModelDown):
        engine.logprobs([1], [[1]])


def test_a_late_or_failing_model_is_an_error_without_content() -> None:
    engine = Engine(FakeModel(fail_on=7), context=64)
    with pytest.raises(ModelError, match="RuntimeError") as raised:
        engine.logprobs([7], [[1]])
    assert "boom" not in raised.value.message
    with pytest.raises(ModelError, match="did not end"):
        engine.logprobs([1], [[1]], seconds=-1)
    engine.close()


@settings(max_examples=100, deadline=None)
@given(continuations=st.lists(IDS, max_size=8))
def test_as_many_states_are_reserved_as_are_kept_at_once(continuations: list[list[int]]) -> None:
    model, kept, most = FakeModel(), 0, 0
    new_state = model.new_state

    def watched(*args: object, **more: object) -> object:
        state = new_state(*args, **more)
        snapshot, restore = state.snapshot, state.restore

        def counted() -> object:
            nonlocal kept, most
            kept += 1
            most = max(most, kept)
            return snapshot()

        def undone(before: object) -> None:
            nonlocal kept
            kept -= 1
            restore(before)

        state.snapshot, state.restore = counted, undone
        return state

    model.new_state = watched  # type: ignore[method-assign]
    continuation_logprobs(model, [1], continuations, chunk=3, check=lambda: None)
    assert most == nesting(continuations)


def test_what_snapshots_find_no_room_for_is_refused_with_a_sum_beyond_what_is_there(tmp_path: Path) -> None:
    model = small_model("hybrid", tmp_path)
    probe = Engine(model, context=64)
    probe.close()
    memory = probe._memory.cost.workspace + probe._memory.cost.of_length(64)
    engine = Engine(model, context=64, memory=memory)
    with pytest.raises(ContextLengthExceeded) as caught:
        engine.logprobs([1, 2, 3], [[3, 4], [3, 5, 6]])
    engine.close()
    sums = re.search(r"= ([\d,]+) bytes .*, and ([\d,]+) bytes are there", caught.value.message)
    assert sums is not None
    needed, there = (int(each.replace(",", "")) for each in sums.groups())
    assert needed > there == memory
