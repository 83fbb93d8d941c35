"""Sequences that read their next token together get what each gets alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tiny_llama
import tiny_nemotron
import tiny_nemotron_h
import tiny_nemotron_nas
from nemora.models.base import Model
from nemora.models.state import State
from nemora.models.state_group import StateGroup
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model

LENGTHS = (1, 17, 40, 5)
HYBRID = tiny_nemotron_h.CONFIG | tiny_nemotron_h.LATENT
MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "hybrid": (tiny_nemotron_h, HYBRID),
    "llama": (tiny_llama, tiny_llama.CONFIG),
    "nemotron": (tiny_nemotron, tiny_nemotron.CONFIG),
    "nemotron_nas": (tiny_nemotron_nas, tiny_nemotron_nas.CONFIG),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    source, config = MODELS[request.param]
    folder = tiny_llama.write_folder(tmp_path_factory.mktemp("group"), config, source.random_tensors(config))
    return load_model(open_checkpoint(folder))


def started(model: Model) -> list[State]:
    """One state for each of LENGTHS, each having read other ids."""
    states = []
    for seed, length in enumerate(LENGTHS):
        state = model.new_state(60)
        ids = torch.randint(3, 70, (1, length), generator=torch.Generator().manual_seed(seed))
        model.forward(ids, state)
        states.append(state)
    return states


def test_together_equals_alone_step_after_step(model: Model) -> None:
    alone, together = started(model), started(model)
    tokens = torch.tensor([[5], [6], [7], [8]])
    for _ in range(12):
        expected = torch.cat([model.forward(row, state) for row, state in zip(tokens.split(1), alone, strict=True)])
        found = model.forward(tokens, StateGroup(together))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
        tokens = expected.argmax(-1)
    assert [state.length for state in together] == [length + 12 for length in LENGTHS]


def test_who_else_is_in_the_group_does_not_matter(model: Model) -> None:
    states, others = started(model), started(model)
    found = model.forward(torch.tensor([[5], [6]]), StateGroup(states[:2]))
    more = model.forward(torch.tensor([[9], [9], [6], [5]]), StateGroup([others[3], others[2], others[1], others[0]]))
    torch.testing.assert_close(found, more[[3, 2]], rtol=1e-4, atol=1e-4 * float(found.abs().max()))


def test_a_group_that_cannot_go_on_changes_no_state(model: Model) -> None:
    full = model.new_state(3)
    model.forward(torch.tensor([[3, 4, 5]]), full)
    states = [*started(model), full]
    with pytest.raises(ValueError, match="room"):
        model.forward(torch.tensor([[5]] * 5), StateGroup(states))
    with pytest.raises(ValueError, match="one token each"):
        model.forward(torch.tensor([[5, 6]] * 4), StateGroup(states[:4]))
    with pytest.raises(IndexError):
        model.forward(torch.tensor([[5], [6], [7], [10_000]]), StateGroup(states[:4]))
    assert [state.length for state in states] == [*LENGTHS, 3]


def test_only_states_of_one_sequence_make_a_group(model: Model) -> None:
    for states in ([], [model.new_state(4, batch=2)]):
        with pytest.raises(ValueError, match="one sequence each"):
            StateGroup(states)
