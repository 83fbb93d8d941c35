"""Supervised fine-tuning on conversations: which are held out, how they fill rows, how many steps that takes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from nemora.errors import UsageError
from nemora.ops.texts import Texts
from nemora.train.batch import Batch
from nemora.train.chat_data import Sample
from nemora.train.chat_file import Chat
from nemora.train.data import Rows, Tokens
from nemora.train.loop import Settings
from nemora.train.schedule import WarmUpStableDecay
from nemora.train.shard import Processes

WARM_UP, DECAY = 0.05, 0.2
"""Parts of a run in which the rate rises and falls."""

MAX_STEPS = 1_000_000
ALONE = Processes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long to train, and on how much at a time.

    `length` tokens make a row, `rows` rows a pass, `accumulate` passes a step. `steps` is None: as many as `epochs`
    take. `rate` is the highest learning rate.
    """

    length: int
    rows: int
    accumulate: int
    rate: float
    epochs: int
    steps: int | None
    seed: int

    def __post_init__(self) -> None:
        if self.length < 2 or min(self.rows, self.accumulate, self.epochs) < 1 or not self.rate > 0:
            raise UsageError("Rows, passes of a step, epochs and rate must be above zero, and a row needs 2 tokens.")
        if self.steps is not None and not 1 <= self.steps <= MAX_STEPS:
            raise UsageError(f"The number of steps must be from 1 to {MAX_STEPS:,}.")

    def settings(self, steps: int, *, evaluate_every: int, save_every: int) -> Settings:
        """AdamW as TRL has it by default: without decay, which would pull adapters back to nothing.

        The bias that balances experts stays as it is: it belongs to the base.
        """
        return Settings(
            steps=steps,
            rows=self.rows,
            accumulate=self.accumulate,
            rate=self.rate,
            betas=(0.9, 0.999),
            decay=0.0,
            balance=0.0,
            evaluate_every=evaluate_every,
            save_every=save_every,
            seed=self.seed,
        )


def schedule_of(steps: int) -> WarmUpStableDecay:
    """Up over the first twentieth, down to zero over the last fifth."""
    return WarmUpStableDecay(steps=steps, warm_up=int(steps * WARM_UP), decay=int(steps * DECAY))


def hold_out(chats: Sequence[Chat], share: float, seed: int) -> tuple[list[Chat], list[Chat]]:
    """Conversations to learn from, and about `share` of them, at least one, that are held out.

    Conversations with equal first questions go to one side together, so that no answer is known before it is asked for.

    Raises:
        UsageError: nothing would be left to learn from.
    """
    groups: dict[str, list[Chat]] = {}
    for chat in chats:
        first = next((message.text() for message in chat.messages if message.role == "user"), "")
        groups.setdefault(first, []).append(chat)
    order = list(groups)
    random.Random(seed).shuffle(order)
    wanted = max(1, round(share * len(chats)))
    held: list[Chat] = []
    while order and len(held) < wanted:
        held += groups.pop(order.pop())
    if not groups:
        raise UsageError(
            "There are too few different conversations to hold some out; give more, or others with --held-out FILE."
        )
    return [chat for members in groups.values() for chat in members], held


def rows_of(samples: Sequence[Sample], plan: Plan, part: Processes = ALONE) -> Rows[Sample]:
    """Samples in rows, in a new order each epoch; none goes across two rows."""
    return Rows(samples, _tokens, plan.length, seed=plan.seed, split=False, rank=part.rank, world=part.world)


def steps_of(samples: Sequence[Sample], plan: Plan, part: Processes = ALONE) -> int:
    """Steps that the plan's epochs take; found by filling the rows."""
    if plan.steps is not None:
        return plan.steps
    rows, steps = rows_of(samples, plan, part), 0
    while rows.position.epoch < plan.epochs and steps < MAX_STEPS:
        rows.batch(plan.rows * plan.accumulate)
        steps += 1
    return steps


def batches_of(samples: Sequence[Sample], length: int) -> list[Batch]:
    """Each sample once, in this order, side by side in rows of at most `length` tokens; a batch is a row."""
    runs: list[list[Sample]] = []
    used = length
    for sample in samples:
        if not runs or used + len(sample.ids) > length:
            runs.append([])
            used = 0
        runs[-1].append(sample)
        used += len(sample.ids)
    return [batch_of(run) for run in runs]


def batch_of(samples: Sequence[Sample]) -> Batch:
    """The samples side by side in one row, each read as if it stood alone."""
    ids = [token_id for sample in samples for token_id in sample.ids]
    learned = [wanted for sample in samples for wanted in sample.learned]
    texts = [number for number, sample in enumerate(samples) for _ in sample.ids]
    return Batch(torch.tensor([ids]), Texts(torch.tensor([texts])), torch.tensor([learned]))


def _tokens(sample: Sample) -> Tokens:
    return Tokens(sample.ids, sample.learned)
