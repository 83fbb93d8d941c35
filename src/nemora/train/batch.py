"""Rows of tokens as a training step takes them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nemora.ops.texts import Texts

IGNORED = -100
"""A label that no loss is taken of."""


@dataclass(frozen=True)
class Batch:
    """Rows of several texts each.

    Attributes:
        ids: [rows, seq].
        texts: which text each token belongs to; None where a row is one text.
        counted: bool [rows, seq]: the tokens that are to be learnt. None: all.
    """

    ids: Tensor
    texts: Texts | None = None
    counted: Tensor | None = None

    @property
    def tokens(self) -> int:
        """Of all rows, padding included."""
        return self.ids.numel()

    def labels(self, ahead: int = 1) -> Tensor:
        """[rows, seq]: the token that comes `ahead` tokens later in the same text, IGNORED where none is learnt."""
        labels = torch.full_like(self.ids, IGNORED)
        later = self.ids[:, ahead:]
        learnt = torch.ones_like(later, dtype=torch.bool)
        if self.counted is not None:
            learnt = learnt & self.counted[:, ahead:]
        if self.texts is not None:
            learnt = learnt & (self.texts.ids[:, ahead:] == self.texts.ids[:, :-ahead])
        labels[:, :-ahead] = later.where(learnt, IGNORED)
        return labels

    def to(self, device: torch.device) -> Batch:
        """The same on `device`."""
        texts = None if self.texts is None else Texts(self.texts.ids.to(device))
        return Batch(self.ids.to(device), texts, None if self.counted is None else self.counted.to(device))
