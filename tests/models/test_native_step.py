"""A token through all layers in one native call, against the model's own forward, which is its slow readable twin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import tiny_llama
import tiny_nemotron_h
import tiny_nemotron_nas
from k_quants import WIDE
from modelopt_folder import write_modelopt_folder
from nemora.models.base import Model
from nemora.models.lookahead import Lookahead
from nemora.models.native_step import Block, TokenStep, token_step
from nemora.models.state import State
from nemora.models.state_group import StateGroup
from nemora.ops.blocks import BF16, FP8_E4M3, NVFP4, Q4_K, Q5_1, Q5_K, Q6_K, BlockFormat
from nemora.ops.cpu.library import SETS, NoKernels, library
from nemora.ops.cpu.packed_weight import BLOCKS, FLOATS, PackedExperts, PackedWeight
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model

try:
    BEST = library().best
except NoKernels as reason:
    pytest.skip(f"no native kernels: {reason}", allow_module_level=True)
if not BEST:
    pytest.skip("no native kernels with vectors", allow_module_level=True)

HYBRID = {"moe_intermediate_size": 64, "moe_shared_expert_intermediate_size": 96, "max_position_embeddings": 2048}
NAMES = ("hybrid", "latent", "llama", "nas", "bf16", "published", "k hybrid", "k llama")
"""Of Q4_0; of BF16; of NVFP4, FP8 and BF16 as Nemotron 3 Super has them; and of K-quants."""
PROMPT = 40


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("step")
    made = {}
    for name, changes in (("hybrid", HYBRID), ("latent", HYBRID | tiny_nemotron_h.LATENT)):
        config = tiny_nemotron_h.CONFIG | changes
        tensors = tiny_nemotron_h.random_tensors(config)
        made[name] = tiny_nemotron_h.write_gguf(folder / f"{name}.gguf", config, tensors, type="Q4_0")
    config = tiny_nemotron_h.CONFIG | HYBRID | tiny_nemotron_h.LATENT
    tensors = tiny_nemotron_h.random_tensors(config)
    made["bf16"] = tiny_nemotron_h.write_gguf(folder / "bf16.gguf", config, tensors, type="BF16")
    made["published"] = write_modelopt_folder(folder / "published", config, tensors)
    tensors = tiny_llama.random_tensors(tiny_llama.CONFIG)
    made["llama"] = tiny_llama.write_gguf(folder / "llama.gguf", tiny_llama.CONFIG, tensors, type="Q4_0")
    tensors = tiny_nemotron_nas.random_tensors(tiny_nemotron_nas.CONFIG)
    made["nas"] = tiny_nemotron_nas.write_gguf(folder / "nas.gguf", tiny_nemotron_nas.CONFIG, tensors, type="Q4_0")
    config = tiny_nemotron_h.CONFIG | WIDE | {"max_position_embeddings": 2048}
    tensors = tiny_nemotron_h.random_tensors(config)
    made["k hybrid"] = tiny_nemotron_h.write_gguf(folder / "k-hybrid.gguf", config, tensors, type="Q5_K_M")
    config = tiny_llama.CONFIG | {"hidden_size": 256, "intermediate_size": 256, "num_attention_heads": 8}
    tensors = tiny_llama.random_tensors(config)
    made["k llama"] = tiny_llama.write_gguf(folder / "k-llama.gguf", config, tensors, type="Q4_K_M")
    return made


@pytest.fixture
def model(files: dict[str, Path], name: str) -> Any:
    return load_model(open_checkpoint(files[name]), activations="int15")


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def ids(count: int, seed: int = 1) -> Tensor:
    return torch.randint(3, 80, (1, count), generator=torch.Generator().manual_seed(seed))


def read(model: Model, prompt: int, seed: int = 1) -> State:
    """A state that has read so many tokens at once."""
    state = model.new_state(2000 if prompt > 400 else 400)
    model.forward(ids(prompt, seed), state)
    return state


def stepped(model: Any, state: State, count: int, seed: int = 2) -> Tensor:
    return torch.cat([model.forward(each, state)[0] for each in ids(count, seed).split(1, dim=1)])


def remembered(state: State) -> list[Tensor]:
    kv = [tensor[:, :, : state.length] for tensor in (*state.keys, *state.values)]
    return [*kv, *state.conv, *state.ssm]


@pytest.mark.parametrize("name", NAMES)
def test_tokens_and_what_is_remembered_are_those_of_forward(model: Any) -> None:
    assert isinstance(model.step, TokenStep)
    native = read(model, PROMPT)
    slow = native.fork()
    found = stepped(model, native, 20)
    model.step = None
    expected = stepped(model, slow, 20)
    assert native.length == slow.length == PROMPT + 20
    torch.testing.assert_close(found, expected, rtol=2e-3, atol=2e-2)
    for ours, theirs in zip(remembered(native), remembered(slow), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=2e-2)


@pytest.mark.parametrize("name", ["hybrid", "llama"])
def test_the_first_token_of_all_needs_no_past(model: Any) -> None:
    native, slow = model.new_state(4), model.new_state(4)
    found = stepped(model, native, 1)
    model.step = None
    torch.testing.assert_close(found, stepped(model, slow, 1), rtol=2e-3, atol=2e-2)


@pytest.mark.parametrize("name", ["hybrid"])
@pytest.mark.parametrize("prompt", [510, 511, 512, 1100])
def test_runs_of_a_long_past_are_joined_exactly(model: Any, prompt: int) -> None:
    native = read(model, prompt)
    slow = native.fork()
    found = stepped(model, native, 3)
    model.step = None
    torch.testing.assert_close(found, stepped(model, slow, 3), rtol=2e-3, atol=2e-2)


@pytest.mark.parametrize("name", NAMES)
def test_a_sequence_gets_the_same_bits_in_any_company_and_with_any_threads(model: Any) -> None:
    lengths = (5, 90, 33)
    alone = [read(model, length, seed=length) for length in lengths]
    together = [state.fork() for state in alone]
    tokens = ids(len(lengths), seed=7).T
    rows = [model.forward(token[None], state)[0] for token, state in zip(tokens, alone, strict=True)]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        group = model.forward(tokens, StateGroup(together))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(group[:, 0], torch.cat(rows))
    for one, other in zip(alone, together, strict=True):
        assert all(map(torch.equal, remembered(one), remembered(other)))


def blocks_of(model: Any) -> Iterator[Block]:
    for layer in model.layers:
        yield from layer.blocks() if hasattr(layer, "blocks") else [(layer.norm, layer.mixer)]


def packed_in(model: Any) -> Iterator[PackedWeight]:
    for _, mixer in blocks_of(model):
        for weight in (*vars(mixer).values(), *vars(getattr(mixer, "shared", mixer)).values()):
            for each in weight if isinstance(weight, PackedExperts) else [weight]:
                if isinstance(each, PackedWeight):
                    yield each


def use_instructions(model: Any, instructions: str) -> None:
    for weight in packed_in(model):
        weight.set = SETS.index(instructions)
    model.step = token_step(blocks_of(model), model.norm, model.config.norm_eps, model.step.frequencies)


@pytest.mark.parametrize("name", ["published"])
def test_a_published_checkpoint_is_stepped_in_each_format_that_it_has(model: Any) -> None:
    numbers = {part.format for weight in packed_in(model) for part in weight.c}
    assert {(*BLOCKS, *FLOATS)[number] for number in numbers} == {NVFP4, FP8_E4M3, BF16}


@pytest.mark.parametrize(("name", "formats"), [("k hybrid", {Q5_K, Q6_K, Q5_1}), ("k llama", {Q4_K, Q6_K})])
def test_mixtures_of_k_quants_are_stepped_in_each_format_that_they_have(model: Any, formats: set[BlockFormat]) -> None:
    assert {(*BLOCKS, *FLOATS)[part.format] for weight in packed_in(model) for part in weight.c} == formats


@pytest.mark.parametrize("name", ["latent", "published", "k hybrid", "k llama"])
def test_every_instruction_set_computes_the_same(model: Any) -> None:
    begun = read(model, PROMPT)
    each = {}
    for instructions in library().sets():
        use_instructions(model, instructions)
        each[instructions] = stepped(model, begun.fork(), 6)
    for found in each.values():
        torch.testing.assert_close(found, each["scalar"], rtol=2e-3, atol=2e-2)


@pytest.mark.parametrize("name", ["hybrid"])
def test_what_it_cannot_do_is_left_to_forward(model: Any) -> None:
    assert model.step.takes(model.new_state(4)) and model.step.takes(StateGroup([model.new_state(4)]))
    assert not model.step.takes(model.new_state(4, ssm_dtype=torch.float16))
    assert not model.step.takes(model.new_state(4, batch=2))
    assert not model.step.takes(Lookahead(model.new_state(4)))
    chosen: list[str] = []
    model.step.mixtures[0].watch = lambda name, experts: chosen.append(name)
    assert not model.step.takes(model.new_state(4))
    model.forward(ids(1), model.new_state(4))
    assert chosen


@pytest.mark.parametrize("name", ["hybrid"])
def test_a_snapshot_is_not_written_to(model: Any) -> None:
    state = read(model, PROMPT)
    snapshot = state.snapshot()
    first = stepped(model, state, 4)
    state.restore(snapshot)
    assert torch.equal(stepped(model, state, 4), first)


def test_there_is_no_step_of_decoded_weights(files: dict[str, Path]) -> None:
    decoded: Any = load_model(open_checkpoint(files["llama"]))
    assert decoded.step is None


@pytest.mark.parametrize("name", ["hybrid"])
def test_without_room_nothing_is_read(model: Any) -> None:
    state = model.new_state(1)
    stepped(model, state, 1)
    with pytest.raises(ValueError, match="room"):
        stepped(model, state, 1)
    with pytest.raises(IndexError):
        model.forward(torch.tensor([[100_000]]), model.new_state(4))


@pytest.mark.parametrize("name", NAMES)
def test_a_text_gives_the_same_bits_at_once_in_pieces_and_token_by_token(model: Any) -> None:
    whole, pieces, single = (model.new_state(100) for _ in range(3))
    at_once = model.forward(ids(100), whole)
    parts = torch.cat([model.forward(part, pieces) for part in ids(100).split([30, 1, 17, 52], dim=1)], dim=1)
    alone = torch.cat([model.forward(part, single) for part in ids(100).split(1, dim=1)], dim=1)
    assert torch.equal(parts, at_once) and torch.equal(alone, at_once)
    for state in (pieces, single):
        assert all(map(torch.equal, remembered(state), remembered(whole)))


@pytest.mark.parametrize("name", ["hybrid"])
def test_a_pass_that_failed_leaves_nothing_to_the_next_token(model: Any) -> None:
    state, other = read(model, PROMPT), read(model, PROMPT)
    state.remember(0, state.conv[0] + 1, state.ssm[0] + 1)  # and never `advance`
    assert torch.equal(stepped(model, state, 2), stepped(model, other, 2))
    assert all(map(torch.equal, remembered(state), remembered(other)))
