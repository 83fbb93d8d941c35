"""Our side of a comparison: the product's own loop, fed a given number of samples a step in a given order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nemora.train.batch import Batch
from nemora.train.chat_data import Sample
from nemora.train.loop import Trainer
from nemora.train.loss import NextToken
from nemora.train.parameters import Parameters
from nemora.train.sft import Plan, batch_of
from nemora.train.trainable import Trainable


class Given:
    """Batches of `size` samples, packed into one row each, in their order."""

    def __init__(self, samples: Sequence[Sample], size: int) -> None:
        self.samples, self.size, self.at = samples, size, 0

    def batch(self, rows: int) -> Batch:
        taken = self.samples[self.at : self.at + rows * self.size]
        self.at += len(taken)
        return batch_of(taken)


def our_losses(
    parameters: Parameters, samples: Sequence[Sample], *, steps: int, batch: int, rate: float, accumulate: int = 1
) -> list[float]:
    """The loss of each step at a constant rate."""
    plan = Plan(length=512, rows=1, accumulate=accumulate, rate=rate, epochs=1, steps=steps, seed=0)
    rows: Any = Given(samples, batch)
    settings = plan.settings(steps, evaluate_every=0, save_every=0)
    trainer = Trainer(Trainable(parameters), rows, NextToken(), lambda step: 1.0, settings)
    return [trainer.step().losses["next"] for _ in range(steps)]
