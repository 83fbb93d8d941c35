"""What is counted of a token's work is what a forward pass really multiplies by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import tiny_llama
import tiny_nemotron_h
import tiny_nemotron_nas
from nemora.models.base import Model
from nemora.models.work import Bulk, ExpertGroup, WatchedWeights, Work
from nemora.ops.weight import BlockWeight, DenseWeight
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model

HYBRID = tiny_nemotron_h.CONFIG | {"moe_intermediate_size": 64, "moe_shared_expert_intermediate_size": 96}
LATENT = HYBRID | tiny_nemotron_h.LATENT
TIED = tiny_llama.CONFIG | {"tie_word_embeddings": True}
NAS = tiny_nemotron_nas.CONFIG


def hybrid(path: Path, config: dict[str, Any]) -> Path:
    return tiny_nemotron_h.write_gguf(path / "m.gguf", config, tiny_nemotron_h.random_tensors(config), type="Q8_0")


def llama(path: Path, config: dict[str, Any]) -> Path:
    tensors = tiny_llama.random_tensors(config)
    return tiny_llama.write_folder(path / "m", config, tensors)


def nas(path: Path, config: dict[str, Any]) -> Path:
    return tiny_llama.write_folder(path / "m", config, tiny_nemotron_nas.random_tensors(config))


EVERY_MODEL = pytest.mark.parametrize(
    ("write", "config"),
    [(llama, tiny_llama.CONFIG), (llama, TIED), (nas, NAS), (hybrid, HYBRID), (hybrid, LATENT)],
    ids=["llama", "tied", "nas", "hybrid", "latent"],
)


def loaded(path: Path, budget: int | None = None) -> tuple[Model, Work, int]:
    """The model, its work, and the bytes of its small tensors."""
    watched: list[WatchedWeights] = []

    def watch(weights: Any) -> WatchedWeights:
        watched.append(WatchedWeights(weights))
        return watched[0]

    model = load_model(open_checkpoint(path), decode_budget=budget, through=watch)
    small = sum(tensor.nbytes for tensor in watched[0]._tensors)
    return model, watched[0].work(model), small


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Of each product that is made from now on: the bytes of what it multiplies by, and its multiplications."""
    made: list[tuple[int, int]] = []

    def watched(matmul: Callable[[Any, Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
        def multiply(weight: Any, x: Tensor) -> Tensor:
            size = weight.tensor.nbytes if isinstance(weight, DenseWeight) else weight.bytes
            made.append((size, weight.shape[0] * x.numel()))
            return matmul(weight, x)

        return multiply

    for kind in (DenseWeight, BlockWeight):
        monkeypatch.setattr(kind, "matmul", watched(kind.matmul))
    return made


@EVERY_MODEL
def test_a_token_reads_the_matrices_that_a_pass_multiplies_by(
    write: Any, config: dict[str, Any], tmp_path: Path, products: list[tuple[int, int]]
) -> None:
    model, work, small = loaded(write(tmp_path, config), budget=0)
    with torch.inference_mode():
        model.forward(torch.tensor([[5]]), model.new_state(4))
    row = 0 if config is TIED else work.row.read  # a tied embedding is read whole, as the head
    assert work.read_bytes() == sum(size for size, _ in products) + small + row
    assert work.read_bytes() == work.stored_bytes()  # nothing was decoded
    assert 0 < work.read_bytes() <= model.bytes


@EVERY_MODEL
@pytest.mark.parametrize("tokens", [1, 7])
def test_a_prompt_takes_the_multiplications_that_a_pass_makes(
    write: Any, config: dict[str, Any], tokens: int, tmp_path: Path, products: list[tuple[int, int]]
) -> None:
    model, work, _ = loaded(write(tmp_path, config))
    with torch.inference_mode():
        model.forward(torch.arange(tokens)[None], model.new_state(tokens), last_only=True)
    layers = config.get("hybrid_override_pattern", "")
    routers = layers.count("E") * config.get("n_routed_experts", 0) * config["hidden_size"]
    inner = config.get("mamba_num_heads", 0) * config.get("mamba_head_dim", 0)
    channels = inner + 2 * config.get("n_groups", 0) * config.get("ssm_state_size", 0)
    convolutions = layers.count("M") * channels * config.get("conv_kernel", 0)
    assert work.prompt_operations(tokens) == 2 * sum(count for _, count in products) + 2 * tokens * (
        routers + convolutions
    )


def test_a_decoded_copy_is_what_is_read(tmp_path: Path) -> None:
    path = hybrid(tmp_path, HYBRID)
    _, decoded, small = loaded(path, budget=1 << 30)
    _, stored, _ = loaded(path, budget=0)
    assert decoded.stored_bytes() == stored.stored_bytes() == stored.read_bytes()
    per_number = 34 / 32  # Q8_0
    matrices = stored.read_bytes() - small
    assert decoded.read_bytes() - small == matrices / per_number * 4


def test_sequences_share_experts_and_never_need_more_than_all() -> None:
    group = ExpertGroup(count=8, top_k=3, each=Bulk(read=100, stored=50, numbers=10))
    taken = [group.taken(tokens) for tokens in range(1, 40)]
    assert taken[0] == 3 and taken == sorted(taken) and 7.9 < taken[-1] <= 8
    assert all(more < tokens * 3 for tokens, more in enumerate(taken[1:], start=2))
    work = Work(trunk=Bulk(read=7), head=Bulk(read=5), row=Bulk(read=1), experts=(group,))
    assert work.read_bytes() == 7 + 5 + 1 + 300


def test_experts_of_a_model_that_says_not_how_many_it_takes_are_refused() -> None:
    class Config:
        layers = (object(),)

    class Weights:
        def experts(self, name: str, count: int, rows: int, columns: int) -> list[DenseWeight]:
            return [DenseWeight(torch.zeros(rows, columns))] * count

        def matrix(self, name: str, rows: int, columns: int) -> DenseWeight:
            return DenseWeight(torch.zeros(rows, columns))

    class Built:
        config = Config()

    watched = WatchedWeights(Weights())  # type: ignore[arg-type]
    watched.matrix("embedding", 4, 4)
    watched.experts("layers.0.moe.experts.up", 2, 4, 4)
    with pytest.raises(ValueError, match="mixture"):
        watched.work(Built())  # type: ignore[arg-type]
