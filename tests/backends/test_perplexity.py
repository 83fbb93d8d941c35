"""Perplexity against a slow twin that reads the whole window anew for each token."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_model import VOCAB, FakeModel
from nemora.backends.perplexity import Perplexity, perplexity
from nemora.errors import ContextLengthExceeded, RequestError


def slow_log_loss(model: FakeModel, ids: list[int], context: int, stride: int) -> float:
    """Each token alone: from the start of the first window that has it."""
    total = 0.0
    for position in range(1, len(ids)):
        window = 0
        while window * stride + context <= position:
            window += 1
        before = ids[window * stride : position]
        logits = model.forward(torch.tensor([before]), model.new_state(len(before)))[0, -1]
        total -= float(logits.double().log_softmax(-1)[ids[position]])
    return total / (len(ids) - 1)


@settings(deadline=None, max_examples=60)
@given(ids=st.lists(st.integers(0, VOCAB - 1), min_size=2, max_size=40), context=st.integers(2, 16), data=st.data())
def test_each_token_counts_once_with_what_its_window_has_before_it(
    ids: list[int], context: int, data: st.DataObject
) -> None:
    stride = data.draw(st.integers(1, context - 1))
    model = FakeModel()
    found = perplexity(model, ids, context=context, stride=stride)
    assert found.tokens == len(ids) - 1
    assert found.log_loss == pytest.approx(slow_log_loss(model, ids, context, stride), rel=1e-5)
    assert found.value == pytest.approx(math.exp(found.log_loss))


def test_by_default_windows_overlap_by_half_and_none_is_longer_than_the_context() -> None:
    model = FakeModel()
    done: list[int] = []
    perplexity(model, list(range(20)), context=8, progress=done.append)
    assert [window[0] for window in model.passes] == [0, 4, 8, 12]
    assert max(len(window) for window in model.passes) == 7  # what the last token is followed by is not asked
    assert done == [8, 12, 16, 20]


@pytest.mark.parametrize(
    ("ids", "context", "stride", "error"),
    [
        ([1], 8, None, RequestError),
        ([], 8, None, RequestError),
        ([1, VOCAB], 8, None, RequestError),
        ([1, -1], 8, None, RequestError),
        ([1, 2], 1, None, RequestError),
        ([1, 2], 8, 8, RequestError),
        ([1, 2], 8, 0, RequestError),
        ([1, 2], 65, None, ContextLengthExceeded),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_sentence(
    ids: list[int], context: int, stride: int | None, error: type[RequestError]
) -> None:
    with pytest.raises(error) as caught:
        perplexity(FakeModel(), ids, context=context, stride=stride)
    assert caught.value.message.endswith(".") and ". " not in caught.value.message


def test_a_loss_beyond_all_numbers_is_infinite_perplexity() -> None:
    assert Perplexity(1e6, 3).value == math.inf
