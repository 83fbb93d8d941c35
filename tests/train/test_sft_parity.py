"""Fine-tuning learns what TRL, PEFT and transformers learn: step for step the same loss, in fp32 on the CPU.

Ours packs the samples of a step into one row; theirs pads them. `bench/sft_parity.py` does 50 steps on SmolLM2.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import tiny_llama
import tiny_nemotron_h
from nemora.chat.template import ChatTemplate
from nemora.chat.tokenizer_source import load_tokenizer
from nemora.ops.blocks import F32
from nemora.train.chat_data import Sample, render_chats
from nemora.train.chat_file import read_chats
from nemora.train.load import load_parameters
from nemora.train.lora import Lora, LoraSpec
from nemora.train.parameters import Parameters
from nemora.train.peft_adapter import adapter_config, adapter_tensors, save_adapter
from nemora.weights.checkpoint import Checkpoint, open_checkpoint
from nemora.weights.load import plan_loading
from nemora.weights.save_folder import published_layout, save_folder
from starter import needs_starter

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "bench"))
from sft_reference import our_losses, trl_losses  # noqa: E402

pytest.importorskip("trl")
pytest.importorskip("peft")

TOLERANCE = 1e-3
STEPS = 50
RECIPE = ROOT / "recipes" / "sft" / "data" / "support_desk.jsonl"
HYBRID = tiny_nemotron_h.CONFIG | tiny_nemotron_h.LATENT
FAMILIES = {
    "llama": (tiny_llama.CONFIG, tiny_llama, {}),
    "hybrid": (HYBRID, tiny_nemotron_h, {"time_step_min": 0.0}),  # see test_nemotron_h_parity
}


def random_samples(count: int) -> list[Sample]:
    """Of different lengths, of which the second half is learned; few ids, so that there is something to learn."""
    generator, samples = torch.Generator().manual_seed(0), []
    for _ in range(count):
        length = int(torch.randint(8, 24, (1,), generator=generator))
        ids = torch.randint(3, 20, (length,), generator=generator).tolist()
        samples.append(Sample(tuple(ids), tuple(place >= length // 2 for place in range(length))))
    return samples


def adapted(checkpoint: Checkpoint, spec: LoraSpec) -> tuple[Parameters, Lora]:
    plan = plan_loading(checkpoint)
    lora = Lora(spec, plan.inventory, published_layout(checkpoint, plan.config))
    return load_parameters(checkpoint, trained=lora.trained, wrap=lora.wrap), lora


def assert_same(ours: list[float], theirs: list[float]) -> None:
    assert len(ours) == len(theirs) and theirs[-1] < theirs[0]
    assert max(abs(one - other) for one, other in zip(ours, theirs, strict=True)) < TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_adapters_learn_what_they_learn_with_trl_and_peft(family: str, tmp_path: Path) -> None:
    config, module, settings = FAMILIES[family]
    path = tiny_llama.write_folder(tmp_path / "model", config, module.random_tensors(config))
    parameters, lora = adapted(open_checkpoint(path), LoraSpec(rank=4, alpha=8))
    save_adapter(adapter_tensors(lora), adapter_config(lora, "model"), tmp_path / "adapter")  # as it is before training
    samples = random_samples(2 * STEPS)
    how = {"steps": STEPS, "batch": 2, "rate": 1e-3}
    theirs = trl_losses(path, samples, tmp_path / "run", adapter=tmp_path / "adapter", **how, **settings)
    assert_same(our_losses(parameters, samples, **how), theirs)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_whole_model_learns_what_it_learns_with_trl(family: str, tmp_path: Path) -> None:
    """At a small rate: AdamW's first steps are as large for gradients of rounding errors as for real ones, and where a
    router then picks another expert, losses part.
    """
    config, module, settings = FAMILIES[family]
    path = tiny_llama.write_folder(tmp_path / "model", config, module.random_tensors(config))
    steps = 20
    samples = random_samples(4 * steps)
    how = {"steps": steps, "batch": 2, "rate": 1e-4, "accumulate": 2}
    theirs = trl_losses(path, samples, tmp_path / "run", **how, **settings)
    assert_same(our_losses(load_parameters(open_checkpoint(path)), samples, **how), theirs)


@needs_starter
def test_the_starter_model_learns_what_it_learns_with_trl_and_peft(
    starter_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """On conversations through its own template. Its Q4_1 weights are decoded once for them, by what writes folders."""
    tokenizer = load_tokenizer(starter_checkpoint)
    assert starter_checkpoint.chat_template is not None
    template = ChatTemplate(starter_checkpoint.chat_template, tokenizer)
    samples = render_chats(read_chats(RECIPE)[:3], template, tokenizer, longest=128).samples
    template.close()
    save_folder(starter_checkpoint, tmp_path / "model", format=F32)
    parameters, lora = adapted(starter_checkpoint, LoraSpec(rank=8, alpha=16))
    save_adapter(adapter_tensors(lora), adapter_config(lora, "model"), tmp_path / "adapter")
    how = {"steps": 3, "batch": 1, "rate": 1e-3}
    theirs = trl_losses(tmp_path / "model", samples, tmp_path / "run", adapter=tmp_path / "adapter", **how)
    ours = our_losses(parameters, samples, **how)
    assert max(abs(one - other) for one, other in zip(ours, theirs, strict=True)) < TOLERANCE
