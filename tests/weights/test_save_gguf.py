"""Quantised GGUF files: the gguf package and our loader read in them what quantising in memory gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from torch import Tensor

import tiny_llama
import tiny_nemotron_h
from nemora.errors import ModelError, NemoraError, UsageError
from nemora.ops.quantise import QUANTISERS
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model, plan_loading
from nemora.weights.progress import NoProgress
from nemora.weights.save_gguf import save_gguf
from nemora.weights.save_modelopt import save_modelopt
from tiny_llama import write_folder

IDS = torch.arange(3, 60)[None]
HYBRID = tiny_nemotron_h.CONFIG | tiny_nemotron_h.LATENT | tiny_nemotron_h.MTP
DENSE = tiny_nemotron_h.CONFIG | {"hybrid_override_pattern": "M-M*-MM-"}
LLAMA = tiny_llama.CONFIG
CASES = {
    "llama": LLAMA,
    "llama, tied": LLAMA | {"tie_word_embeddings": True},
    "llama, scaled positions": LLAMA | {"rope_scaling": tiny_llama.LLAMA3},
    "hybrid with experts and a draft head": HYBRID,
    "dense hybrid": DENSE,
}
EXACT = ("norm", "conv1d", "A_log", "mixer.D", "dt_bias", "gate.weight", "correction_bias")


def random_tensors(config: dict[str, Any]) -> dict[str, Tensor]:
    make = tiny_llama.random_tensors if config["model_type"] == "llama" else tiny_nemotron_h.random_tensors
    return {name: tensor.bfloat16() for name, tensor in make(config).items()}


def in_memory(config: dict[str, Any], format: str) -> dict[str, Tensor]:
    """The checkpoint quantised and decoded, each matrix by itself."""
    output = "model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"
    answer = {}
    for name, tensor in random_tensors(config).items():
        if any(part in name for part in EXACT):
            answer[name] = tensor.float()
        elif tensor.shape[-1] % 32:
            answer[name] = tensor.half().float()
        else:
            answer[name] = QUANTISERS["q8_0" if name == output else format](tensor).decode()
    return answer


@torch.inference_mode()
def logits_of(path: Path) -> Tensor:
    model = load_model(open_checkpoint(path))
    return model.forward(IDS, model.new_state(IDS.shape[1]))


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param


@pytest.mark.parametrize("format", ["q8_0", "q4_0"])
def test_logits_are_those_of_the_model_quantised_in_memory(tmp_path: Path, config: dict[str, Any], format: Any) -> None:
    folder = write_folder(tmp_path / "source", config, random_tensors(config))
    save_gguf(open_checkpoint(folder), tmp_path / "m.gguf", format)
    expected = logits_of(write_folder(tmp_path / "twin", config, in_memory(config, format)))
    # Settings such as the norm's epsilon are fp32 in the file, so not all is equal to the bit.
    torch.testing.assert_close(logits_of(tmp_path / "m.gguf"), expected, rtol=2e-4, atol=2e-4)
    plain = logits_of(folder)
    assert (expected - plain).abs().max() > 10 * (logits_of(tmp_path / "m.gguf") - expected).abs().max()


@pytest.mark.parametrize("format", ["q8_0", "q4_0"])
def test_the_gguf_package_decodes_the_same_numbers_under_llama_cpps_names(
    tmp_path: Path, config: dict[str, Any], format: Any
) -> None:
    folder = write_folder(tmp_path / "source", config, random_tensors(config))
    save_gguf(open_checkpoint(folder), tmp_path / "m.gguf", format)
    expected = renamed(config, in_memory(config, format))
    theirs = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "m.gguf").tensors}
    assert set(theirs) - {"rope_freqs.weight"} == set(expected)
    for name, numbers in expected.items():
        decoded = gguf.quants.dequantize(theirs[name].data, theirs[name].tensor_type)
        assert tuple(theirs[name].shape[::-1]) == tuple(numbers.shape), name
        assert np.array_equal(decoded.reshape(numbers.shape), numbers.numpy()), name


def renamed(config: dict[str, Any], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names and forms as the tests' own writers have them."""
    if config["model_type"] != "llama":
        return tiny_nemotron_h.gguf_tensors(config, tensors)
    answer = {}
    for name, tensor in tensors.items():
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            heads = config["num_attention_heads" if ".q_proj" in name else "num_key_value_heads"]
            tensor = tensor.reshape(heads, 2, -1, tensor.shape[1]).transpose(1, 2).reshape(tensor.shape)
        answer[tiny_llama.gguf_name(name)] = tensor
    return answer


