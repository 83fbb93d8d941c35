from __future__ import annotations

from typing import Any

import pytest
import torch

from nemora.models.base import Model
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from tiny_llama import CONFIG, LLAMA3, random_tensors, write_folder


@pytest.fixture(scope="module", params=["plain", "llama3 and tied"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    config: dict[str, Any] = dict(CONFIG)
    if request.param != "plain":
        config |= {"rope_scaling": LLAMA3, "tie_word_embeddings": True}
    folder = write_folder(tmp_path_factory.mktemp("llama"), config, random_tensors(config))
    return load_model(open_checkpoint(folder))


def ids(count: int, batch: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 80, (batch, count), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("pieces", [[1] * 40, [39, 1], [1, 39], [7, 1, 1, 20, 11]])
def test_reading_in_pieces_equals_reading_at_once(model: Model, pieces: list[int]) -> None:
    text = ids(40)
    expected = model.forward(text, model.new_state(40))
    state = model.new_state(40)
    logits = torch.cat([model.forward(piece, state) for piece in text.split(pieces, dim=1)], dim=1)
    assert state.length == 40
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_last_only_gives_the_last_position(model: Model) -> None:
    text = ids(9)
    everything = model.forward(text, model.new_state(9))
    last = model.forward(text, model.new_state(9), last_only=True)
    assert last.shape == (1, 1, 80)
    torch.testing.assert_close(last, everything[:, -1:], rtol=1e-5, atol=1e-5)


def test_logits_depend_on_the_order_of_what_came_before(model: Model) -> None:
    text = torch.tensor([[5, 6, 7]])
    swapped = torch.tensor([[6, 5, 7]])
    first, second = (model.forward(x, model.new_state(3), last_only=True) for x in (text, swapped))
    assert not torch.allclose(first, second, atol=1e-2)


def test_a_batch_gives_what_each_sequence_gives_alone(model: Model) -> None:
    texts = ids(12, batch=3, seed=4)
    state = model.new_state(13, batch=3)
    model.forward(texts, state)
    together = model.forward(ids(1, batch=3), state)
    for row in range(3):
        alone = model.new_state(13)
        model.forward(texts[row : row + 1], alone)
        expected = model.forward(ids(1, batch=3)[row : row + 1], alone)
        torch.testing.assert_close(together[row : row + 1], expected, rtol=1e-4, atol=1e-4)


def test_a_state_rewound_or_forked_continues_as_if_fresh(model: Model) -> None:
    text = ids(20)
    expected = model.forward(text, model.new_state(20))[:, 10:]
    state = model.new_state(30)
    model.forward(text[:, :10], state)
    fork = state.fork()
    model.forward(ids(8, seed=9), state)
    state.truncate(10)
    torch.testing.assert_close(model.forward(text[:, 10:], state), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model.forward(text[:, 10:], fork), expected, rtol=1e-4, atol=1e-4)


def test_a_state_without_room_is_refused_and_stays_usable(model: Model) -> None:
    state = model.new_state(4)
    model.forward(ids(3), state)
    with pytest.raises(ValueError, match="grow it"):
        model.forward(ids(2), state)
    assert state.length == 3
    state.grow(5)
    model.forward(ids(2), state)
    assert state.length == 5


def test_no_tokens_and_wrong_batches_are_refused(model: Model) -> None:
    with pytest.raises(ValueError, match="at least one"):
        model.forward(ids(0), model.new_state(4))
    with pytest.raises(ValueError, match="sequences"):
        model.forward(ids(1, batch=2), model.new_state(4))


@pytest.mark.parametrize("bad", [-1, 80])
def test_an_id_outside_of_the_vocabulary_leaves_the_state_as_it_was(model: Model, bad: int) -> None:
    state = model.new_state(4)
    with pytest.raises(IndexError):
        model.forward(torch.tensor([[bad]]), state)
    assert state.length == 0
