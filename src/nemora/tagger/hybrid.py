"""A text read by a causal hybrid from both ends, and what is said of it: whether it stays, its topics, and spans.

A hybrid hears nothing of what comes later. So a text is read twice, forwards and backwards, each time after a token
that says which; of every token there are then two hidden states, side by side. One set of weights for both directions:
Caduceus, Schiff et al. 2024 (arXiv:2403.03234).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nemora.errors import CorruptCheckpoint
from nemora.tagger.spans import Ints

FORWARDS, BACKWARDS = 3, 4
"""Special tokens that the language model was never shown."""
_POOLED = 0.1  # many large features: one learning rate then suits these weights and the trunk's
_EAST_ASIAN = 0x2E80  # from here on letters are words, as far as spans go


class Heads(nn.Module):
    """Of a text: one number for "must stay" and one for each topic. Of each token: one for each label of a span.

    The first reads the mean over the tokens beside the largest value of each channel, like `train.encoder.ReaderModel`.

    Args:
        hidden: the trunk's; it is given twice of that.
    """

    def __init__(self, hidden: int, topics: int, labels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(2 * hidden)
        self.inner, self.outer = nn.Linear(2 * hidden, 2 * hidden), nn.Linear(2 * hidden, 2 * hidden)
        self.text = nn.Linear(4 * hidden, 1 + topics)
        self.labels = nn.Linear(2 * hidden, labels)
        nn.init.constant_(self.labels.bias[0], 4.0)  # most tokens are in no span

    def forward(self, hidden: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, seq, 2 · hidden], of which the first `counts` [batch] tokens are the text's, to fp32
        [batch, 1 + topics] and [batch, seq, labels].
        """
        hidden = self.mixed(hidden)
        return self.text(self.pooled(hidden, counts)), self.labels(hidden)

    def mixed(self, hidden: Tensor) -> Tensor:
        """Both directions of each token together, of the same shape; fp32."""
        hidden = self.norm(hidden.float())
        mixed: Tensor = hidden + self.outer(nn.functional.gelu(self.inner(hidden)))
        return mixed

    def pooled(self, mixed: Tensor, counts: Tensor) -> Tensor:
        """What is known of each text, [batch, 4 · hidden]."""
        there = (torch.arange(mixed.shape[1], device=mixed.device) < counts[:, None])[..., None]
        mean = (mixed * there).sum(1) / counts[:, None]
        largest = mixed.masked_fill(~there, torch.finfo(torch.float32).min).amax(1)
        return _POOLED * torch.cat((mean, largest), dim=-1)


def both_ways(ids: Tensor, counts: Tensor) -> Tensor:
    """Rows [batch, seq] of `counts` tokens to [2 · batch, 1 + seq]: first all forwards, then all backwards."""
    rows = torch.cat((ids, ids.gather(1, _mirrored(counts, ids.shape[1]))))
    first = torch.tensor([FORWARDS, BACKWARDS]).repeat_interleave(len(ids))[:, None]
    return torch.cat((first.to(rows), rows), dim=1)


def side_by_side(hidden: Tensor, counts: Tensor) -> Tensor:
    """Hidden states of what `both_ways` gave, [2 · batch, 1 + seq, hidden], to [batch, seq, 2 · hidden]."""
    forwards, backwards = hidden[:, 1:].chunk(2)
    places = _mirrored(counts, forwards.shape[1])[..., None].expand_as(backwards)
    return torch.cat((forwards, backwards.gather(1, places)), dim=-1)


def _mirrored(counts: Tensor, length: int) -> Tensor:
    """Where each place of a row is when its text is turned round, [batch, length]; past the text: the first."""
    places: Tensor = (counts[:, None] - 1 - torch.arange(length, device=counts.device)).clamp(min=0)
    return places


def save_heads(heads: Heads, path: Path) -> None:
    """As safetensors, in bf16 like the trunk."""
    save_file({name: tensor.detach().to(torch.bfloat16) for name, tensor in heads.state_dict().items()}, path)


def load_heads(path: Path, hidden: int, topics: int, labels: int) -> Heads:
    """The heads in a file, in fp32.

    Raises:
        CorruptCheckpoint: it is damaged, or its heads are of other sizes.
    """
    heads = Heads(hidden, topics, labels)
    try:
        heads.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    except (OSError, SafetensorError, RuntimeError):
        raise CorruptCheckpoint(f"{path.name} of the model that reads requests is damaged; install it anew.") from None
    return heads.eval()


def words_of(text: str, words: Ints, offsets: Ints) -> tuple[Ints, Ints]:
    """Word numbers and code point ranges as spans need them, of a byte-level vocabulary's.

    A token begins with the space before it: ranges begin after white space, unless there is nothing else. White space
    is a word of its own, and so is each letter of scripts that put no spaces between words.
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    blank = np.append(np.array([char.isspace() for char in text], np.bool_), False)
    start, end = offsets[:, 0].copy(), offsets[:, 1]
    blanks = np.concatenate(([0], np.cumsum(blank)))
    empty = blanks[end] - blanks[start] == end - start
    moving = ~empty & blank[start]
    while moving.any():
        start[moving] += 1
        moving &= blank[start]
    alone = codes[np.minimum(start, len(codes) - 1)] >= _EAST_ASIAN
    fresh = np.diff(words, prepend=-1) != 0
    fresh |= alone & (np.diff(start, prepend=-1) != 0)
    fresh[1:] |= empty[1:] | empty[:-1]
    fresh[1:] &= start[1:] >= end[:-1]  # tokens may share a character
    return np.cumsum(fresh), np.stack((start, end), axis=1)
