"""Gradients of the fast kernels: against finite differences, and against autograd through their readable twins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_trainable import hybrid, packed
from torch import Tensor

from nemora.models import attention as attention_layer
from nemora.ops import kernels, reference, reference_mamba2, reference_moe
from nemora.ops.texts import Texts
from nemora.ops.weight import DenseWeight
from nemora.train.batch import Batch
from nemora.train.loss import NextToken
from nemora.train.trainable import Pass

TEXTS = Texts(torch.tensor([[0, 0, 1, 1, 1, 2, 2, 2, 2], [0, 0, 0, 0, 0, 0, 0, 0, 1]]))


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def leaves(*tensors: Tensor) -> list[Tensor]:
    return [tensor.clone().requires_grad_() for tensor in tensors]


def ssd_inputs(seq: int) -> list[Tensor]:
    """x, dt, a, b, c, d, state: two rows, four heads of three, two groups, a state of five."""
    x, dt, a = draw(2, seq, 4, 3), draw(2, seq, 4, seed=1).exp(), -draw(4, seed=2).exp()
    return leaves(
        x, dt, a, draw(2, seq, 2, 5, seed=3), draw(2, seq, 2, 5, seed=4), draw(4, seed=5), draw(2, 4, 3, 5, seed=6)
    )


@pytest.mark.parametrize("texts", [None, TEXTS], ids=["one text", "several"])
def test_chunks_of_the_state_space_have_the_gradients_of_finite_differences(
    texts: Texts | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "SSD_CHUNK", 4)  # nine tokens are three chunks, the last one short
    inputs = ssd_inputs(9)
    assert torch.autograd.gradcheck(lambda *tensors: kernels.ssd(*tensors, texts), inputs, fast_mode=True)


@pytest.mark.parametrize("texts", [None, TEXTS], ids=["one text", "several"])
def test_chunks_of_the_state_space_have_the_gradients_of_the_recurrence(
    texts: Texts | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "SSD_CHUNK", 4)
    agree(lambda *t: kernels.ssd(*t, texts), lambda *t: reference_mamba2.ssd(*t, texts), ssd_inputs(9), 1e-10)


@pytest.mark.parametrize("texts", [None, TEXTS], ids=["one text", "several"])
def test_gradients_of_the_convolution(texts: Texts | None) -> None:
    inputs = leaves(draw(2, 9, 6).float(), draw(6, 4).float(), draw(6).float(), draw(2, 6, 3).float())
    agree(lambda *t: kernels.causal_conv(*t, texts), lambda *t: reference_mamba2.causal_conv(*t, texts), inputs, 1e-5)
    wide = leaves(draw(2, 9, 6), draw(6, 4), draw(6), draw(2, 6, 3))
    assert torch.autograd.gradcheck(lambda *t: reference_mamba2.causal_conv(*t, texts), wide, fast_mode=True)


@pytest.mark.parametrize("texts", [None, TEXTS], ids=["one text", "several"])
def test_gradients_of_attention(texts: Texts | None) -> None:
    inputs = leaves(draw(2, 4, 9, 8).float(), draw(2, 2, 9, 8, seed=1).float(), draw(2, 2, 9, 8, seed=2).float())
    agree(lambda *t: (kernels.attention(*t, texts),), lambda *t: (reference.attention(*t, texts),), inputs, 1e-5)


def test_gradients_of_norms() -> None:
    y, gate, weight = leaves(draw(5, 12).float(), draw(5, 12, seed=1).float(), draw(12, seed=2).float())
    agree(
        lambda *t: (kernels.gated_rms_norm(*t, 3, 1e-5),),
        lambda *t: (reference_mamba2.gated_rms_norm(*t, 3, 1e-5),),
        [y, gate, weight],
        1e-5,
    )
    agree(lambda *t: (kernels.rms_norm(*t, 1e-5),), lambda *t: (reference.rms_norm(*t, 1e-5),), [y, weight], 1e-5)


@pytest.mark.filterwarnings("ignore:Input #. requires gradient")
@pytest.mark.parametrize("normalise", [True, False])
def test_a_routers_shares_have_the_gradients_of_finite_differences(normalise: bool) -> None:
    """In fp32, which routers are kept in: the step is wide, and the choice does not change within it."""
    x, gate = leaves(draw(6, 8).float(), draw(5, 8, seed=1).float())
    bias = torch.zeros(5)

    def shares(x: Tensor, gate: Tensor) -> Tensor:
        return kernels.route(x, gate, bias, top_k=2, normalise=normalise, scale=2.5)[1]

    assert torch.autograd.gradcheck(shares, (x, gate), eps=1e-3, atol=5e-3, rtol=1e-2, fast_mode=True)


def test_gradients_of_experts_are_those_of_a_loop_over_tokens() -> None:
    x, shares = draw(7, 6).float(), draw(7, 2, seed=1).float()
    up, down = draw(5, 4, 6, seed=2).float(), draw(5, 6, 4, seed=3).float()
    chosen = torch.stack([torch.randperm(4, generator=torch.Generator().manual_seed(t))[:2] for t in range(7)])

    def run(mlp: Callable[..., Tensor]) -> Callable[..., tuple[Tensor]]:
        return lambda x, shares, up, down: (
            mlp(x, chosen, shares, [DenseWeight(w) for w in up.unbind()], [DenseWeight(w) for w in down.unbind()]),
        )

    agree(run(kernels.experts_mlp), run(reference_moe.experts_mlp), leaves(x, shares, up, down), 1e-5)


def test_a_hybrids_gradients_are_those_of_the_readable_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """End to end, with every kind of layer, several texts in a row, and the draft head."""
    model = hybrid(tmp_path)
    row, texts, _ = packed([5, 12, 1, 9])
    batch = Batch(row, texts)
    objective = NextToken(draft_weight=0.5)

    def gradients() -> dict[str, Tensor]:
        model.zero_grad()

        def loss(opened: Pass) -> Tensor:
            sums = objective.sums(opened, batch)
            return sums["next"] + 0.5 * sums["draft"]

        model(loss).backward()
        return {name: p.grad.clone() for name, p in model.weights.named() if p.grad is not None}

    fast = gradients()
    for module in (reference, reference_mamba2, reference_moe):
        for name in kernels.__all__:
            if hasattr(module, name):
                monkeypatch.setattr(kernels, name, getattr(module, name))
    assert attention_layer.kernels.attention is reference.attention and kernels.ssd is reference_mamba2.ssd
    readable = gradients()
    assert fast.keys() == readable.keys()
    for name, gradient in fast.items():
        scale = float(readable[name].abs().max())
        torch.testing.assert_close(gradient, readable[name], rtol=0, atol=1e-4 * scale, msg=name)


def agree(
    ours: Callable[..., tuple[Tensor, ...]],
    twin: Callable[..., tuple[Tensor, ...]],
    inputs: list[Tensor],
    tolerance: float,
) -> None:
    """Both give equal numbers and, for one weighting of all of them, equal gradients."""
    results = []
    for function in (ours, twin):
        outputs = function(*inputs)
        weighted = sum((out * draw(*out.shape, seed=9).to(out)).sum() for out in outputs)
        assert isinstance(weighted, Tensor)
        results.append([*outputs, *torch.autograd.grad(weighted, inputs)])
    for one, other in zip(*results, strict=True):
        bound = tolerance * max(1.0, float(other.detach().abs().max()))
        torch.testing.assert_close(one, other, rtol=0, atol=bound)
