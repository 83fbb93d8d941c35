from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import tiny_llama
import tiny_nemotron_h
from nemora.errors import UsageError
from nemora.models.inventory import Inventory
from nemora.ops.blocks import F32
from nemora.ops.quantise import QUANTISERS
from nemora.ops.weight import BlockWeight
from nemora.train.load import load_parameters
from nemora.train.lora import FrozenBlocks, Lora, LoraSpec, module_paths
from nemora.train.parameters import Parameters
from nemora.train.peft_adapter import adapter_config, adapter_tensors, save_adapter
from nemora.train.trainable import Trainable
from nemora.weights.checkpoint import Checkpoint, open_checkpoint
from nemora.weights.load import load_model, plan_loading
from nemora.weights.names_llama import LLAMA_HUGGING_FACE
from nemora.weights.save_calibration import load_watched
from nemora.weights.save_folder import published_layout, save_folder
from nemora.weights.save_modelopt import save_modelopt

HYBRID = tiny_nemotron_h.CONFIG | tiny_nemotron_h.LATENT
SPEC = LoraSpec(rank=3, alpha=6)
IDS = torch.arange(3, 40)[None]
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


def folder(path: Path, family: str) -> Path:
    config, module = (tiny_llama.CONFIG, tiny_llama) if family == "llama" else (HYBRID, tiny_nemotron_h)
    return tiny_llama.write_folder(path, config, module.random_tensors(config))


def adapted(checkpoint: Checkpoint, spec: LoraSpec = SPEC, *, drawn: bool = True) -> tuple[Parameters, Lora]:
    """A model with adapters; `drawn`: they correct something, as after training."""
    plan = plan_loading(checkpoint)
    lora = Lora(spec, plan.inventory, published_layout(checkpoint, plan.config))
    parameters = load_parameters(checkpoint, trained=lora.trained, wrap=lora.wrap)
    generator = torch.Generator().manual_seed(7)
    for weight in lora.weights.values() if drawn else ():
        with torch.no_grad():
            weight.lora_b.normal_(0, 0.1, generator=generator)
    return parameters, lora


def logits(parameters: Parameters) -> Tensor:
    opened = Trainable(parameters).open()
    return opened.logits(opened.hidden(IDS))


@pytest.mark.parametrize("family", ["llama", "hybrid"])
def test_before_training_the_model_is_the_base(tmp_path: Path, family: str) -> None:
    checkpoint = open_checkpoint(folder(tmp_path / "model", family))
    parameters, _ = adapted(checkpoint, drawn=False)
    model = load_model(checkpoint)
    assert torch.allclose(logits(parameters), model.forward(IDS, model.new_state(40)), atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "hybrid"])
def test_only_adapters_are_trained(tmp_path: Path, family: str) -> None:
    parameters, lora = adapted(open_checkpoint(folder(tmp_path / "model", family)), drawn=False)
    names = {name for name, _ in parameters.named_parameters()}
    assert names == {f"adapters.{name}.lora_{part}" for name in lora.weights for part in "ab"}
    before = {name: parameters.numbers(name).clone() for name in parameters.inventory.matrices}
    optimiser = torch.optim.AdamW(parameters.parameters(), lr=0.1)
    loss = logits(parameters).square().mean()
    loss.backward()
    optimiser.step()
    assert all(torch.equal(parameters.numbers(name), numbers) for name, numbers in before.items())
    assert logits(parameters).square().mean() < loss


