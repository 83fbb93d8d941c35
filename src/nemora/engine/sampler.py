"""Draws the next token from logits.

The order is that of transformers: mask, temperature, top-k, top-p, min-p. Each filter sees the
distribution that the one before left, and none removes the likeliest token.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nemora.engine.request import GenerationParams
from nemora.errors import ModelError

HEAD = 1024
"""Tokens that are sorted first; nearly always they hold all of top-p, and a whole vocabulary is slow to sort."""


def new_generator(seed: int | None) -> torch.Generator:
    """A source of randomness for one sequence; without a seed it starts somewhere new each time."""
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed % 2**64)
    return generator


def choice_seed(seed: int | None, choice: int) -> int | None:
    """The seed of one of several answers to the same prompt: the first has the request's own, the others follow from
    it, and none is what another request's seed gives (SplitMix64, Steele, Lea and Flood 2014)."""
    if seed is None or choice == 0:
        return seed
    mixed = (seed + choice * 0x9E3779B97F4A7C15) % 2**64
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
    return mixed ^ (mixed >> 31)


def sample(logits: Tensor, params: GenerationParams, generator: torch.Generator, allowed: Tensor | None = None) -> int:
    """The next token id, from `logits` [vocab]; `allowed` is a bool tensor [vocab].

    Raises:
        ModelError: the logits are not numbers, or nothing is allowed.
    """
    logits = logits.float().cpu()
    if allowed is not None:
        logits = logits.masked_fill(~allowed.cpu(), float("-inf"))
    best = int(logits.argmax())
    if not torch.isfinite(logits[best]):
        raise ModelError("The model gave no usable logits for the next token, or the grammar permits no token.")
    if params.temperature == 0:
        return best
    # Taking the largest out first keeps a tiny temperature from overflowing.
    scaled = (logits.double() - logits[best].double()) / params.temperature
    ids, probabilities = _kept(scaled, params)
    cumulative = probabilities.cumsum(0)
    draw = torch.rand(1, generator=generator, dtype=torch.float64) * cumulative[-1]
    index = int(torch.searchsorted(cumulative, draw, right=True).clamp(max=len(ids) - 1))
    return int(ids[index])


def _kept(scaled: Tensor, params: GenerationParams) -> tuple[Tensor, Tensor]:
    """Ids and unnormalised probabilities [kept] that survive the filters, likeliest first if there are filters."""
    weights = scaled.exp()
    size = len(weights)
    top_k = min(params.top_k or size, size)
    top_p = 1.0 if params.top_p is None else params.top_p
    min_p = params.min_p or 0.0
    if top_k == size and top_p >= 1:
        ids = torch.nonzero((weights >= min_p * weights.max()) & (weights > 0))[:, 0]
        return ids, weights[ids]
    if top_k < size:
        weights, ids = weights.topk(top_k)
        total = weights.sum()
    else:
        total = weights.sum()
        weights, ids = weights.topk(min(HEAD, size))
        if weights.sum() < top_p * total and len(weights) < size:
            weights, ids = scaled.exp().sort(descending=True)
    # A token stays while what is likelier than it does not yet reach top-p: so the first always stays.
    before = weights.cumsum(0) - weights
    keep = (weights >= min_p * weights[0]) & (weights > 0)
    if top_p < 1:
        keep &= before < top_p * total
    keep[0] = True
    return ids[keep], weights[keep]
