from __future__ import annotations

import pytest
import torch

from nemora.models.state import KVShape, State


def state(capacity: int = 4, batch: int = 1) -> State:
    return State(kv=[KVShape(2, 3)] * 2, batch=batch, capacity=capacity)


def fill(target: State, count: int, value: float) -> None:
    for layer in range(2):
        target.append(layer, torch.full((1, 2, count, 3), value), torch.full((1, 2, count, 3), -value))
    target.advance(count)


def seen(target: State) -> list[float]:
    """The value at every position of layer 1, as the next token would see it."""
    keys, values = target.append(1, torch.zeros(1, 2, 1, 3), torch.zeros(1, 2, 1, 3))
    assert torch.equal(keys, -values)
    return keys[0, 0, :-1, 0].tolist()


def test_positions_come_back_in_the_order_they_were_written() -> None:
    cache = state()
    fill(cache, 2, 1.0)
    fill(cache, 1, 2.0)
    assert (cache.length, seen(cache)) == (3, [1.0, 1.0, 2.0])


def test_growing_keeps_what_was_written_and_never_shrinks() -> None:
    cache = state(2)
    fill(cache, 2, 1.0)
    cache.grow(9)
    cache.grow(1)
    assert (cache.capacity, seen(cache)) == (9, [1.0, 1.0])


def test_truncated_positions_are_written_over() -> None:
    cache = state()
    fill(cache, 3, 1.0)
    cache.truncate(1)
    fill(cache, 1, 5.0)
    assert seen(cache) == [1.0, 5.0]


@pytest.mark.parametrize("length", [-1, 4])
def test_a_state_cannot_be_cut_to_a_length_it_does_not_have(length: int) -> None:
    cache = state()
    fill(cache, 3, 1.0)
    with pytest.raises(ValueError, match="cannot be cut"):
        cache.truncate(length)


def test_a_fork_and_its_origin_do_not_see_each_other() -> None:
    cache = state()
    fill(cache, 2, 1.0)
    fork = cache.fork()
    fill(fork, 1, 7.0)
    fill(cache, 1, 3.0)
    assert (seen(fork), seen(cache)) == ([1.0, 1.0, 7.0], [1.0, 1.0, 3.0])


def test_bytes_are_those_of_all_layers_filled_or_not() -> None:
    assert state(capacity=10, batch=3).bytes == 2 * 2 * (3 * 2 * 10 * 3) * 4


def test_a_state_made_in_inference_mode_can_be_used_outside_of_it() -> None:
    with torch.inference_mode():
        cache = state(2)
        cache.grow(4)
    fill(cache, 2, 1.0)
    assert seen(cache) == [1.0, 1.0]
