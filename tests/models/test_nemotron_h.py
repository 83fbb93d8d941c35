"""Properties of the hybrids that need no other implementation to compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nemora.models.nemotron_h import NemotronH
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from tiny_llama import write_folder
from tiny_nemotron_h import CONFIG, LATENT, MTP, random_tensors

ALL = CONFIG | LATENT | MTP
TENSORS = random_tensors(ALL)


def loaded(folder: Path, config: dict[str, Any], tensors: dict[str, Tensor], **options: Any) -> NemotronH:
    model = load_model(open_checkpoint(write_folder(folder, config, tensors)), **options)
    assert isinstance(model, NemotronH)
    return model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> NemotronH:
    return loaded(tmp_path_factory.mktemp("all"), ALL, TENSORS, mtp=True)


def ids(length: int, batch: int = 1, seed: int = 0) -> Tensor:
    return torch.randint(3, CONFIG["vocab_size"], (batch, length), generator=torch.Generator().manual_seed(seed))


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@settings(max_examples=25, deadline=None)
@given(pieces=st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_reading_in_pieces_equals_reading_at_once(model: NemotronH, pieces: list[int]) -> None:
    length = sum(pieces)
    text = ids(length, batch=2)
    state = model.new_state(length, batch=2)
    parts = [model.forward(piece, state) for piece in text.split(pieces, dim=1)]
    close(torch.cat(parts, dim=1), model.forward(text, model.new_state(length, batch=2)))


def test_reading_token_by_token_equals_reading_at_once(model: NemotronH) -> None:
    text = ids(150)
    state = model.new_state(150)
    parts = [model.forward(token[None, None], state) for token in text[0]]
    close(torch.cat(parts, dim=1), model.forward(text, model.new_state(150)))


def test_order_matters_though_attention_has_no_positions(model: NemotronH) -> None:
    text = ids(12)
    swapped = text[:, [1, 0, *range(2, 12)]]
    one, other = (model.forward(x, model.new_state(12), last_only=True) for x in (text, swapped))
    assert (one - other).abs().max() > 1e-2


def test_a_snapshot_is_gone_back_to_exactly(model: NemotronH) -> None:
    prompt, rest, detour = ids(20), ids(9, seed=1), ids(15, seed=2)
    state = model.new_state(60)
    model.forward(prompt, state)
    snapshot = state.snapshot()
    expected = model.forward(rest, state)
    for _ in range(2):
        state.restore(snapshot)
        model.forward(detour, state)
        state.restore(snapshot)
        assert torch.equal(model.forward(rest, state), expected)


def test_a_fork_goes_its_own_way(model: NemotronH) -> None:
    state = model.new_state(60)
    model.forward(ids(20), state)
    fork = state.fork()
    model.forward(ids(15, seed=2), state)
    fresh = model.new_state(60)
    model.forward(ids(20), fresh)
    assert torch.equal(model.forward(ids(9, seed=1), fork), model.forward(ids(9, seed=1), fresh))


def test_a_pass_that_fails_leaves_no_trace(model: NemotronH, monkeypatch: pytest.MonkeyPatch) -> None:
    state, fresh = model.new_state(60), model.new_state(60)
    for each in (state, fresh):
        model.forward(ids(20), each)
    with monkeypatch.context() as patch:
        patch.setattr(model.layers[-1].mixer, "forward", lambda x: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            model.forward(ids(7, seed=3), state)
    assert state.length == 20
    assert torch.equal(model.forward(ids(5), state), model.forward(ids(5), fresh))


def test_a_recurrent_state_cannot_be_cut(model: NemotronH) -> None:
    state = model.new_state(10)
    model.forward(ids(5), state)
    with pytest.raises(ValueError, match="snapshot"):
        state.truncate(3)
    state.truncate(5)


def test_an_ssm_state_in_fp16_is_half_as_large_and_close(model: NemotronH) -> None:
    text = ids(60)
    full, half = model.new_state(60), model.new_state(60, ssm_dtype=torch.float16)
    assert sum(map(len, half.ssm)) and half.bytes_per_sequence < full.bytes_per_sequence
    for state in (full, half):
        model.forward(text[:, :30], state)
    exact, rounded = (
        torch.cat([model.forward(token[None, None], state) for token in text[0, 30:]], dim=1) for state in (full, half)
    )
    assert 0 < (exact - rounded).abs().max() < 0.02 * exact.abs().max()


def test_weights_decoded_in_each_call_are_the_same_model(model: NemotronH, tmp_path: Path) -> None:
    tensors = {name: tensor.bfloat16() if tensor.dim() == 2 else tensor for name, tensor in TENSORS.items()}
    decoded, stored = (
        loaded(tmp_path / name, ALL, tensors, decode_budget=budget) for name, budget in (("a", 1 << 40), ("b", 0))
    )
    assert stored.bytes < decoded.bytes
    close(stored.forward(ids(30), stored.new_state(30)), decoded.forward(ids(30), decoded.new_state(30)))


def test_states_are_sized_by_kind_of_layer(model: NemotronH) -> None:
    state = model.new_state(100, batch=2)
    kv = 2 * CONFIG["num_key_value_heads"] * CONFIG["head_dim"] * 4
    assert state.bytes_per_position == kv  # one attention layer
    heads, channels = CONFIG["mamba_num_heads"], 8 * 12 + 2 * 4 * 24
    assert state.bytes_per_sequence == 3 * 4 * (heads * 12 * 24 + channels * 3)  # three Mamba layers
    assert state.bytes == 2 * (100 * kv + state.bytes_per_sequence)


def test_a_model_without_its_draft_head_says_so(tmp_path: Path) -> None:
    without = loaded(tmp_path, ALL, TENSORS)
    assert without.mtp is None
    with pytest.raises(ValueError, match="no multi-token prediction head"):
        without.new_draft_state(4)


def test_a_draft_head_that_was_dropped_when_saved_again_is_no_error(tmp_path: Path) -> None:
    kept = {name: tensor for name, tensor in TENSORS.items() if not name.startswith("mtp.")}
    assert loaded(tmp_path, ALL, kept, mtp=True).mtp is None
