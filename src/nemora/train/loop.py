"""The training loop: batches in, steps of the optimiser, and now and then an evaluation and a checkpoint."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from nemora.errors import UsageError
from nemora.train import checkpoint
from nemora.train.balance import Balance
from nemora.train.batch import Batch
from nemora.train.data import Rows
from nemora.train.loss import Objective
from nemora.train.schedule import Schedule
from nemora.train.trainable import Trainable

HISTORY = "history.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a model is trained.

    Attributes:
        steps: of the optimiser, in all.
        rows: in a forward pass of one process.
        accumulate: passes in a step; the gradient is that of all their rows at once.
        rate: the learning rate where the schedule is 1.
        decay: AdamW's, of everything that has two dimensions or more.
        clip: the largest norm of a gradient.
        balance: rate of `Balance`.
        evaluate_every, save_every: steps; 0: only at the end.
        keep: checkpoints that stay.
    """

    steps: int
    rows: int
    accumulate: int = 1
    rate: float
    betas: tuple[float, float] = (0.9, 0.95)
    decay: float = 0.1
    clip: float = 1.0
    balance: float = 1e-3
    evaluate_every: int = 0
    save_every: int = 0
    keep: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.rows, self.accumulate, self.keep) < 1 or self.rate <= 0 or self.clip <= 0:
            raise UsageError("Steps, rows, accumulation, kept checkpoints, rate and clip must be above zero.")


@dataclass(frozen=True, slots=True)
class Step:
    """What is known of a step when it is done. `step` counts from 1; losses are means over what is learnt.

    Attributes:
        uneven: of the mixture whose experts are loaded most unevenly: see `Balance.step`.
        evaluation: mean losses on held-out batches, if there was one.
    """

    step: int
    losses: dict[str, float]
    rate: float
    norm: float
    tokens: int
    seconds: float
    uneven: float = 0.0
    evaluation: dict[str, float] | None = None


Report = Callable[[Step], None]


