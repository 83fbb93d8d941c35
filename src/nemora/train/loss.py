"""What a language model is trained for: the next token, and with a draft head the token after it too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from nemora.train.batch import IGNORED, Batch
from nemora.train.trainable import Pass

CHUNK = 1024
"""Positions whose logits are in memory at a time; the loss does not depend on it."""


class Objective(Protocol):
    """Losses that are summed over what is learnt, so that batches of different sizes can be added up.

    What is minimised is Σ weights[name] · (sum over a step's batches) / (count over a step's batches).
    """

    @property
    def weights(self) -> Mapping[str, float]: ...

    def counts(self, batch: Batch) -> dict[str, int]:
        """Over how many tokens each sum goes."""
        ...

    def sums(self, opened: Pass, batch: Batch) -> dict[str, Tensor]:
        """The losses of a batch, each summed: a scalar with a gradient."""
        ...


class NextToken:
    """Cross-entropy of the next token, "next", and of the one after it by the draft head, "draft" (if its weight is
    above 0): DeepSeek-V3 (arXiv:2412.19437, section 2.2). An `Objective`.
    """

    def __init__(self, draft_weight: float = 0.0) -> None:
        self.weights = {"next": 1.0} | ({"draft": draft_weight} if draft_weight > 0 else {})

    def counts(self, batch: Batch) -> dict[str, int]:
        return {name: int((batch.labels(ahead) != IGNORED).sum()) for ahead, name in enumerate(self.weights, 1)}

    def sums(self, opened: Pass, batch: Batch) -> dict[str, Tensor]:
        hidden = opened.hidden(batch.ids, batch.texts)
        sums = {"next": cross_entropy(opened.logits, hidden, batch.labels())}
        if "draft" in self.weights:
            drafted = opened.draft(batch.ids, hidden, batch.texts)
            sums["draft"] = cross_entropy(opened.logits, drafted, batch.labels(2)[:, :-1])
        return sums


def cross_entropy(logits: Callable[[Tensor], Tensor], hidden: Tensor, labels: Tensor, chunk: int = CHUNK) -> Tensor:
    """−Σ log p(label) over all positions but IGNORED ones, in fp32.

    Logits of a long batch over a large vocabulary would be the largest tensor of all, so they are made for `chunk`
    positions at a time, and again for the gradient.

    Args:
        hidden: [batch, seq, hidden].
        labels: [batch, seq].
    """
    learnt = labels != IGNORED
    hidden, labels = hidden[learnt], labels[learnt]

    def part(hidden: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits(hidden[None])[0].float(), labels, reduction="sum")

    total = hidden.sum() * 0.0 if not len(hidden) else torch.zeros((), device=hidden.device)
    for start in range(0, len(hidden), chunk):
        pair = hidden[start : start + chunk], labels[start : start + chunk]
        keep = len(hidden) <= chunk or not torch.is_grad_enabled()
        total = total + (part(*pair) if keep else checkpoint(part, *pair, use_reentrant=False))
    return total
