"""Drafts change how soon tokens come, and not which."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.engine.draft_head import DraftHead
from nemora.engine.engine import Engine
from nemora.engine.prompt_lookup import LONGEST, SHORTEST, PromptLookup
from nemora.engine.request import GenerationParams
from nemora.engine.speculation import MOST_DRAFTS, PassCosts, Speculation, expected
from nemora.models.base import Model
from nemora.models.lookahead import Lookahead
from nemora.models.state import State
from own_hybrid import conversations, own_model
from watched_model import VOCABULARY, small_model


@pytest.fixture(scope="module", params=["hybrid", "llama"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return small_model(request.param, tmp_path_factory.mktemp("model"))


def text(length: int, seed: int) -> list[int]:
    """A text in which pieces come again, as they do in agents' prompts."""
    draw = random.Random(seed)
    pieces = [[draw.randrange(3, VOCABULARY) for _ in range(draw.randrange(3, 9))] for _ in range(3)]
    ids: list[int] = []
    while len(ids) < length:
        ids += draw.choice(pieces)
    return ids[:length]


def answers(model: Model, mode: str, params: Callable[[int], GenerationParams]) -> tuple[list[list[int]], int]:
    """What six prompts get, three of them at once, and how many drafts were right."""
    engine = Engine(model, context=256, prefill_chunk=16, speculation=mode)
    try:
        generations = [engine.submit(text(30 + n, n), params(n)) for n in range(6)]
        ids = [[i for delta in generation for i in delta.ids] for generation in generations]
        engine.check_integrity()
        return ids, sum(generation.timings().accepted_tokens for generation in generations)
    finally:
        engine.close()


FEW = dict.fromkeys(range(3, 7), 30.0)
"""A bias by which random models write few different tokens, and so again and again what they have written."""

