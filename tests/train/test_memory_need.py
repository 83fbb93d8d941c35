from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import tiny_llama
import tiny_nemotron_h
from nemora.errors import UsageError
from nemora.train.chat_data import Sample
from nemora.train.load import load_parameters
from nemora.train.loss import NextToken
from nemora.train.memory_need import Need, memory_need, refuse_what_does_not_fit
from nemora.train.sft import batch_of
from nemora.train.trainable import Trainable
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import plan_loading

LENGTH = 96


def kept_bytes(trainable: Trainable) -> int:
    """Bytes that autograd keeps between a forward pass and its gradient, each tensor once; without parameters."""
    kept: dict[int, int] = {}
    own = {parameter.untyped_storage().data_ptr() for parameter in trainable.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    sample = Sample(tuple(range(3, 3 + LENGTH // 2)), (True,) * (LENGTH // 2))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = NextToken().sums(trainable.open(), batch_of([sample, sample]))["next"]
        found = sum(kept.values())
    loss.backward()
    return found


@pytest.mark.parametrize("family", ["llama", "hybrid"])
def test_a_pass_keeps_no_more_than_was_said_and_not_much_less(tmp_path: Path, family: str) -> None:
    config, module = (
        (tiny_llama.CONFIG, tiny_llama)
        if family == "llama"
        else (tiny_nemotron_h.CONFIG | tiny_nemotron_h.LATENT, tiny_nemotron_h)
    )
    checkpoint = open_checkpoint(tiny_llama.write_folder(tmp_path / "model", config, module.random_tensors(config)))
    loading = plan_loading(checkpoint)
    need = memory_need(loading, trained_numbers=0, keeps_weights=False, tokens=LENGTH, row=LENGTH, recompute=False)
    found = kept_bytes(Trainable(load_parameters(checkpoint)))
    assert found <= need.total <= 4 * found


def test_what_is_trained_has_four_numbers_and_a_base_stays_beside_it(tmp_path: Path) -> None:
    path = tiny_llama.write_folder(tmp_path / "m", tiny_llama.CONFIG, tiny_llama.random_tensors(tiny_llama.CONFIG))
    loading = plan_loading(open_checkpoint(path))

    def need(**changes: object) -> Need:
        options = {"trained_numbers": 10, "keeps_weights": True, "tokens": 64, "row": 32, "recompute": False} | changes
        return memory_need(loading, **options)  # type: ignore[arg-type]

    assert need().trained == 160 and need().weights == loading.stored_bytes
    assert need(keeps_weights=False).weights == 0
    assert need(recompute=True).activations < need().activations < need(tokens=128).activations


def test_what_does_not_fit_is_refused_with_what_to_do() -> None:
    need = Need(weights=10**9, trained=2 * 10**9, activations=10**9)
    refuse_what_does_not_fit(need, need.total, "wait")
    with pytest.raises(UsageError, match=r"about 4\.6 GB .*4\.6 GB are free; give less"):
        refuse_what_does_not_fit(need, need.total - 1, "give less")
