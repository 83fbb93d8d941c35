"""Memory is granted only so that everybody can come to an end."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_model import FakeConfig
from nemora.engine.budget import Budget, Cost
from nemora.models.state import KVShape, MambaShape, State

CLAIMS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=5)


def can_end(total: int, claims: list[tuple[int, int]]) -> bool:
    """The slow twin: try every order."""
    for order in itertools.permutations(claims):
        free = total - sum(held for held, _ in claims)
        for held, most in order:
            if most - held > free:
                break
            free += held
        else:
            return free >= 0
    return False


@settings(max_examples=300, deadline=None)
@given(total=st.integers(0, 12), claims=CLAIMS)
def test_what_is_granted_is_what_can_come_to_an_end(total: int, claims: list[tuple[int, int]]) -> None:
    budget = Budget(total)
    granted: list[tuple[int, int]] = []
    for number, (held, more) in enumerate(claims):
        claim = (held, held + more)
        assert budget.reserve(number, *claim) == can_end(total, [*granted, claim])
        if len(budget) > len(granted):
            granted.append(claim)
        budget.check_integrity()
        assert budget.held == sum(held for held, _ in granted) <= total


@settings(max_examples=200, deadline=None)
@given(data=st.data(), total=st.integers(1, 30))
def test_whoever_grows_step_by_step_comes_to_an_end(data: st.DataObject, total: int) -> None:
    budget, most, held, waiting = Budget(total), {}, {}, 0
    for holder in range(6):
        wanted = data.draw(st.integers(1, total))
        if budget.reserve(holder, min(2, wanted), wanted):
            most[holder], held[holder] = wanted, min(2, wanted)
    while most:
        holder = data.draw(st.sampled_from(sorted(most)))
        if held[holder] == most[holder]:
            budget.release(holder)
            del most[holder]
            waiting = 0
        elif budget.grow(holder, held[holder] + 1):
            held[holder] += 1
            waiting = 0
        else:
            waiting += 1
            assert any(budget.grow(other, held[other] + (held[other] < most[other])) for other in most), "deadlock"
            for other in most:
                held[other] = budget._claims[other].held
        budget.check_integrity()
    assert (budget.held, len(budget)) == (0, 0)


def test_a_holder_that_is_not_honest_is_an_error() -> None:
    budget = Budget(10)
    assert budget.reserve("a", 1, 2)
    for wrong in (lambda: budget.reserve("a", 1, 2), lambda: budget.reserve("b", 3, 2), lambda: budget.grow("a", 3)):
        with pytest.raises(ValueError, match="holder"):
            wrong()
    budget.release("a")
    budget.release("a")
    assert budget.releases == 1


def test_the_cost_of_a_sequence_is_what_its_state_takes() -> None:
    shapes = {"kv": [KVShape(2, 3)] * 2, "mamba": [MambaShape(4, 3, 2, 5, 6)]}
    config, state = FakeConfig(vocab_size=50, widest=1000), State(**shapes, batch=1, capacity=1)

    def taken(positions: int) -> int:
        cost = Cost.of(config, state, positions, chunk=16)
        return cost.workspace + cost.of_length(positions)

    cost = Cost.of(config, state, 5000, chunk=16)
    assert cost.of_length(37) == State(**shapes, batch=1, capacity=37).bytes
    found = 0
    for memory in range(cost.workspace, cost.workspace + 500_000, 4999):
        longest = cost.longest(memory)
        if longest >= 4096:  # below, blocks of attention take less than was reckoned
            assert taken(longest) <= memory < taken(longest + 1)
            found += 1
    assert found
    assert f"{cost.of_length(5) + cost.workspace:,} bytes" in cost.sum(5)
    assert f"{cost.of_length(5) + 3 * cost.per_sequence + cost.workspace:,} bytes" in cost.sum(5, snapshots=3)
