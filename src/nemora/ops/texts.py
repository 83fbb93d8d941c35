"""Several texts side by side in the rows of a batch, as training packs them: each is to be read as if it were alone."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor


class Texts:
    """Which text each token of a batch belongs to.

    Args:
        numbers: [batch, seq], whole numbers; a run of equal ones along a row is a text. The same number may come again
            later in the row and is another text then.
    """

    def __init__(self, numbers: Tensor) -> None:
        starts = torch.zeros_like(numbers, dtype=torch.long)
        starts[:, 1:] = numbers[:, 1:] != numbers[:, :-1]
        self.ids = starts.cumsum(1)  # [batch, seq], from 0 in each row, rising by one at each boundary

    @cached_property
    def positions(self) -> Tensor:
        """[batch, seq]: each token's place in its text, from 0."""
        places = torch.arange(self.ids.shape[1], device=self.ids.device).expand_as(self.ids)
        starts = torch.ones_like(self.ids, dtype=torch.bool)
        starts[:, 1:] = self.ids[:, 1:] != self.ids[:, :-1]
        return places - torch.where(starts, places, 0).cummax(1).values

    @cached_property
    def visible(self) -> Tensor:
        """Bool [batch, 1, seq, seq]: which tokens each may see, those of its own text up to itself."""
        same = self.ids[:, :, None] == self.ids[:, None, :]
        return same.tril()[:, None]

    def first(self, count: int) -> Texts:
        """The same for the first `count` tokens of each row."""
        return Texts(self.ids[:, :count])
