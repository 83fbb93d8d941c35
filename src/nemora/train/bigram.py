"""The baseline of language models: how well the token before foresees the next one, by counting."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


class Bigram:
    """p(b | a), counted over texts and smoothed after Witten & Bell (1991), without anything to set.

    With n(a) tokens seen after a, of t(a) kinds: p(b | a) = (count(a, b) + t(a) · p(b)) / (n(a) + t(a)), where
    p(b) = (count(b) + 1) / (tokens + vocabulary).
    """

    def __init__(self, texts: Iterable[Sequence[int]], vocabulary: int) -> None:
        self.vocabulary = vocabulary
        tensors = [torch.tensor(text) for text in texts if len(text)]
        tokens = torch.cat(tensors)
        self.single = (torch.bincount(tokens, minlength=vocabulary) + 1).double() / (len(tokens) + vocabulary)
        pairs = torch.cat([self._pairs(text) for text in tensors])
        self.pairs, counts = pairs.unique(return_counts=True)
        self.counts = counts.double()
        firsts = self.pairs // vocabulary
        self.kinds = torch.bincount(firsts, minlength=vocabulary).double()
        self.after = torch.zeros(vocabulary, dtype=torch.float64).index_add_(0, firsts, self.counts)

    def perplexity(self, texts: Iterable[Sequence[int]]) -> float:
        """exp(−mean log p) of all tokens but each text's first."""
        pairs = torch.cat([self._pairs(torch.tensor(text)) for text in texts])
        return math.exp(-float(self._chances(pairs).log().mean()))

    def _pairs(self, text: Tensor) -> Tensor:
        return text[:-1] * self.vocabulary + text[1:]

    def _chances(self, pairs: Tensor) -> Tensor:
        first, second = pairs // self.vocabulary, pairs % self.vocabulary
        place = torch.searchsorted(self.pairs, pairs).clamp(max=len(self.pairs) - 1)
        seen = torch.where(self.pairs[place] == pairs, self.counts[place], 0.0)
        backed = torch.where(self.after[first] > 0, self.kinds[first], 1.0)
        return (seen + backed * self.single[second]) / (self.after[first] + backed)
