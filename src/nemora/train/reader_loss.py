"""What the reader is asked to learn: whether a text stays, its topics, and the label of each token."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nemora.train.batches import Batch
from nemora.train.span_labels import IGNORED

TOPIC_WEIGHT = 0.4
SPAN_WEIGHT = 5.0
"""Most tokens are easy: the mean over them is small beside the loss of a whole text."""


def loss_of(logits: Tensor, labels: Tensor, batch: Batch) -> Tensor:
    """The sum of the three, each over what is known.

    Args:
        logits: [rows, 1 + topics].
        labels: [rows, seq, labels].
    """
    return stay_loss(logits, batch) + topic_loss(logits, batch) + SPAN_WEIGHT * span_loss(labels, batch)


def stay_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of "stays"."""
    told = ~batch.stays.isnan()
    if not told.any():
        return logits.new_zeros(())
    return F.binary_cross_entropy_with_logits(logits[told, 0], batch.stays[told])


def topic_loss(logits: Tensor, batch: Batch) -> Tensor:
    """For texts that stay, cross-entropy of which topic they are about; several share it evenly."""
    told = (batch.stays == 1) & (batch.topics.sum(1) > 0)  # not where a topic is nan
    if not told.any():
        return logits.new_zeros(())
    shares = batch.topics[told] / batch.topics[told].sum(1, keepdim=True)
    return TOPIC_WEIGHT * F.cross_entropy(logits[told, 1:], shares)


def span_loss(labels: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of each token's label. "O" stands for all that a row's source does not annotate: its probability is
    the sum of theirs (`span_labels.columns_hidden_by_o`).
    """
    row, at = (batch.targets != IGNORED).nonzero(as_tuple=True)
    if not len(row):
        return labels.new_zeros(())
    target = batch.targets[row, at]
    chosen = F.one_hot(target, labels.shape[-1]).bool() | ((target == 0)[:, None] & batch.hidden[row])
    logits = labels[row, at].float()
    allowed = logits.masked_fill(~chosen, -torch.inf).logsumexp(-1)
    return (logits.logsumexp(-1) - allowed).mean()
