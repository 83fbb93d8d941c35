"""Labelled texts as tensors: token ids, what a text is about, and a label for each token where a source tells it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import tokenizers
import torch
from torch import Tensor

from nemora.tagger.hybrid import words_of
from nemora.tagger.tokens import SPECIAL_SHAPE, shapes, tokenise
from nemora.train.authored import TOPICS, Example
from nemora.train.span_labels import IGNORED, LABELS, columns_hidden_by_o, targets

MAX_TOKENS = 256
HYBRID_TOKENS = 512
"""At once, of a hybrid's smaller vocabulary."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text's tokens with the two special ones; `offsets` are code points, empty for those two."""

    ids: list[int]
    shapes: list[int]
    offsets: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows padded to the longest. Where nothing is known of a row, `stays` and `topics` are nan, and `targets` IGNORED.

    ids, mask, shapes, targets [rows, seq]; stays [rows]; topics [rows, topics]; hidden [rows, labels]: the columns that
    "O" may stand for.
    """

    ids: Tensor
    mask: Tensor
    shapes: Tensor
    stays: Tensor
    topics: Tensor
    targets: Tensor
    hidden: Tensor

    def to(self, device: str) -> Batch:
        """The same on `device`."""
        return Batch(*(getattr(self, name.name).to(device) for name in fields(self)))


def cutting(contents: str) -> tokenizers.Tokenizer:
    """The encoder's tokenizer from what its tokenizer.json holds, cutting at MAX_TOKENS."""
    tokenizer = tokenizers.Tokenizer.from_str(contents)
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def like_lengths(
    rows: Sequence[tuple[Encoded, Example]], tokens: int, draw: random.Random
) -> list[list[tuple[Encoded, Example]]]:
    """Texts of like length together, about as many as have `tokens` with their padding, in random order."""
    order = sorted(rows, key=lambda pair: len(pair[0].ids) * (0.9 + 0.2 * draw.random()))
    groups: list[list[tuple[Encoded, Example]]] = [[]]
    for pair in order:
        if groups[-1] and (len(groups[-1]) + 1) * len(pair[0].ids) > tokens:
            groups.append([])
        groups[-1].append(pair)
    draw.shuffle(groups)
    return groups


def encoded(tokenizer: tokenizers.Tokenizer, text: str) -> Encoded:
    """A text as the model reads it."""
    encoding = tokenizer.encode(text)
    forms = shapes(text, np.array(encoding.offsets, np.int64).reshape(-1, 2))
    forms[np.array(encoding.special_tokens_mask) == 1] = SPECIAL_SHAPE
    return Encoded(encoding.ids, forms.tolist(), encoding.offsets)


def encoded_for_hybrid(tokenizer: tokenizers.Tokenizer, text: str) -> Encoded:
    """A text as the hybrid reads it, cut to a window. It needs no shapes."""
    ids, words, offsets = tokenise(tokenizer, text)
    if len(ids):
        _, offsets = words_of(text, words, offsets)
    most = HYBRID_TOKENS - 2
    kept = [(int(start), int(end)) for start, end in offsets[:most]]
    return Encoded(ids[:most].tolist(), [0] * len(kept), kept)


def batch_of(rows: Sequence[tuple[Encoded, Example]]) -> Batch:
    """Texts of any length together."""
    longest = max(len(tokens.ids) for tokens, _ in rows)
    ids, mask, forms = (torch.zeros(len(rows), longest, dtype=torch.int64) for _ in range(3))
    labels = torch.full_like(ids, IGNORED)
    topics = torch.full((len(rows), len(TOPICS)), math.nan)
    stays = torch.full((len(rows),), math.nan)
    hidden = torch.zeros(len(rows), len(LABELS), dtype=torch.bool)
    hidden[:, 0] = True
    for row, (tokens, example) in enumerate(rows):
        count = len(tokens.ids)
        ids[row, :count] = torch.tensor(tokens.ids)
        forms[row, :count] = torch.tensor(tokens.shapes)
        mask[row, :count] = 1
        if example.stays is not None:
            stays[row] = float(example.stays)
        if example.topics is not None:
            topics[row] = torch.tensor([float(topic in example.topics) for topic in TOPICS])
        if example.spans is not None:
            labels[row, :count] = torch.tensor(targets(example.spans, tokens.offsets))
            hidden[row] = torch.tensor(columns_hidden_by_o(example.known))
    return Batch(ids, mask, forms, stays, topics, labels, hidden)
