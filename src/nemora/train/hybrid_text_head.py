"""Fits anew what a hybrid says of a whole text, on what its trunk makes of all requests that may be learned from.

A run sees a text once at most; the last layer can see them all. Like `topic_head`, which does it for the encoder.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from nemora.models.nemotron_h import NemotronH
from nemora.tagger.hybrid import Heads, both_ways, side_by_side
from nemora.tagger.tokens import load_tokenizer
from nemora.tagger.window_reader import TOKENIZER
from nemora.train.authored import TOPICS, Example
from nemora.train.batches import batch_of, encoded_for_hybrid, like_lengths
from nemora.train.examples import parts_of, with_values
from nemora.train.topic_head import Numbers, regression
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model

TOKENS = 4096


def fit_text_head(folder: Path, heads: Heads, examples: Sequence[Example], seed: int) -> None:
    """New rows of `heads.text` for the model in `folder`: logistic regressions, of "must stay" and of topics."""
    draw = random.Random(seed)
    told = parts_of([with_values(example, draw) for example in examples if example.stays is not None])
    features, order = _features(folder, heads, [example for example in told if example.stays is not None])
    stays = np.array([[float(not example.stays), float(bool(example.stays))] for example in order])
    weight, bias = regression(features, stays)
    rows, shifts = [weight[1] - weight[0]], [bias[1] - bias[0]]
    chosen = [index for index, example in enumerate(order) if example.stays and example.topics]
    topics = np.array([[float(topic in (order[index].topics or ())) for topic in TOPICS] for index in chosen])
    weight, bias = regression(features[chosen], topics / topics.sum(1, keepdims=True))
    with torch.no_grad():
        heads.text.weight.copy_(torch.from_numpy(np.stack([*rows, *weight])))
        heads.text.bias.copy_(torch.from_numpy(np.array([*shifts, *bias])))


@torch.inference_mode()
def _features(folder: Path, heads: Heads, examples: Sequence[Example]) -> tuple[Numbers, list[Example]]:
    """What the last layer reads, [texts, 4 · hidden], and the texts in that order."""
    tokenizer = load_tokenizer(folder / TOKENIZER)
    model = load_model(open_checkpoint(folder))
    assert isinstance(model, NemotronH)
    rows = [(encoded_for_hybrid(tokenizer, example.text), example) for example in examples]
    found, order = [], []
    for group in like_lengths([row for row in rows if row[0].ids], TOKENS, random.Random(0)):
        batch = batch_of(group)
        counts = batch.mask.sum(1)
        ids = both_ways(batch.ids, counts)
        hidden = model.read(ids, model.new_state(ids.shape[1], batch=len(ids)))
        found.append(heads.pooled(heads.mixed(side_by_side(hidden, counts)), counts).numpy())
        order += [example for _, example in group]
    return np.concatenate(found), order
