"""How well a model foresees a text: perplexity, over windows that slide."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from nemora.errors import ContextLengthExceeded, RequestError
from nemora.models.base import Model


@dataclass(frozen=True, slots=True)
class Perplexity:
    """exp(−mean log p) of `tokens` tokens that had others before them; `log_loss` is that mean, in nats."""

    log_loss: float
    tokens: int

    @property
    def value(self) -> float:
        try:
            return math.exp(self.log_loss)
        except OverflowError:
            return math.inf


@torch.inference_mode()
def perplexity(
    model: Model,
    ids: Sequence[int],
    *,
    context: int,
    stride: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Perplexity:
    """Read `ids` in windows of `context` tokens, each `stride` (by default half of it) after the one before.

    Each token but the first counts once, in the first window that has it; so all but those of the first window are
    foreseen from at least `context` − `stride` tokens. `progress` is called with how many tokens have been counted.

    Raises:
        RequestError: there are less than two ids, one is not in the vocabulary, or the windows cannot be.
        ContextLengthExceeded: the model was not made for windows of that size.
    """
    stride = max(1, context // 2) if stride is None else stride
    if not context >= 2 or not 1 <= stride < context:
        raise RequestError("Perplexity needs windows of at least 2 tokens, and a stride from 1 to less than a window.")
    if context > model.config.context_length:
        raise ContextLengthExceeded(
            f"Windows of {context} tokens do not fit the model's context of {model.config.context_length} tokens."
        )
    if len(ids) < 2 or min(ids) < 0 or max(ids) >= model.config.vocab_size:
        raise RequestError(f"Perplexity needs at least 2 ids, each from 0 to {model.config.vocab_size - 1}.")
    text = torch.tensor(list(ids))
    loss, counted = 0.0, 1  # the first token has nothing before it
    for start in range(0, len(ids), stride):
        end = min(start + context, len(ids))
        window = text[start : end - 1]
        logits = model.forward(window[None], model.new_state(len(window)))[0]
        targets = text[counted:end].to(logits.device)
        loss += float(F.cross_entropy(logits[-len(targets) :], targets, reduction="none").double().sum())
        counted = end
        if progress is not None:
            progress(counted)
        if end == len(ids):
            break
    return Perplexity(loss / (len(ids) - 1), len(ids) - 1)
