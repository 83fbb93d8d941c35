"""Sequences whose keys and values are kept in fewer bits: near what they are in full, and handled as exactly."""

from __future__ import annotations

import pytest
import torch

from nemora.models import native_step
from nemora.models.base import Model
from nemora.models.lookahead import Lookahead
from nemora.models.state import KVShape, MambaShape, State
from nemora.models.state_group import StateGroup
from nemora.ops import blockwise_attention as blockwise
from nemora.ops import reference
from nemora.ops.kv_format import KVCache
from watched_model import small_model

FORMS: tuple[KVCache, ...] = ("float32", "bfloat16", "fp8", "q8")
# Of logits, in their standard deviation: how far the tiny random models may be off from fp32, on average.
OFF: dict[KVCache, float] = {"float32": 1e-5, "bfloat16": 0.01, "fp8": 0.12, "q8": 0.02}


@pytest.fixture(scope="module", params=["hybrid", "llama"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return small_model(request.param, tmp_path_factory.mktemp("kv"))


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> KVCache:
    return request.param


def ids(count: int, seed: int = 0, batch: int = 1) -> torch.Tensor:
    return torch.randint(3, 70, (batch, count), generator=torch.Generator().manual_seed(seed))


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def off(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).pow(2).mean().sqrt() / expected.std())


def same(one: State, other: State) -> bool:
    """Whether both remember the same, to the last bit."""
    length = one.length
    pairs = [
        (a[:, :, :length], b[:, :, :length])
        for kind, twin in zip(one.kinds, other.kinds, strict=True)
        for a, b in zip(kind, twin, strict=True)
    ] + list(zip((*one.conv, *one.ssm), (*other.conv, *other.ssm), strict=True))
    return length == other.length and all(torch.equal(a, b) for a, b in pairs)


@torch.inference_mode()
def test_logits_are_near_those_of_float32(model: Model, form: KVCache) -> None:
    exact, kept = model.new_state(90), model.new_state(90, kv_cache=form)
    expected = [model.forward(part, exact) for part in (ids(60), ids(7, 1), ids(1, 2))]
    found = [model.forward(part, kept) for part in (ids(60), ids(7, 1), ids(1, 2))]
    assert off(torch.cat(found, dim=1), torch.cat(expected, dim=1)) < OFF[form]


@torch.inference_mode()
def test_reading_in_pieces_equals_reading_at_once(model: Model, form: KVCache) -> None:
    whole, pieces = model.new_state(80, kv_cache=form, batch=2), model.new_state(80, kv_cache=form, batch=2)
    text = ids(80, batch=2)
    expected = model.forward(text, whole)
    found = torch.cat([model.forward(part, pieces) for part in text.split([33, 1, 30, 1, 15], dim=1)], dim=1)
    # A number that differs by rounding may be stored as the next one: so no closer than the form is itself.
    assert off(found, expected) < max(1e-5, OFF[form] / 4)


def test_attention_in_pieces_equals_the_slow_twin_on_what_is_stored(
    form: KVCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blockwise, "SCORES", 256)
    state = State(kv=[KVShape(2, 64)], batch=1, capacity=100, kv_cache=form)
    q, k, v = drawn(0, 1, 6, 100, 64), drawn(1, 1, 2, 100, 64), drawn(2, 1, 2, 100, 64)
    found = []
    for start, end in ((0, 40), (40, 41), (41, 99), (99, 100)):
        part = slice(start, end)
        found.append(state.attend(0, q[:, :, part], k[:, :, part], v[:, :, part]))
        state.advance(end - start)
    expected = reference.attention(q, *(kept.float() for kept in state.read(0, 0, 100)))
    torch.testing.assert_close(torch.cat(found, dim=2), expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_what_is_stored_survives_every_way_of_keeping_it(model: Model, form: KVCache) -> None:
    state = model.new_state(50, kv_cache=form)
    model.forward(ids(40), state)
    slices = [state.copy_kv(0, 13), state.copy_kv(13, 40)]
    loaded = model.new_state(43, kv_cache=form)
    loaded.load(slices, state.snapshot())
    fork, before = state.fork(), state.snapshot()
    model.forward(ids(5, 1), fork)
    fork.restore(before)
    grown = state.fork()
    grown.grow(300)
    for other in (loaded, fork, grown):
        assert same(state, other)
    expected = model.forward(ids(3, 2), state)
    for other in (loaded, fork, grown):
        assert torch.equal(model.forward(ids(3, 2), other), expected)


def test_bytes_are_those_of_the_tensors_and_a_slice_has_its_part(model: Model, form: KVCache) -> None:
    state = model.new_state(64, kv_cache=form)
    assert state.bytes == state.bytes_per_sequence + 64 * state.bytes_per_position
    with torch.inference_mode():
        model.forward(ids(50), state)
    assert state.copy_kv(10, 50).bytes == 40 * state.bytes_per_position
    exact = model.new_state(64)
    assert state.bytes_per_sequence == exact.bytes_per_sequence
    assert (state.bytes_per_position < exact.bytes_per_position) == (form != "float32")


@torch.inference_mode()
def test_company_and_drafts_leave_what_reading_alone_leaves(model: Model, form: KVCache) -> None:
    alone, together, ahead = (model.new_state(40, kv_cache=form) for _ in range(3))
    other = model.new_state(40, kv_cache=form)
    for state in (alone, together, ahead):
        model.forward(ids(20), state)
    model.forward(ids(9, 3), other)
    expected = torch.cat([model.forward(ids(4, 1)[:, n : n + 1], alone) for n in range(4)], dim=1)
    grouped = [
        model.forward(torch.cat((ids(4, 1)[:, n : n + 1], ids(1, n))), StateGroup([together, other]))[:1]
        for n in range(4)
    ]
    assert off(torch.cat(grouped, dim=1), expected) < max(1e-4, OFF[form] / 4)
    looking = Lookahead(ahead)
    assert off(model.forward(ids(4, 1), looking), expected) < max(1e-4, OFF[form] / 4)
    looking.keep(2)
    assert (ahead.length, together.length, other.length) == (22, 24, 13)


def test_a_state_is_stored_in_one_form_and_another_is_not_loaded_into_it() -> None:
    shapes = {"kv": [KVShape(1, 32)], "mamba": [MambaShape(2, 1, 1, 1, 1)], "batch": 1}
    state = State(**shapes, capacity=4, kv_cache="q8")
    state.append(0, drawn(0, 1, 1, 4, 32), drawn(1, 1, 1, 4, 32))
    state.advance(4)
    for other in ("float32", "fp8"):
        with pytest.raises(ValueError, match="another form"):
            State(**shapes, capacity=4, kv_cache=other).load([state.copy_kv(0, 4)], state.snapshot())


def test_the_native_step_takes_only_what_it_can(model: Model) -> None:
    for kept in FORMS:
        state = model.new_state(8, kv_cache=kept)
        assert native_step._plain(state) == (kept == "float32")
    assert native_step._plain(model.new_state(8))
    assert not native_step._plain(model.new_state(8, ssm_dtype=torch.float16, kv_cache="q8"))
