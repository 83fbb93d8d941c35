"""The same weights give the same logits in transformers, from the same folder and from GGUF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from tiny_llama import CONFIG, LLAMA3, random_tensors, write_folder, write_gguf

transformers = pytest.importorskip("transformers", reason="parity needs the extra `reference`")

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "tied": {"tie_word_embeddings": True},
    "llama3": {"rope_scaling": LLAMA3, "rope_theta": 500000.0},
    "llama3 tied": {"rope_scaling": LLAMA3, "tie_word_embeddings": True},
    "one key head": {"num_key_value_heads": 1, "head_dim": 16},
    "no grouping": {"num_key_value_heads": 6, "num_hidden_layers": 3},
}


@pytest.fixture(params=VARIANTS)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    return CONFIG | VARIANTS[request.param]


def ids(count: int = 200) -> torch.Tensor:
    return torch.randint(0, 80, (1, count), generator=torch.Generator().manual_seed(0))


def reference_logits(folder: Path) -> torch.Tensor:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        logits: torch.Tensor = model(ids()).logits
    return logits


def our_logits(path: Path) -> torch.Tensor:
    model = load_model(open_checkpoint(path))
    with torch.inference_mode():
        return model.forward(ids(), model.new_state(200))


def test_a_published_folder_gives_the_logits_of_transformers(config: dict[str, Any], tmp_path: Path) -> None:
    folder = write_folder(tmp_path, config, random_tensors(config))
    torch.testing.assert_close(our_logits(folder), reference_logits(folder), rtol=1e-4, atol=1e-4)


def test_shards_in_bfloat16_give_the_logits_of_transformers(tmp_path: Path) -> None:
    tensors = {name: tensor.bfloat16() for name, tensor in random_tensors(CONFIG).items()}
    folder = write_folder(tmp_path, CONFIG, tensors, shards=3)
    torch.testing.assert_close(our_logits(folder), reference_logits(folder), rtol=1e-4, atol=1e-4)


def test_what_transformers_saves_today_is_read(tmp_path: Path) -> None:
    config = transformers.LlamaConfig(
        hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, vocab_size=80,
        num_key_value_heads=2, rope_parameters={**LLAMA3, "rope_theta": 5e5}, max_position_embeddings=512,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path)
    torch.testing.assert_close(our_logits(tmp_path), reference_logits(tmp_path), rtol=1e-4, atol=1e-4)


def test_gguf_gives_the_logits_of_the_folder(config: dict[str, Any], tmp_path: Path) -> None:
    tensors = random_tensors(config)
    expected = our_logits(write_folder(tmp_path / "folder", config, tensors))
    factors = llama3_factors(config) if config["rope_scaling"] else None
    file = write_gguf(tmp_path / "model.gguf", config, tensors, factors=factors)
    torch.testing.assert_close(our_logits(file), expected, rtol=1e-4, atol=1e-4)


def llama3_factors(config: dict[str, Any]) -> list[float]:
    """As llama.cpp's converter writes them, from transformers' own scaling."""
    rope = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS["llama3"]
    theta = {"rope_theta": config["rope_theta"]}
    settings = transformers.LlamaConfig(
        hidden_size=96, head_dim=config["head_dim"], num_attention_heads=6, num_key_value_heads=2,
        max_position_embeddings=512, rope_parameters=config["rope_scaling"] | theta,
    )  # fmt: skip
    scaled, _ = rope(settings, None)
    plain = 1 / config["rope_theta"] ** (torch.arange(0, config["head_dim"], 2) / config["head_dim"])
    factors: list[float] = (plain / scaled).tolist()
    return factors


@pytest.mark.parametrize("type", ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1"])
def test_quantised_gguf_gives_the_logits_of_its_decoded_weights(type: str, tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    tensors = random_tensors(CONFIG)
    kind = gguf.GGMLQuantizationType[type]

    def rounded(tensor: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(gguf.quants.dequantize(gguf.quants.quantize(tensor.numpy(), kind), kind).copy())

    decoded = {name: rounded(tensor) if tensor.dim() == 2 else tensor for name, tensor in tensors.items()}
    expected = our_logits(write_folder(tmp_path / "folder", CONFIG, decoded))
    file = write_gguf(tmp_path / "model.gguf", CONFIG, tensors, type=type)
    torch.testing.assert_close(our_logits(file), expected, rtol=1e-4, atol=1e-4)
