"""What changes logits before a draw, and what may not be drawn: bias, penalties, bad words, a least length.

Meaning and order are vLLM's (docs.vllm.ai, `SamplingParams`; v1/sample): first the bias, then repetition, frequency and
presence; what may not be drawn is left out last. OpenAI's API reference has the formulas of the latter two.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nemora.engine.request import GenerationParams


class Penalties:
    """Bias and penalties of one sequence. Holds two rows of the vocabulary once there is a penalty, else nothing.

    Args:
        ids: the prompt, which the caller may extend by what is accepted.
    """

    def __init__(self, params: GenerationParams, ids: Sequence[int]) -> None:
        self._params = params
        self._ids = ids
        self._written: list[int] = []
        self._seen: Tensor | None = None
        self._counts: Tensor | None = None
        self._penalises = params.repetition_penalty != 1 or bool(params.frequency_penalty or params.presence_penalty)

    def accept(self, token_id: int) -> None:
        """A token was written."""
        if self._penalises:
            self._written.append(token_id)

    def apply(self, logits: Tensor) -> Tensor:
        """`logits` [vocab], fp32, changed; the argument stays as it is."""
        params = self._params
        if params.logit_bias:
            ids = torch.tensor(list(params.logit_bias))
            logits = logits.index_add(0, ids, torch.tensor(list(params.logit_bias.values()), dtype=logits.dtype))
        if not self._penalises:
            return logits
        seen, counts = self._update(len(logits))
        if params.repetition_penalty != 1:
            weakened = torch.where(logits > 0, logits / params.repetition_penalty, logits * params.repetition_penalty)
            logits = torch.where(seen, weakened, logits)
        return logits - params.frequency_penalty * counts - params.presence_penalty * (counts > 0)

    def _update(self, vocabulary: int) -> tuple[Tensor, Tensor]:
        """Which ids stand in prompt or answer, and how often each in the answer."""
        if self._seen is None or self._counts is None:
            self._seen, self._counts = torch.zeros(vocabulary, dtype=torch.bool), torch.zeros(vocabulary)
            self._seen[torch.tensor(list(self._ids))] = True
        for token_id in self._written:
            self._seen[token_id] = True
            self._counts[token_id] += 1
        self._written.clear()
        return self._seen, self._counts


def forbidden_ids(params: GenerationParams, written: Sequence[int]) -> set[int]:
    """Ids that may not follow `written`, the new tokens so far: ends before their time, and ends of bad sequences."""
    ids = set(params.stop_ids) if len(written) < params.min_tokens else set()
    for sequence in params.bad_sequences:
        before = sequence[:-1]
        if not before or tuple(written[-len(before) :]) == before:
            ids.add(sequence[-1])
    return ids


def permitted(vocabulary: int, allowed: Tensor | None, forbidden: set[int]) -> Tensor | None:
    """A bool tensor [vocab] of ids that are `allowed` and not forbidden; None: all.

    Where that leaves nothing, what the grammar allows wins: it may know no other way to go on.
    """
    ids = [token_id for token_id in forbidden if token_id < vocabulary]
    if not ids:
        return allowed
    left = torch.ones(vocabulary, dtype=torch.bool) if allowed is None else allowed.cpu().clone()
    left[ids] = False
    return left if bool(left.any()) else allowed
