"""DeciLM models compute what the formulas say: a twin made of loops, our Llama, and layers taken out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.base import Model
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from tiny_llama import CONFIG as LLAMA
from tiny_llama import write_folder
from tiny_nemotron_nas import CONFIG, block, kv_heads, random_tensors, rope_factors, with_blocks, write_gguf

LENGTH = 90  # beyond the 64 positions that RoPE is stretched from


def load(path: Path, config: dict[str, Any], tensors: dict[str, Tensor]) -> Model:
    return load_model(open_checkpoint(write_folder(path, config, tensors)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(tmp_path_factory.mktemp("nas"), CONFIG, random_tensors(CONFIG))


def ids(length: int, batch: int = 1) -> Tensor:
    return torch.randint(0, CONFIG["vocab_size"], (batch, length), generator=torch.Generator().manual_seed(length))


def read(model: Model, text: Tensor) -> Tensor:
    with torch.inference_mode():
        return model.forward(text, model.new_state(text.shape[1], batch=text.shape[0]))


def twin(config: dict[str, Any], tensors: dict[str, Tensor], text: list[int]) -> Tensor:
    """Logits [seq, vocab] from the formulas, in fp64: one position, one head and one layer after the other."""
    weights = {name: tensor.double() for name, tensor in tensors.items()}
    heads, eps = config["num_attention_heads"], config["rms_norm_eps"]
    size = config["hidden_size"] // heads
    xs = [weights["model.embed_tokens.weight"][token] for token in text]

    def norm(x: Tensor, name: str) -> Tensor:
        return x / math.sqrt(float((x * x).sum()) / len(x) + eps) * weights[name]

    def turn(x: Tensor, position: int) -> Tensor:
        turned = x.clone()
        for pair, divisor in enumerate(rope_factors(config)):
            angle = position / config["rope_theta"] ** (2 * pair / size) / divisor
            a, b = float(x[pair]), float(x[pair + size // 2])
            turned[pair] = a * math.cos(angle) - b * math.sin(angle)
            turned[pair + size // 2] = b * math.cos(angle) + a * math.sin(angle)
        return turned

    for index, entry in enumerate(config["block_configs"]):
        layer = f"model.layers.{index}"
        if not entry["attention"]["no_op"]:
            group = entry["attention"]["n_heads_in_group"]
            read = [norm(x, f"{layer}.input_layernorm.weight") for x in xs]
            q, k, v = (
                [(weights[f"{layer}.self_attn.{part}_proj.weight"] @ x).split(size) for x in read] for part in "qkv"
            )
            keys = [[turn(head, at) for head in row] for at, row in enumerate(k)]
            for at in range(len(text)):
                mixed = []
                for head in range(heads):
                    query, shared = turn(q[at][head], at), head // group
                    scores = [float(query @ keys[s][shared]) / math.sqrt(size) for s in range(at + 1)]
                    powers = [math.exp(score - max(scores)) for score in scores]
                    parts = [power / sum(powers) * v[s][shared] for s, power in enumerate(powers)]
                    mixed.append(torch.stack(parts).sum(0))
                xs[at] = xs[at] + weights[f"{layer}.self_attn.o_proj.weight"] @ torch.cat(mixed)
        if not entry["ffn"]["no_op"]:
            for at, x in enumerate(xs):
                y = norm(x, f"{layer}.post_attention_layernorm.weight")
                gate, up = (weights[f"{layer}.mlp.{part}_proj.weight"] @ y for part in ("gate", "up"))
                xs[at] = x + weights[f"{layer}.mlp.down_proj.weight"] @ (gate / (1 + torch.exp(-gate)) * up)
    return torch.stack([weights["lm_head.weight"] @ norm(x, "model.norm.weight") for x in xs])


def test_logits_are_those_of_the_formulas(model: Model) -> None:
    text = ids(24)
    expected = twin(CONFIG, random_tensors(CONFIG), text[0].tolist())
    assert (read(model, text)[0] - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_model_of_equal_layers_is_our_llama(tmp_path: Path) -> None:
    config = with_blocks(block(3, 4.0), block(3, 4.0), block(3, 4.0))
    tensors = random_tensors(config)
    same = {key: config[key] for key in ("hidden_size", "num_attention_heads", "rope_scaling", "vocab_size")}
    llama = LLAMA | same | {"num_hidden_layers": 3, "head_dim": 16, "num_key_value_heads": 2, "intermediate_size": 256}
    ours, theirs = load(tmp_path / "nas", config, tensors), load(tmp_path / "llama", llama, tensors)
    assert torch.equal(read(ours, ids(LENGTH)), read(theirs, ids(LENGTH)))


NO_OPS = {
    "attention": (["input_layernorm", "self_attn"], ["self_attn.o_proj"], block(None, 4.0)),
    "network": (["post_attention_layernorm", "mlp"], ["mlp.down_proj"], block(3, None)),
    "both": (
        ["input_layernorm", "self_attn", "post_attention_layernorm", "mlp"],
        ["self_attn.o_proj", "mlp.down_proj"],
        block(None, None),
    ),
}


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(("gone", "outputs", "entry"), NO_OPS.values(), ids=NO_OPS.keys())
def test_a_no_op_is_a_part_that_adds_nothing(
    tmp_path: Path, gone: list[str], outputs: list[str], entry: dict[str, Any], at: int
) -> None:
    full = [block(3, 4.0)] * 3
    tensors = random_tensors(with_blocks(*full))
    silenced = {name: tensor.clone() for name, tensor in tensors.items()}
    for output in outputs:
        silenced[f"model.layers.{at}.{output}.weight"].zero_()
    prefixes = tuple(f"model.layers.{at}.{part}." for part in gone)
    fewer = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefixes)}
    config = with_blocks(*full[:at], entry, *full[at + 1 :])
    assert set(random_tensors(config)) == set(fewer)
    lacking = read(load(tmp_path / "lacking", config, fewer), ids(20))
    assert torch.equal(lacking, read(load(tmp_path / "silenced", with_blocks(*full), silenced), ids(20)))
    assert not torch.allclose(lacking, read(load(tmp_path / "full", with_blocks(*full), tensors), ids(20)), atol=0.1)


@pytest.mark.parametrize("part", ["input_layernorm.weight", "mlp.up_proj.weight"])
def test_a_tensor_of_a_part_that_is_not_there_is_refused(tmp_path: Path, part: str) -> None:
    extra = {f"model.layers.3.{part}": torch.ones(96) if "norm" in part else torch.ones(256, 96)}
    with pytest.raises(UnsupportedCheckpoint, match=f"layers.3.{part}"):
        load(tmp_path, CONFIG, random_tensors(CONFIG) | extra)


def test_a_tensor_of_another_layers_size_is_refused(tmp_path: Path) -> None:
    tensors = random_tensors(CONFIG)
    tensors["model.layers.4.self_attn.k_proj.weight"] = tensors["model.layers.2.self_attn.k_proj.weight"].clone()
    with pytest.raises(CorruptCheckpoint, match=r"layers.4.self_attn.k_proj"):
        load(tmp_path, CONFIG, tensors)


@settings(max_examples=10, deadline=None)
@given(cuts=st.sets(st.integers(1, LENGTH - 1), max_size=8))
def test_reading_in_any_pieces_equals_reading_at_once(model: Model, cuts: set[int]) -> None:
    assert_pieces_are_the_whole(model, [*sorted(cuts), LENGTH])


def test_reading_token_by_token_equals_reading_at_once(model: Model) -> None:
    assert_pieces_are_the_whole(model, list(range(1, LENGTH + 1)))


def assert_pieces_are_the_whole(model: Model, ends: list[int]) -> None:
    text = ids(LENGTH, batch=2)
    expected = read(model, text)
    state = model.new_state(LENGTH, batch=2)
    starts = [0, *ends[:-1]]
    with torch.inference_mode():
        pieces = [model.forward(text[:, start:end], state) for start, end in zip(starts, ends, strict=True)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), expected, rtol=1e-4, atol=1e-4)


def test_only_layers_with_attention_take_memory_for_keys_and_values(model: Model) -> None:
    kept = sum(kv_heads(CONFIG, index) for index in range(CONFIG["num_hidden_layers"]))
    assert kept == 2 + 6 + 1 + 3
    state = model.new_state(50, batch=2)
    assert len(state.keys) == 4
    assert state.bytes_per_position == 2 * kept * 16 * 4
    assert state.bytes == 2 * 50 * state.bytes_per_position


def test_a_model_of_nothing_but_its_embedding_still_runs(tmp_path: Path) -> None:
    config = with_blocks(block(None, None))
    model = load(tmp_path, config, random_tensors(config))
    torch.testing.assert_close(read(model, ids(5))[:, 4:], read(model, ids(5)[:, 4:]))
    assert model.new_state(5).bytes == 0


def test_a_stated_width_is_the_width_that_follows_from_the_multiple(tmp_path: Path, model: Model) -> None:
    entries = json.loads(json.dumps(CONFIG["block_configs"]))
    entries[1]["ffn"] |= {"ffn_mult": None, "intermediate_size": 512}
    moved = {key: value for key, value in CONFIG.items() if key != "block_configs"}
    other = load(tmp_path, moved | {"heterogeneous_layers_config": entries}, random_tensors(CONFIG))
    assert torch.equal(read(other, ids(10)), read(model, ids(10)))


@pytest.mark.parametrize("tied", [False, True])
def test_a_gguf_file_of_the_same_weights_is_the_same_model(tmp_path: Path, tied: bool) -> None:
    config = {**CONFIG, "tie_word_embeddings": tied}
    tensors = random_tensors(config)
    folder = load(tmp_path / "folder", config, tensors)
    file = load_model(open_checkpoint(write_gguf(tmp_path / "nas.gguf", config, tensors)))
    expected = read(folder, ids(LENGTH))
    assert (read(file, ids(LENGTH)) - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert file.new_state(7).bytes == folder.new_state(7).bytes


def test_a_quantised_gguf_file_is_nearly_the_same_model(tmp_path: Path, model: Model) -> None:
    file = load_model(open_checkpoint(write_gguf(tmp_path / "q8.gguf", CONFIG, random_tensors(CONFIG), type="Q8_0")))
    difference = (read(file, ids(LENGTH)) - read(model, ids(LENGTH))).norm() / read(model, ids(LENGTH)).norm()
    assert 1e-4 < difference < 0.05
