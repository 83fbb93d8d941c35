"""What an encoder is: a model that reads a whole text at once, both ways, and gives each token a vector."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from nemora.ops import kernels


class EncoderConfig(Protocol):
    """What every encoder's config has. `context_length` is the most tokens of a text."""

    @property
    def vocab_size(self) -> int: ...

    @property
    def context_length(self) -> int: ...

    @property
    def hidden_size(self) -> int: ...


class Encoder(Protocol):
    """Token ids in, a vector for each out. Holds weights only; safe to call from several threads at once."""

    @property
    def config(self) -> EncoderConfig: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def bytes(self) -> int:
        """Memory that the weights keep."""
        ...

    def encode(self, ids: Tensor, there: Tensor) -> Tensor:
        """Texts side by side, ids and bool `there` [batch, seq], to vectors [batch, seq, hidden].

        Where `there` is false, after a text's end, is padding: no token sees it, and its vectors mean nothing.

        Raises:
            IndexError: an id is not in the vocabulary.
        """
        ...


class BothWays:
    """Attention in which every token sees all tokens of its own text; an `attention.Mixer`."""

    def __init__(self, there: Tensor) -> None:
        self._there = there

    def attend(self, slot: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return kernels.attention_both_ways(q, k, v, self._there)


def mean_pooled(hidden: Tensor, there: Tensor) -> Tensor:
    """A text's vector: the mean of its tokens', of length 1; [batch, seq, hidden] to fp32 [batch, hidden].

    Reimers & Gurevych 2019 (arXiv:1908.10084).
    """
    kept = hidden.float() * there[..., None]
    return torch.nn.functional.normalize(kept.sum(1) / there.sum(1, keepdim=True), dim=-1)