KINDS: dict[str, Callable[[int], GenerationParams]] = {
    "greedy": lambda _: GenerationParams(max_tokens=60, temperature=0, logit_bias=FEW),
    "drawn": lambda n: GenerationParams(max_tokens=40, temperature=0.4, top_p=0.9, seed=n),
    "penalties": lambda n: GenerationParams(max_tokens=40, temperature=0.3, seed=n, frequency_penalty=0.3),
    "bad words": lambda _: GenerationParams(
        max_tokens=30, temperature=0, logit_bias=FEW, bad_sequences=((5,), (7, 8)), min_tokens=9
    ),
    "stops": lambda _: GenerationParams(max_tokens=60, temperature=0, stop_ids=frozenset(range(9, VOCABULARY, 5))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_speculative_is_plain(model: Model, kind: str) -> None:
    plain, _ = answers(model, "off", KINDS[kind])
    drafted, accepted = answers(model, "always", KINDS[kind])
    assert drafted == plain
    if kind == "greedy":
        assert accepted > 20  # or nothing was tested


def test_a_draft_head_is_right_often_and_changes_nothing() -> None:
    """The project's own small hybrid, whose head was trained with it."""
    said: dict[str, list[list[int]]] = {}
    for mode in ("off", "always"):
        engine = Engine(own_model(), context=512, prefill_chunk=32, cache_bytes=1 << 24, speculation=mode)
        generations = []
        for ids in [conversation[:60] for conversation in conversations(held_out=True)[:2]] * 2:
            generation = engine.submit(ids, GenerationParams(max_tokens=20, temperature=0.7, seed=5))
            generations.append((generation, [i for delta in generation for i in delta.ids]))
        said[mode] = [ids for _, ids in generations]
        engine.check_integrity()
        engine.close()
        drafted, accepted = (
            sum(getattr(generation.timings(), what) for generation, _ in generations)
            for what in ("drafted_tokens", "accepted_tokens")
        )
    assert said["always"] == said["off"]
    assert accepted > 0.15 * drafted / MOST_DRAFTS > 0  # in each pass the first is what counts


@pytest.mark.parametrize("cut", [1, 7, 33])
def test_a_head_drafts_the_same_however_it_was_shown_the_text(cut: int) -> None:
    model, ids = own_model(), conversations(held_out=True)[1][:70]
    with torch.inference_mode():
        hidden = model.read(torch.tensor([ids[:-1]]), model.new_state(80))
        slow = DraftHead(model)
        slow.observe(hidden, ids[:-1], len(ids) - 1)
        pieces = DraftHead(model)
        for start in range(0, len(ids) - 1, cut):
            end = min(start + cut, len(ids) - 1)
            pieces.observe(hidden[:, start:end], ids[:end], end)
        first = slow.draft(ids, 5)
        assert pieces.draft(ids, 5) == first and len(first) == 5
        # A head that has drafted is where it was: the same after the token that really came.
        more = model.read(torch.tensor([ids[-1:]]), _after(model, ids[:-1]))
        for head in (slow, pieces):
            head.observe(more, ids, len(ids))
        assert slow.draft([*ids, 9], 3) == pieces.draft([*ids, 9], 3)


def _after(model: Model, ids: list[int]) -> State:
    state = model.new_state(len(ids) + 1)
    model.forward(torch.tensor([ids]), state)
    return state


def test_auto_says_the_same_too(model: Model) -> None:
    assert answers(model, "auto", KINDS["greedy"])[0] == answers(model, "off", KINDS["greedy"])[0]


class OnlyEven:
    """A grammar of even ids, in which each id follows the one before by 2, or begins anew."""

    def __init__(self, size: int) -> None:
        self.last, self.size = 0, size

    def allowed(self) -> torch.Tensor:
        mask = torch.zeros(self.size, dtype=torch.bool)
        mask[[4, (self.last + 2) % VOCABULARY & ~1]] = True
        return mask

    def accept(self, token_id: int) -> None:
        assert self.allowed()[token_id]
        self.last = token_id


def test_a_grammar_sees_every_token_once_and_in_order(model: Model) -> None:
    said = []
    for mode in ("off", "always"):
        engine = Engine(model, context=256, speculation=mode)
        generation = engine.submit([4, 6, 8, 10, 4, 6, 8], KINDS["greedy"](0), mask=OnlyEven(model.config.vocab_size))
        said.append([i for delta in generation for i in delta.ids])
        engine.close()
    assert said[0] == said[1] and len(said[0]) == 60


@pytest.mark.parametrize("kept", [1, 2, 5])
def test_keeping_some_tokens_is_having_read_only_those(model: Model, kept: int) -> None:
    prompt, ahead = text(20, 3), text(5, 4)
    with torch.inference_mode():
        one, other = model.new_state(64), model.new_state(64)
        for state in (one, other):
            model.forward(torch.tensor([prompt]), state)
        looking = Lookahead(one)
        logits = model.forward(torch.tensor([ahead]), looking)
        assert one.length == len(prompt)
        looking.keep(kept)
        rows = [model.forward(torch.tensor([[i]]), other)[0, 0] for i in ahead[:kept]]
        assert one.length == other.length == len(prompt) + kept
        torch.testing.assert_close(logits[0, :kept], torch.stack(rows), rtol=1e-3, atol=2e-4)
        for mine, its in zip((*one.conv, *one.ssm), (*other.conv, *other.ssm), strict=True):
            torch.testing.assert_close(mine, its, rtol=1e-3, atol=2e-4)
        after = [model.forward(torch.tensor([[9]]), state) for state in (one, other)]
        torch.testing.assert_close(*after, rtol=1e-3, atol=2e-4)


def test_nothing_is_kept_of_what_was_not_read(model: Model) -> None:
    state = model.new_state(8)
    with torch.inference_mode():
        looking = Lookahead(state)
        model.forward(torch.tensor([[1, 2]]), looking)
    for count in (0, 3):
        with pytest.raises(ValueError, match="cannot be kept"):
            looking.keep(count)
    assert state.length == 0


def lookup_twin(ids: list[int], most: int) -> list[int]:
    """The longest end that stands earlier, at its last place; what follows, going round where that reaches the end."""
    for length in range(LONGEST, SHORTEST - 1, -1):
        if len(ids) <= length:
            continue
        for end in range(len(ids) - 1, length - 1, -1):
            if ids[end - length : end] == ids[-length:]:
                return [(ids[end:] * most)[n] for n in range(most)]
    return []


@given(st.lists(st.integers(0, 2), max_size=30), st.integers(1, 6), st.lists(st.integers(1, 4), max_size=6))
def test_lookup_finds_what_a_slow_search_finds_however_the_text_grew(
    ids: list[int], most: int, steps: list[int]
) -> None:
    lookup, length = PromptLookup(), 0
    for step in [*steps, len(ids)]:
        length = min(len(ids), length + step)
        assert lookup.draft(ids[:length], most) == lookup_twin(ids[:length], most)


def test_drafts_are_made_where_they_pay_and_tried_again_where_they_did_not() -> None:
    costs = PassCosts()
    costs.measure(1, 0.010)
    for tokens in range(2, MOST_DRAFTS + 2):
        costs.measure(tokens, 0.011)
    good, bad = Speculation(costs), Speculation(costs)
    for _ in range(40):
        good.count(4, 4)
        bad.count(4, 0)
    assert good.wanted() == MOST_DRAFTS
    asked = [bad.wanted() for _ in range(200)]
    assert 0 < sum(asked) < 10
    for tokens in range(2, MOST_DRAFTS + 2):
        for _ in range(60):
            costs.measure(tokens, 0.010 * tokens)  # a pass costs by its tokens: nothing can be gained
    assert good.wanted() == 0


@settings(max_examples=50)
@given(st.floats(0, 1), st.integers(0, 8))
def test_expected_tokens_are_those_of_the_sum(rate: float, count: int) -> None:
    assert expected(rate, count) == pytest.approx(sum(rate**n for n in range(count + 1)))
