"""How the learning rate changes over a run: a factor for each step, from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from nemora.errors import UsageError

Schedule = Callable[[int], float]
"""Step, from 0, to the factor of that step's learning rate."""


@dataclass(frozen=True, slots=True)
class WarmUpStableDecay:
    """Up in a line, level, then down in a line to `least`: Hu et al. 2024 (arXiv:2404.06395, section 4).

    A level run can be stopped at any step and decayed from there, so its length need not be known when it begins.
    """

    steps: int
    warm_up: int
    decay: int
    least: float = 0.0

    def __post_init__(self) -> None:
        _check(self.steps, self.warm_up + self.decay)

    def __call__(self, step: int) -> float:
        left = self.steps - step  # the last step is 1 away from the end
        down = 1.0 if left > self.decay else self.least + (1 - self.least) * left / (self.decay + 1)
        return min(_up(step, self.warm_up), max(down, self.least))


@dataclass(frozen=True, slots=True)
class Cosine:
    """Up in a line, then down as half a cosine to `least`: Loshchilov & Hutter 2017 (arXiv:1608.03983)."""

    steps: int
    warm_up: int
    least: float = 0.0

    def __post_init__(self) -> None:
        _check(self.steps, self.warm_up)

    def __call__(self, step: int) -> float:
        if step < self.warm_up:
            return _up(step, self.warm_up)
        gone = min(1.0, (step - self.warm_up) / max(1, self.steps - self.warm_up))
        return self.least + (1 - self.least) * (1 + math.cos(math.pi * gone)) / 2


def _up(step: int, warm_up: int) -> float:
    return min(1.0, (step + 1) / (warm_up + 1))


def _check(steps: int, used: int) -> None:
    if steps < 1 or used > steps:
        raise UsageError(f"A run of {steps} steps has no room for {used} steps of warm-up and decay; ask for fewer.")
