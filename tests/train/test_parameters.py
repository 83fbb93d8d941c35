"""A model over parameters is the model of its checkpoint, and every parameter of it can be trained."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_trainable import HYBRID, hybrid, packed
from torch import Tensor, nn

import tiny_llama
import tiny_nemotron_h
import tiny_nemotron_nas
from nemora.models.nemotron_h import NemotronH
from nemora.models.nemotron_h_config import nemotron_h_config_from_hugging_face
from nemora.ops.weight import Weight
from nemora.train.load import load_parameters, new_parameters
from nemora.train.trainable import Pass, Trainable
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model

ROW = packed([30])[0]


def losses(p: Pass) -> Tensor:
    """A number that depends on all of a model."""
    hidden = p.hidden(ROW)
    drafted = p.logits(p.draft(ROW, hidden)).logsumexp(-1).mean()
    return p.logits(hidden).logsumexp(-1).mean() + drafted


def test_parameters_of_a_checkpoint_compute_what_its_model_does(tmp_path: Path) -> None:
    trainable = hybrid(tmp_path)
    model = load_model(open_checkpoint(tmp_path), mtp=True)
    with torch.inference_mode():
        opened = trainable.open()
        ours, expected = opened.logits(opened.hidden(ROW)), model.forward(ROW, model.new_state(30))
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


def test_every_parameter_but_the_router_bias_has_a_gradient(tmp_path: Path) -> None:
    trainable = hybrid(tmp_path)
    trainable(losses).backward()
    named = dict(trainable.weights.named())
    idle = {name for name, parameter in named.items() if parameter.grad is None or not parameter.grad.any()}
    assert not idle
    assert not [name for name in named if "router_bias" in name]
    inventory = trainable.weights.inventory
    asked = {*inventory.matrices, *inventory.experts, *inventory.tensors}
    decays = {name for name in asked if name.endswith(".a")}
    biases = {name for name in asked if name.endswith("router_bias")}
    assert set(named) == asked - decays - biases | {f"{name}_log" for name in decays}


def test_recomputing_activations_changes_no_gradient(tmp_path: Path) -> None:
    plain, again = hybrid(tmp_path), hybrid(tmp_path, recompute=True)
    for model in (plain, again):
        model(losses).backward()
    for (name, one), (_, other) in zip(plain.weights.named(), again.weights.named(), strict=True):
        assert one.grad is not None and other.grad is not None
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=0, msg=name)


def test_each_layer_of_a_searched_llama_is_computed_again_and_changes_no_gradient(tmp_path: Path) -> None:
    """Its layers differ, and one of them has nothing."""
    config = tiny_nemotron_nas.CONFIG
    tiny_llama.write_folder(tmp_path, config, tiny_nemotron_nas.random_tensors(config))
    gradients = []
    for recompute, times in ((False, 1), (True, 2)):
        trainable, run = Trainable(load_parameters(open_checkpoint(tmp_path)), recompute=recompute), []

        def loss(p: Pass, run: list[str] = run) -> Tensor:
            for layer in p.model.layers:  # type: ignore[attr-defined]
                for block in layer.layer.blocks:
                    block.forward = partial(_counted, block.forward, run, type(block).__name__)
            return p.logits(p.hidden(ROW)).logsumexp(-1).mean()

        trainable(loss).backward()
        assert len(run) == times * sum(1 for b in config["block_configs"] for part in b.values() if not part["no_op"])
        gradients.append({name: parameter.grad for name, parameter in trainable.weights.named()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=0, atol=0, msg=name)


def _counted(forward: Callable[..., Tensor], run: list[str], name: str, *args: Any) -> Tensor:
    run.append(name)
    return forward(*args)


def test_what_is_not_trained_stays_as_stored_and_lets_gradients_through(tmp_path: Path) -> None:
    """Only the first layer is trained, behind eight that are not."""
    tiny_llama.write_folder(tmp_path, HYBRID, tiny_nemotron_h.random_tensors(HYBRID))
    weights = load_parameters(open_checkpoint(tmp_path), trained=lambda name: name.startswith("layers.0."), mtp=True)
    Trainable(weights)(losses).backward()
    gradients = {name: parameter.grad for name, parameter in weights.named()}
    assert gradients and all(name.startswith("layers.0.") for name in gradients)
    full = hybrid(tmp_path)
    full(losses).backward()
    for name, parameter in full.weights.named():
        if name in gradients:
            torch.testing.assert_close(gradients[name], parameter.grad)


class Scaled(nn.Module):
    """An adapter that multiplies what a matrix gives."""

    def __init__(self, weight: Weight) -> None:
        super().__init__()
        self.weight, self.factor = weight, nn.Parameter(torch.ones(()))

    @property
    def shape(self) -> tuple[int, int]:
        return self.weight.shape

    @property
    def bytes(self) -> int:
        return self.weight.bytes

    def matmul(self, x: Tensor) -> Tensor:
        return self.factor * self.weight.matmul(x)

    def rows(self, ids: Tensor) -> Tensor:
        return self.weight.rows(ids)


def test_an_adapter_can_be_put_on_any_matrix(tmp_path: Path) -> None:
    tiny_llama.write_folder(tmp_path, HYBRID, tiny_nemotron_h.random_tensors(HYBRID))

    def wrap(name: str, weight: Weight) -> Weight:
        return Scaled(weight) if name.endswith((".q", ".v", "experts.up.3")) else weight

    weights = load_parameters(open_checkpoint(tmp_path), trained=lambda name: False, wrap=wrap, mtp=True)
    Trainable(weights)(losses).backward()
    named = dict(weights.named())
    assert set(named) == {
        f"adapters.{name}.factor"
        for layer in ("layers.3", "mtp")
        for name in (f"{layer}.attention.q", f"{layer}.attention.v")
    } | {f"adapters.{layer}.moe.experts.up.3.factor" for layer in ("layers.4", "layers.7", "mtp")}
    assert all(parameter.grad is not None and parameter.grad != 0 for parameter in named.values())


@pytest.mark.parametrize("trained", [True, False])
def test_numbers_are_the_checkpoints(tmp_path: Path, trained: bool) -> None:
    tensors = tiny_nemotron_h.random_tensors(HYBRID)
    tiny_llama.write_folder(tmp_path, HYBRID, tensors)
    weights = load_parameters(open_checkpoint(tmp_path), trained=lambda name: trained, mtp=True)
    expected = {
        "head": tensors["lm_head.weight"],
        "layers.0.mamba.a": -torch.exp(tensors["backbone.layers.0.mixer.A_log"]),
        "layers.4.moe.experts.down": torch.stack(
            [tensors[f"backbone.layers.4.mixer.experts.{e}.down_proj.weight"] for e in range(8)]
        ),
    }
    for name, numbers in expected.items():
        torch.testing.assert_close(weights.numbers(name), numbers)


def test_new_weights_are_drawn_alike_for_one_seed_and_begin_near_an_even_guess() -> None:
    build = partial(NemotronH, nemotron_h_config_from_hugging_face(HYBRID), mtp=True)
    one, other, third = (new_parameters(build, seed=seed) for seed in (1, 1, 2))
    for (name, a), (_, b) in zip(one.named(), other.named(), strict=True):
        assert torch.equal(a, b), name
    assert not torch.equal(one.numbers("head"), third.numbers("head"))
    with torch.no_grad():
        opened = Trainable(one).open()
        logits = opened.logits(opened.hidden(ROW))
    assert float(logits.std()) < 0.5
    assert (one.numbers("layers.0.mamba.a") <= -1).all() and (one.numbers("layers.0.mamba.a") >= -16).all()


def test_activations_may_be_bfloat16_while_parameters_are_not(tmp_path: Path) -> None:
    exact, rounded = hybrid(tmp_path), hybrid(tmp_path, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in rounded.parameters()} == {torch.float32}
    assert rounded.open().hidden(ROW).dtype == torch.bfloat16
    with torch.no_grad():
        assert abs(float(rounded(losses)) - float(exact(losses))) < 0.05 * abs(float(exact(losses)))
