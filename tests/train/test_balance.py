"""A mixture whose router favours some experts becomes even, by its bias alone."""

from __future__ import annotations

from pathlib import Path

import torch
from tiny_trainable import hybrid

from nemora.train.balance import Balance

MIXTURE = "layers.4.moe"


def test_a_skewed_router_becomes_balanced_and_its_weights_stay(tmp_path: Path) -> None:
    model = hybrid(tmp_path)
    bias = model.weights.tensor(f"{MIXTURE}.router_bias")
    bias.copy_(torch.tensor([2.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]))  # three take everything
    before = {name: parameter.detach().clone() for name, parameter in model.weights.named()}
    balance = Balance(model.weights, rate=0.06)
    ids = torch.randint(3, 90, (4, 40), generator=torch.Generator().manual_seed(0))
    uneven = []
    for _ in range(50):
        opened = model.open()
        with torch.no_grad():
            opened.hidden(ids)
        balance.count(opened.chosen)
        uneven.append(balance.step()[MIXTURE])
    assert uneven[0] > 1.0
    assert max(uneven[-5:]) < 0.5
    assert all(torch.equal(before[name], parameter) for name, parameter in model.weights.named())


def test_the_bias_moves_by_the_rate_towards_idle_experts_only(tmp_path: Path) -> None:
    model = hybrid(tmp_path)
    bias = model.weights.tensor(f"{MIXTURE}.router_bias")
    before = bias.clone()
    balance = Balance(model.weights, rate=0.5)
    balance.count({MIXTURE: torch.tensor([[0, 1], [0, 1], [0, 2], [0, 3], [0, 4], [0, 5], [0, 6], [0, 7]])})
    uneven = balance.step()  # 16 choices of 8 experts: a mean of 2
    assert uneven[MIXTURE] == 3.0
    moved = (bias - before).tolist()
    assert torch.allclose(torch.tensor(moved), torch.tensor([-0.5, 0.0] + [0.5] * 6))


def test_the_bias_gets_no_gradient(tmp_path: Path) -> None:
    model = hybrid(tmp_path)
    opened = model.open()
    opened.logits(opened.hidden(torch.arange(3, 40)[None])).logsumexp(-1).sum().backward()
    for name in model.weights.inventory.tensors:
        if name.endswith("router_bias"):
            bias = model.weights.tensor(name)
            assert not bias.requires_grad and bias.grad is None