class Trainer:
    """One run. `step` does one step, `run` all that are left.

    Args:
        rows: the training data; its rank and world are to be this process's.
        schedule: factor of the learning rate for each step.
        held_out: batches to evaluate on, the same in all processes.
        folder: where checkpoints and the history go; None: nowhere.
        report: told of each step.
    """

    def __init__(
        self,
        trainable: Trainable,
        rows: Rows[Any],
        objective: Objective,
        schedule: Schedule,
        settings: Settings,
        *,
        held_out: Sequence[Batch] = (),
        folder: Path | None = None,
        report: Report | None = None,
    ) -> None:
        self.trainable, self.rows, self.objective = trainable, rows, objective
        self.schedule, self.settings, self.held_out = schedule, settings, held_out
        self.folder, self.report = folder, report
        self.optimiser = optimiser_of(trainable.weights.parameters(), settings)
        self.balance = Balance(trainable.weights, settings.balance)
        self.done = 0
        torch.manual_seed(settings.seed)

    def run(self) -> None:
        """Go on until the last step. A checkpoint is written at the end, too."""
        while self.done < self.settings.steps:
            step = self.step()
            self._note(step)
            if self._due(self.settings.save_every):
                self.save()

    def step(self) -> Step:
        """One step of the optimiser, and an evaluation if it is time."""
        began = time.perf_counter()
        settings = self.settings
        batches = [self.rows.batch(settings.rows).to(self.trainable.weights.device) for _ in range(settings.accumulate)]
        rate = settings.rate * self.schedule(self.done)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        losses = self._backward(batches)
        norm = nn.utils.clip_grad_norm_(self.trainable.parameters(), settings.clip)
        self.optimiser.step()
        uneven = self.balance.step()
        self.done += 1
        evaluation = None
        if self.held_out and self._due(settings.evaluate_every):
            evaluation = evaluate(self.trainable, self.objective, self.held_out)
        return Step(
            step=self.done,
            losses=losses,
            rate=rate,
            norm=float(norm.full_tensor() if isinstance(norm, DTensor) else norm),
            tokens=sum(batch.tokens for batch in batches) * _world(),
            seconds=time.perf_counter() - began,
            uneven=max(uneven.values(), default=0.0),
            evaluation=evaluation,
        )

    def save(self) -> None:
        """Write a checkpoint, if there is a folder for it."""
        if self.folder is not None:
            state = {"data": self.rows.state()}
            weights, keep = self.trainable.weights, self.settings.keep
            checkpoint.save(self.folder, self.done, weights, self.optimiser, state, keep=keep)

    def resume(self) -> bool:
        """Go on from the folder's latest checkpoint; False if there is none.

        What follows is, bit for bit on a CPU, what would have followed without a stop.
        """
        found = checkpoint.checkpoints(self.folder) if self.folder is not None else []
        if not found:
            return False
        state = checkpoint.load(found[-1], self.trainable.weights, self.optimiser)
        self.done = state["step"]
        self.rows.resume(state["data"])
        if _rank() == 0:
            self._forget_later_steps()
        return True

    def _backward(self, batches: Sequence[Batch]) -> dict[str, float]:
        """Gradients of the mean losses over all batches of all processes; gives those losses."""
        counts = [self.objective.counts(batch) for batch in batches]
        names = list(self.objective.weights)
        device = self.trainable.weights.device
        learnt = [float(sum(count[name] for count in counts)) for name in names]
        totals = _summed(torch.tensor(learnt, device=device)).tolist()
        found = torch.zeros(len(names), device=device)
        self.optimiser.zero_grad(set_to_none=True)
        for batch in batches:
            sums, chosen = self._sums(batch)
            parts = [sums[name] / max(total, 1.0) for name, total in zip(names, totals, strict=True)]
            weighted = [part * self.objective.weights[name] for part, name in zip(parts, names, strict=True)]
            (torch.stack(weighted).sum() * _world()).backward()  # processes' gradients are averaged
            found += torch.stack([part.detach() for part in parts])
            self.balance.count(chosen)
        return dict(zip(names, _summed(found).tolist(), strict=True))

    def _sums(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The objective's sums, and which experts were chosen on the way."""
        chosen: dict[str, Tensor] = {}

        def run(opened: Any) -> dict[str, Tensor]:
            sums = self.objective.sums(opened, batch)
            chosen.update(opened.chosen)
            return sums

        return self.trainable(run), chosen

    def _due(self, every: int) -> bool:
        return self.done == self.settings.steps or (every > 0 and self.done % every == 0)

    def _note(self, step: Step) -> None:
        if _rank() == 0 and self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / HISTORY).open("a" if step.step > 1 else "w", encoding="utf-8") as sink:
                sink.write(json.dumps(asdict(step)) + "\n")
        if self.report is not None:
            self.report(step)

    def _forget_later_steps(self) -> None:
        """Steps after the checkpoint are done again."""
        assert self.folder is not None
        path = self.folder / HISTORY
        lines = [json.dumps(asdict(step)) + "\n" for step in history(self.folder) if step.step <= self.done]
        partial = path.with_suffix(".partial")
        partial.write_text("".join(lines), encoding="utf-8")
        partial.replace(path)


def optimiser_of(parameters: Iterable[nn.Parameter], settings: Settings) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101); norms, biases and other vectors do not decay."""
    every = [parameter for parameter in parameters if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in every if parameter.ndim >= 2], "weight_decay": settings.decay},
        {"params": [parameter for parameter in every if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=settings.rate, betas=settings.betas)


def evaluate(trainable: Trainable, objective: Objective, batches: Sequence[Batch]) -> dict[str, float]:
    """Mean losses over all that is learnt in `batches`, by the objective's names."""
    sums, counts = dict.fromkeys(objective.weights, 0.0), dict.fromkeys(objective.weights, 0)
    for batch in batches:
        batch = batch.to(trainable.weights.device)
        with torch.no_grad():
            found: dict[str, Tensor] = trainable(lambda opened, batch=batch: objective.sums(opened, batch))
        for name, count in objective.counts(batch).items():
            sums[name] += float(found[name])
            counts[name] += count
    return {name: sums[name] / max(counts[name], 1) for name in sums}


def history(folder: Path) -> list[Step]:
    """All steps of a run. A last line that a stop cut short is left out."""
    path = folder / HISTORY
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [Step(**json.loads(line)) for line in lines[:-1]]


def _summed(numbers: Tensor) -> Tensor:
    if dist.is_initialized():
        dist.all_reduce(numbers)
    return numbers


def _world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def _rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0
