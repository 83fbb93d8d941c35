"""Small models with parameters, of random checkpoints in which every part matters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import tiny_llama
import tiny_nemotron_h
from nemora.ops.texts import Texts
from nemora.train.load import load_parameters
from nemora.train.trainable import Trainable
from nemora.weights.checkpoint import open_checkpoint

HYBRID = tiny_nemotron_h.CONFIG | tiny_nemotron_h.LATENT | tiny_nemotron_h.MTP


def hybrid(folder: Path, *, recompute: bool = False, **options: Any) -> Trainable:
    """Every kind of layer, latent experts and a draft head."""
    tiny_llama.write_folder(folder, HYBRID, tiny_nemotron_h.random_tensors(HYBRID))
    return Trainable(load_parameters(open_checkpoint(folder), mtp=True, **options), recompute=recompute)


def llama(folder: Path, **options: Any) -> Trainable:
    """Attention with rotated positions."""
    tiny_llama.write_folder(folder, tiny_llama.CONFIG, tiny_llama.random_tensors(tiny_llama.CONFIG))
    return Trainable(load_parameters(open_checkpoint(folder), **options))


def packed(lengths: list[int], seed: int = 0) -> tuple[Tensor, Texts, list[Tensor]]:
    """Texts of random ids, side by side in one row, and each alone: [1, length]."""
    generator = torch.Generator().manual_seed(seed)
    alone = [torch.randint(3, 80, (1, length), generator=generator) for length in lengths]
    numbers = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))[None]
    return torch.cat(alone, dim=1), Texts(numbers), alone
