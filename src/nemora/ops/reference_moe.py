"""The maths of a mixture of experts, slow and readable: one token after the other. `kernels.py` has the same, fast."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nemora.ops.reference import relu2
from nemora.ops.weight import Weight


def route(x: Tensor, gate: Tensor, bias: Tensor, *, top_k: int, normalise: bool, scale: float) -> tuple[Tensor, Tensor]:
    """Which experts each token goes to, and each one's share. All in fp32.

    s = sigmoid(gate · x); the `top_k` experts with the largest s + bias are chosen; their shares are s, without the
    bias, over their sum if `normalise`, times `scale`. DeepSeek-V3 (arXiv:2412.19437, section 2.1.2). x is
    [tokens, hidden], gate [experts, hidden], bias [experts]. Returns ids and shares, both [tokens, top_k].
    """
    scores = torch.sigmoid(x.float() @ gate.T)
    chosen = torch.topk(scores + bias, top_k, dim=-1).indices
    shares = scores.gather(-1, chosen)
    if normalise:
        shares = shares / (shares.sum(-1, keepdim=True) + 1e-20)
    return chosen, shares * scale


def experts_mlp(x: Tensor, chosen: Tensor, shares: Tensor, up: Sequence[Weight], down: Sequence[Weight]) -> Tensor:
    """Σ share · down_e(relu²(up_e(x))) over each token's chosen experts e.

    x is [tokens, width]; chosen and shares are [tokens, top_k]; summed in fp32. Returns [tokens, width].
    """
    outputs = []
    for token, ids, parts in zip(x, chosen.tolist(), shares, strict=True):
        answers = [down[e].matmul(relu2(up[e].matmul(token[None])))[0].float() for e in ids]
        outputs.append(sum((part * answer for part, answer in zip(parts, answers, strict=True)), torch.zeros(())))
    return torch.stack(outputs).to(x.dtype)