def test_a_is_drawn_as_peft_draws_it_and_the_seed_decides(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(folder(tmp_path / "model", "hybrid"))
    first, again, other = (adapted(checkpoint, LoraSpec(rank=8, alpha=8, seed=s), drawn=False)[1] for s in (0, 0, 1))
    for name, weight in first.weights.items():
        bound = weight.shape[1] ** -0.5
        assert bound * 0.9 < weight.lora_a.abs().max() <= bound and not weight.lora_b.any()
        assert torch.equal(weight.lora_a, again.weights[name].lora_a)
        assert not torch.equal(weight.lora_a, other.weights[name].lora_a)


def test_every_linear_layer_but_those_that_peft_refuses_has_an_adapter(tmp_path: Path) -> None:
    _, lora = adapted(open_checkpoint(folder(tmp_path / "model", "hybrid")))
    left_out = set(lora.weights) ^ set(plan_loading(open_checkpoint(tmp_path / "model")).inventory.matrices)
    assert left_out == {"embedding", "head", *(f"layers.{n}.mamba.output" for n in (0, 2, 6))}
    assert lora.modules["layers.3.attention.q"] == "model.layers.3.mixer.q_proj"
    assert lora.modules["layers.4.moe.shared.up"] == "model.layers.4.mixer.shared_experts.up_proj"


def test_targets_are_chosen_by_their_published_names(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(folder(tmp_path / "model", "llama"))
    parameters, lora = adapted(checkpoint, LoraSpec(rank=2, alpha=2, targets=frozenset({"q_proj", "v_proj"})))
    assert set(lora.weights) == {f"layers.{n}.attention.{part}" for n in (0, 1) for part in "qv"}
    assert lora.targets == ["q_proj", "v_proj"]
    count = sum(parameter.numel() for parameter in parameters.parameters())
    assert count == lora.parameters_of(parameters.inventory)
    with pytest.raises(UsageError, match=r"1 of the targets .* down_proj, gate_proj") as error:
        adapted(checkpoint, LoraSpec(rank=2, alpha=2, targets=frozenset({"q_proj", "secret"})))
    assert "secret" not in error.value.message


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"alpha": 0.0}, {"dropout": 1.0}, {"dropout": -0.1}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        LoraSpec(**({"rank": 2, "alpha": 2.0} | wrong))


def test_dropout_is_for_training_only(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(folder(tmp_path / "model", "llama"))
    parameters, _ = adapted(checkpoint, LoraSpec(rank=3, alpha=6, dropout=0.5))
    certain = logits(adapted(checkpoint)[0])
    assert not torch.allclose(logits(parameters.train()), certain)
    assert torch.allclose(logits(parameters.eval()), certain)


def test_recomputing_drops_the_same_inputs_again(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(folder(tmp_path, "hybrid"))
    found = []
    for recompute in (False, True):
        parameters, _ = adapted(checkpoint, LoraSpec(rank=3, alpha=6, dropout=0.5))
        torch.manual_seed(3)
        Trainable(parameters, recompute=recompute)(lambda p: p.logits(p.hidden(IDS)).logsumexp(-1).mean()).backward()
        found.append({name: parameter.grad for name, parameter in parameters.named()})
    assert any(gradient is not None and gradient.any() for gradient in found[0].values())
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=0, atol=0, msg=name)


@pytest.mark.parametrize("format", ["q4_0", "q8_0"])
def test_gradients_through_stored_blocks_are_those_through_decoded_ones(format: str) -> None:
    generator = torch.Generator().manual_seed(0)
    parts = [QUANTISERS[format](torch.randn(rows, 64, generator=generator)) for rows in (40, 24)]
    blocks = BlockWeight(parts)
    x = torch.randn(2, 3, 64, generator=generator, requires_grad=True)
    y = torch.randn(2, 3, 64, generator=generator)
    (through_blocks,) = torch.autograd.grad((FrozenBlocks(blocks).matmul(x) * y).sum(), x)
    (expected,) = torch.autograd.grad((blocks.decoded().matmul(x) * y).sum(), x)
    assert torch.allclose(through_blocks, expected, atol=1e-5)


def test_a_quantised_base_is_kept_as_it_is_stored_and_learns_the_same(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "model.gguf"
    config = tiny_llama.CONFIG | {"hidden_size": 64, "head_dim": 32, "num_attention_heads": 2}
    tiny_llama.write_gguf(path, config, tiny_llama.random_tensors(config), type="Q4_0")
    gradients = []
    for budget in (0, 1 << 30):
        monkeypatch.setattr("nemora.train.load.default_decode_budget", lambda *_, budget=budget: budget)
        parameters, lora = adapted(open_checkpoint(path))
        kept = {type(weight.base) for weight in lora.weights.values()}
        assert (kept == {FrozenBlocks}) == (budget == 0)
        logits(parameters).square().mean().backward()
        gradients.append([parameter.grad for parameter in parameters.parameters()])
    assert all(torch.allclose(one, two, atol=1e-6) for one, two in zip(*gradients, strict=True))


@pytest.mark.parametrize("format", ["nvfp4", "fp8"])
def test_a_quantised_folder_can_be_the_base(format: Any, tmp_path: Path) -> None:
    source = open_checkpoint(folder(tmp_path / "source", "hybrid"))
    inputs = load_watched(source)
    model = inputs[0]
    model.forward(IDS, model.new_state(40))
    save_modelopt(source, tmp_path / "model", format, inputs=inputs[1])
    checkpoint = open_checkpoint(tmp_path / "model")
    parameters, lora = adapted(checkpoint, drawn=False)
    model = load_model(checkpoint)
    found = logits(parameters)
    assert torch.allclose(found, model.forward(IDS, model.new_state(40)), atol=1e-4)
    found.square().mean().backward()
    assert all(weight.lora_b.grad is not None and weight.lora_b.grad.any() for weight in lora.weights.values())


@pytest.mark.parametrize("family", ["llama", "hybrid"])
def test_peft_loads_an_adapter_and_computes_the_same(tmp_path: Path, family: str) -> None:
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    path = folder(tmp_path / "model", family)
    parameters, lora = adapted(open_checkpoint(path))
    save_adapter(adapter_tensors(lora), adapter_config(lora, "model"), tmp_path / "adapter")
    settings = {} if family == "llama" else {"time_step_min": 0.0}
    base = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, **settings)
    theirs = peft.PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    with torch.inference_mode():
        found, expected = theirs(IDS, use_cache=False).logits, logits(parameters)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
    saved = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (saved["r"], saved["lora_alpha"], saved["base_model_name_or_path"]) == (3, 6, "model")


@pytest.mark.parametrize("family", ["llama", "hybrid"])
def test_a_merged_folder_computes_what_base_and_adapter_do(tmp_path: Path, family: str) -> None:
    checkpoint = open_checkpoint(folder(tmp_path / "model", family))
    parameters, lora = adapted(checkpoint)
    save_folder(checkpoint, tmp_path / "merged", lora.merged(parameters.numbers), format=F32)
    merged, base = load_model(open_checkpoint(tmp_path / "merged")), load_model(checkpoint)
    expected = logits(parameters)
    assert torch.allclose(merged.forward(IDS, merged.new_state(40)), expected, atol=1e-4)
    assert not torch.allclose(base.forward(IDS, base.new_state(40)), expected, atol=0.1)


def test_paths_of_modules_are_those_that_transformers_has() -> None:
    inventory = Inventory(matrices={"embedding": (9, 4), "layers.12.mlp.gate": (8, 4), "mtp.join": (4, 8)})
    assert module_paths(inventory, LLAMA_HUGGING_FACE) == {"layers.12.mlp.gate": "model.layers.12.mlp.gate_proj"}
