"""How likely a token was, and what else was likely at its place."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

MAX_TOP = 20
"""Alternatives that may be asked for, as in OpenAI's API."""


class TokenChances(NamedTuple):
    """The natural logarithm of a token's probability, and the ids and log-probabilities of the likeliest tokens."""

    logprob: float
    top: tuple[tuple[int, float], ...] = ()


def token_chances(logits: Tensor, token_id: int, top: int) -> TokenChances:
    """Of `token_id` in the distribution of `logits` [vocab], with the `top` likeliest, likeliest first."""
    logprobs = torch.log_softmax(logits.double(), dim=-1)
    values, ids = logprobs.topk(min(top, len(logprobs)))
    return TokenChances(float(logprobs[token_id]), tuple(zip(ids.tolist(), values.tolist(), strict=True)))