def test_keys_are_those_of_llama_cpps_converter(tmp_path: Path, config: dict[str, Any]) -> None:
    """The tests' writers are the twin: their keys are all here with their values, and the loader sees one config."""
    folder = write_folder(tmp_path / "source", config, random_tensors(config))
    save_gguf(open_checkpoint(folder), tmp_path / "m.gguf", "q8_0")
    tensors = {name: tensor.float() for name, tensor in random_tensors(config).items()}
    module: Any = tiny_llama if config["model_type"] == "llama" else tiny_nemotron_h
    twin = open_checkpoint(module.write_gguf(tmp_path / "twin.gguf", config, tensors))
    ours = open_checkpoint(tmp_path / "m.gguf")
    expected = dict(twin.metadata)
    if config is HYBRID:  # the converter counts the draft head's block as a mixture too
        expected["nemotron_h_moe.feed_forward_length"][-1] = HYBRID["moe_intermediate_size"]
    assert {key: ours.metadata.get(key) for key in expected} == expected
    if config.get("rope_scaling") is None:
        assert plan_loading(ours).config == plan_loading(twin).config
    assert ours.metadata["general.file_type"] == 7
    assert ours.metadata["general.name"] == "source"


def test_the_draft_head_comes_along(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "source", HYBRID, random_tensors(HYBRID))
    save_gguf(open_checkpoint(folder), tmp_path / "m.gguf", "q8_0")
    save_gguf(open_checkpoint(tmp_path / "m.gguf"), tmp_path / "again.gguf", "q8_0")
    twin = write_folder(tmp_path / "twin", HYBRID, in_memory(HYBRID, "q8_0"))
    drafts = []
    for path in (tmp_path / "m.gguf", tmp_path / "again.gguf", twin):
        model: Any = load_model(open_checkpoint(path), mtp=True)
        hidden = torch.randn(1, 4, 64, generator=torch.Generator().manual_seed(5))
        drafts.append(model.draft(torch.tensor([[3, 4, 5, 6]]), hidden, model.new_draft_state(4)))
    torch.testing.assert_close(drafts[0], drafts[2], rtol=2e-4, atol=2e-4)
    assert torch.equal(drafts[0], drafts[1])


def test_a_head_that_transformers_dropped_is_not_claimed(tmp_path: Path) -> None:
    tensors = tiny_nemotron_h.saved_again(random_tensors(HYBRID))
    folder = write_folder(tmp_path / "source", HYBRID, tensors)
    save_gguf(open_checkpoint(folder), tmp_path / "m.gguf", "q8_0")
    metadata = open_checkpoint(tmp_path / "m.gguf").metadata
    assert "nemotron_h_moe.nextn_predict_layers" not in metadata and metadata["nemotron_h_moe.block_count"] == 8
    assert torch.isfinite(logits_of(tmp_path / "m.gguf")).all()


def test_a_gguf_source_keeps_its_tokenizer_keys_and_may_be_quantised_again(tmp_path: Path) -> None:
    tensors = {name: tensor.float() for name, tensor in random_tensors(LLAMA).items()}
    keys = {"general.name": "Tiny", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.token_type": [1, 3]}
    path = tiny_llama.write_gguf(tmp_path / "f32.gguf", LLAMA, tensors, keys=keys)
    checkpoint = open_checkpoint(path)
    save_gguf(checkpoint, tmp_path / "m.gguf", "q8_0", tokenizer=checkpoint.tokenizer_metadata)
    written = open_checkpoint(tmp_path / "m.gguf")
    assert written.tokenizer_metadata == checkpoint.tokenizer_metadata
    assert written.metadata["general.name"] == "Tiny"
    twin = tiny_llama.write_gguf(tmp_path / "twin.gguf", LLAMA, tensors, type="Q8_0")
    assert torch.equal(logits_of(tmp_path / "m.gguf"), logits_of(twin))


class Interrupts(NoProgress):
    """Stops the work when some of it is done."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def advance(self, done: int) -> None:
        if done > 50_000:
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_interrupted_writing_leaves_nothing_behind(tmp_path: Path, error: BaseException) -> None:
    folder = write_folder(tmp_path / "source", LLAMA, random_tensors(LLAMA))
    with pytest.raises((KeyboardInterrupt, ModelError)):
        save_gguf(open_checkpoint(folder), tmp_path / "m.gguf", "q8_0", progress=Interrupts(error))
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "source", LLAMA, random_tensors(LLAMA))
    (tmp_path / "m.gguf").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        save_gguf(open_checkpoint(folder), tmp_path / "m.gguf", "q8_0")
    assert (tmp_path / "m.gguf").read_text() == "mine"


@pytest.mark.parametrize("name", ["time_step_limit", "head"])
def test_what_gguf_cannot_hold_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    tensors, changes = random_tensors(DENSE), {}
    if name == "head":
        tensors["lm_head.weight"] *= 1e8  # no scale in fp16
    else:
        changes = {name: [0.01, 1.0]}
    folder = write_folder(tmp_path / "source", DENSE | changes, tensors)
    with pytest.raises(NemoraError, match=name) as caught:
        save_gguf(open_checkpoint(folder), tmp_path / "m.gguf", "q8_0")
    assert caught.value.message.endswith(".") and ". " not in caught.value.message
    assert not list(tmp_path.glob("*.gguf*"))


def test_a_quantised_folder_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "source", LLAMA, random_tensors(LLAMA))
    save_modelopt(open_checkpoint(folder), tmp_path / "nvfp4", "nvfp4")
    with pytest.raises(NemoraError, match="quantised already"):
        save_gguf(open_checkpoint(tmp_path / "nvfp4"), tmp_path / "m.gguf", "q8_0")
