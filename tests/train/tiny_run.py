"""A run of a tiny hybrid on random documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tiny_trainable import hybrid

from nemora.train.data import Rows, Tokens
from nemora.train.loop import Settings, Trainer
from nemora.train.loss import NextToken
from nemora.train.schedule import WarmUpStableDecay
from nemora.train.shard import Processes
from nemora.train.trainable import Trainable

SEQ = 24
ALONE = Processes()


def trainer(
    folder: Path,
    *,
    rows: int = 2,
    accumulate: int = 1,
    steps: int = 6,
    here: Processes = ALONE,
    shard: Callable[[Trainable], None] | None = None,
    **options: Any,
) -> Trainer:
    """`folder` gets the model, in a folder of this process's own, and the run."""
    model = folder / f"model-{here.rank}"
    model.mkdir(parents=True, exist_ok=True)
    trainable = hybrid(model)
    if shard is not None:
        shard(trainable)
    generator = torch.Generator().manual_seed(5)
    lengths = torch.randint(1, 40, (30,), generator=generator).tolist()
    documents = [torch.randint(3, 80, (length,), generator=generator).tolist() for length in lengths]
    data: Rows[list[int]] = Rows(documents, Tokens, SEQ, seed=1, rank=here.rank, world=here.world)
    settings = Settings(steps=steps, rows=rows, accumulate=accumulate, rate=3e-3, balance=0.01)
    schedule = WarmUpStableDecay(steps, 2, 2)
    return Trainer(trainable, data, NextToken(0.3), schedule, settings, folder=folder / "run", **options)
