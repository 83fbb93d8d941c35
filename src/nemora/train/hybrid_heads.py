"""Fits a hybrid's heads to the trunk that is written, which is not quite the one that they were trained with.

The trunk is averaged after a run (`hybrid.average`), and its heads were not told. Frozen, it reads each text once, and
the heads see what it made of them several times: cheap, as they are small.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from nemora.models.nemotron_h import NemotronH
from nemora.tagger.hybrid import Heads, both_ways, side_by_side
from nemora.train.batches import Batch
from nemora.train.reader_loss import loss_of
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model

PASSES = 4
RATE, WEIGHT_DECAY = 1e-3, 0.05
"""The rate falls in a line to nothing."""


def fit_heads(folder: Path, heads: Heads, batches: Sequence[Batch]) -> list[float]:
    """Train `heads` on what the model in `folder` makes of told texts. Gives the mean loss of each pass."""
    model = load_model(open_checkpoint(folder))
    assert isinstance(model, NemotronH)
    read = [heard(model, batch) for batch in batches]
    optimiser = torch.optim.AdamW(heads.parameters(), RATE, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY)
    steps, means = PASSES * len(batches), []
    for at in range(PASSES):
        losses = []
        for number, (batch, hidden) in enumerate(zip(batches, read, strict=True), at * len(batches)):
            optimiser.param_groups[0]["lr"] = RATE * (1 - number / steps)
            logits, labels = heads(hidden, batch.mask.sum(1))
            loss = loss_of(logits, labels, batch)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(heads.parameters(), 1.0)
            optimiser.step()
            losses.append(float(loss.detach()))
        means.append(sum(losses) / len(losses))
    return means


@torch.no_grad()
def heard(model: NemotronH, batch: Batch) -> Tensor:
    """The hidden states of a batch's texts from both ends, bf16 [batch, seq, 2 · hidden]."""
    counts = batch.mask.sum(1)
    ids = both_ways(batch.ids, counts)
    hidden = model.read(ids, model.new_state(ids.shape[1], batch=len(ids)))
    return side_by_side(hidden, counts).to(torch.bfloat16)
