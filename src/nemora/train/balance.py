"""Keeps a mixture's experts equally busy without a loss: a bias on the choice moves towards the idle ones.

Wang et al. 2024 (arXiv:2408.15664); DeepSeek-V3 (arXiv:2412.19437, section 2.1.2). The bias takes part in choosing
experts only, never in their shares, and gets no gradient.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.distributed as dist
from torch import Tensor

from nemora.train.parameters import Parameters

BIAS = "router_bias"


class Balance:
    """Counts which experts are chosen between two steps, and then moves each mixture's bias.

    Args:
        rate: by how much, in units of a router's score, which is from 0 to 1: 0.001 in the papers.
    """

    def __init__(self, parameters: Parameters, rate: float = 1e-3) -> None:
        self.rate = rate
        self.biases = {
            name.removesuffix(f".{BIAS}"): parameters.tensor(name)
            for name in parameters.inventory.tensors
            if name.endswith(f".{BIAS}")
        }
        self.loads = {name: torch.zeros_like(bias) for name, bias in self.biases.items()}

    def count(self, chosen: Mapping[str, Tensor]) -> None:
        """Add what a pass chose: `Pass.chosen`."""
        for name, experts in chosen.items():
            self.loads[name] += torch.bincount(experts.flatten(), minlength=len(self.biases[name]))

    def step(self) -> dict[str, float]:
        """bias += rate · sign(mean load − load) in each mixture, over all processes; the counts begin again.

        Gives each mixture's largest load above the mean, as a part of it: 0 is perfect (MaxVio in Wang et al.).
        """
        uneven = {}
        for name, load in self.loads.items():
            if dist.is_initialized():
                dist.all_reduce(load)
            mean = load.mean()
            self.biases[name] += self.rate * torch.sign(mean - load)
            if mean > 0:
                uneven[name] = float(load.max() / mean) - 1
            load.zero_()
        return uneven
