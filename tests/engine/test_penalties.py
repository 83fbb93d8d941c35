"""Bias, penalties, bad words and a least length, beside slow twins in plain Python."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_model import VOCAB, FakeModel, solo
from nemora.core import StopReason
from nemora.engine.engine import Engine
from nemora.engine.penalties import Penalties, forbidden_ids, permitted
from nemora.engine.request import GenerationParams
from nemora.errors import RequestError

SIZE = 12
ids = st.integers(0, SIZE - 1)


def slow_penalties(
    logits: Sequence[float], prompt: Sequence[int], written: Sequence[int], params: GenerationParams
) -> list[float]:
    """The twin: vLLM's and OpenAI's formulas, one token after the other."""
    found = []
    for token, logit in enumerate(logits):
        logit += params.logit_bias.get(token, 0.0)
        if token in prompt or token in written:
            logit = logit / params.repetition_penalty if logit > 0 else logit * params.repetition_penalty
        count = list(written).count(token)
        found.append(logit - count * params.frequency_penalty - (count > 0) * params.presence_penalty)
    return found


@settings(max_examples=200)
@given(
    st.lists(st.floats(-20, 20, width=16), min_size=SIZE, max_size=SIZE),
    st.lists(ids, min_size=1, max_size=8),
    st.lists(ids, max_size=12),
    st.sampled_from([0.0, 0.7, -2.0]),
    st.sampled_from([0.0, 1.5, -0.3]),
    st.sampled_from([1.0, 1.3, 0.5]),
    st.dictionaries(ids, st.floats(-100, 100, width=16), max_size=4),
)
def test_penalties_equal_the_slow_twin_after_each_token(logits, prompt, written, frequency, presence, repetition, bias):
    params = GenerationParams(
        max_tokens=1,
        frequency_penalty=frequency,
        presence_penalty=presence,
        repetition_penalty=repetition,
        logit_bias=bias,
    )
    penalties = Penalties(params, prompt)
    given_logits = torch.tensor(logits)
    for count in range(len(written) + 1):
        found = penalties.apply(given_logits)
        expected = slow_penalties(logits, prompt, written[:count], params)
        assert torch.allclose(found, torch.tensor(expected), rtol=1e-5, atol=1e-4)
        if count < len(written):
            penalties.accept(written[count])
    assert given_logits.tolist() == torch.tensor(logits).tolist()


@given(
    st.lists(ids, max_size=8),
    st.lists(st.lists(ids, min_size=1, max_size=3).map(tuple), max_size=4).map(tuple),
    st.integers(0, 6),
)
def test_a_token_is_forbidden_if_and_only_if_it_would_end_what_may_not_be(written, bad, least):
    params = GenerationParams(max_tokens=9, bad_sequences=bad, min_tokens=least, stop_ids=frozenset({2}))
    found = forbidden_ids(params, written)
    for token in range(SIZE):
        text = "".join(f"<{i}>" for i in [*written, token])
        ends_badly = any(text.endswith("".join(f"<{i}>" for i in sequence)) for sequence in bad)
        assert (token in found) == (ends_badly or (token == 2 and len(written) < least))


def test_where_nothing_would_be_left_the_grammar_wins():
    allowed = torch.tensor([False, True, False])
    assert permitted(3, allowed, {1}) is allowed
    assert permitted(3, allowed, set()) is allowed
    left = permitted(3, None, {1, 99})
    assert left is not None and left.tolist() == [True, False, True]


def answered(**more: object) -> tuple[list[int], StopReason | None]:
    engine = Engine(FakeModel(), context=64)
    params = GenerationParams(**{"max_tokens": 12, "temperature": 0, **more})  # type: ignore[arg-type]
    deltas = list(engine.submit([3, 1, 4], params))
    engine.close()
    return [i for delta in deltas for i in delta.ids], deltas[-1].finish


def test_the_engine_writes_no_stop_before_its_time_and_no_bad_sequence():
    plain = solo([3, 1, 4], 12)
    stop = plain[2]
    written, finish = answered(stop_ids=frozenset({stop}), min_tokens=6)
    assert len(written) >= 6 and stop not in written
    assert finish in (StopReason.STOP, StopReason.LENGTH)
    assert answered(stop_ids=frozenset({stop}))[0] == plain[: plain.index(stop)]
    bad = tuple(plain[3:5])
    avoiding = answered(bad_sequences=(bad,))[0]
    assert avoiding[:4] == plain[:4] and bad not in set(itertools.pairwise(avoiding))


def test_bias_and_penalties_change_what_the_engine_writes():
    assert answered(logit_bias={7: 100})[0] == [7] * 12
    plain = solo([3, 1, 4], 12)
    assert answered(logit_bias={plain[0]: -100})[0][0] != plain[0]
    # A bias makes one token come again and again; a penalty per time outweighs it soon.
    alternating = answered(logit_bias={7: 6}, frequency_penalty=2.0)[0]
    assert alternating[0] == 7 and 1 <= alternating.count(7) < 8
    assert answered(logit_bias={7: 100}, repetition_penalty=1e6)[0].count(7) < 12


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("frequency_penalty", 2.1),
        ("presence_penalty", float("nan")),
        ("repetition_penalty", 0.0),
        ("logit_bias", {1: 101.0}),
        ("min_tokens", 13),
        ("logprobs", 21),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field: str, value: object):
    with pytest.raises(RequestError) as refused:
        answered(**{field: value})
    assert refused.value.param == ("top_logprobs" if field == "logprobs" else field)


def test_a_bias_for_a_token_that_there_is_not_is_refused():
    with pytest.raises(RequestError, match=f"from 0 to {VOCAB - 1}"):
        answered(logit_bias={VOCAB: 1.0})
