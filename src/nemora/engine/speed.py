"""How fast a model reads and writes, beside what the machine can do at the same moment.

Every run of the model stands between two measurements of the machine's limits, and is compared with their mean.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import torch

from nemora.engine.engine import Engine
from nemora.engine.request import GenerationParams
from nemora.models.base import Model
from nemora.models.state import State
from nemora.models.state_group import StateGroup
from nemora.models.work import Work
from nemora.ops.limits import Limits
from nemora.weights.resident import forget_peak, peak_resident

Result = TypeVar("Result")

SEED = 0
WARM_STEPS = 2


@dataclass(frozen=True, slots=True)
class DecodeCase:
    """So many sequences that write together, each after `context` positions."""

    context: int
    batch: int


@dataclass(frozen=True, slots=True)
class PromptRun:
    """A prompt that was read once. `first_token` is from handing it to the engine to the first token's arrival."""

    tokens: int
    seconds: float
    first_token: float
    limits: Limits


@dataclass(frozen=True, slots=True)
class DecodeRun:
    """Tokens that were written once: `steps` for each sequence."""

    case: DecodeCase
    steps: int
    seconds: float
    cache_bytes: int
    """That a step reads or writes, at half of the run."""
    limits: Limits


@dataclass(slots=True)
class Runs:
    """All that was measured."""

    prompts: list[PromptRun] = field(default_factory=list)
    decodes: dict[DecodeCase, list[DecodeRun]] = field(default_factory=dict)
    limits: list[Limits] = field(default_factory=list)
    peak: int = 0
    """The most bytes that were resident in loading and in the model's runs."""
    peak_is_own: bool = True
    """Whether the measurements of limits are not in it."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Repetitions of one measurement."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedTest:
    """What is to be run with a model. Nothing is sampled: always the likeliest token is next.

    Args:
        engine: of the same model, without a prefix cache.
        prompt: what is read.
        steps: tokens that each sequence writes.
        load_peak: the most bytes that were resident while the model was loaded.
    """

    model: Model
    engine: Engine
    prompt: Sequence[int]
    steps: int
    cases: Sequence[DecodeCase]
    load_peak: int = 0

    def runs(self, repeats: int) -> int:
        """Of the model, warm-up included: as often `run` reports progress."""
        return 1 + repeats * (1 + len(self.cases))

    @torch.inference_mode()
    def run(self, repeats: int, measure: Callable[[], Limits], progress: Callable[[str], None]) -> Runs:
        """Once to warm up, then `repeats` times, with `measure` between the runs.

        Raises:
            ModelError: the model failed.
            ContextLengthExceeded: the prompt does not fit.
        """
        found = Runs(decodes={case: [] for case in self.cases})
        progress("warm-up")
        self._read_prompt()
        self._write(DecodeCase(0, 1), WARM_STEPS)
        gauge = _Gauge(measure, self.load_peak)
        for _ in range(repeats):
            progress("prompt")
            (seconds, first), limits = gauge.around(self._read_prompt)
            found.prompts.append(PromptRun(len(self.prompt), seconds, first, limits))
            for case in self.cases:
                progress(f"decode, {case.batch} at once after {case.context}")
                (seconds, cache), limits = gauge.around(partial(self._write, case, self.steps))
                found.decodes[case].append(DecodeRun(case, self.steps, seconds, cache, limits))
        found.limits, found.peak, found.peak_is_own = gauge.limits, gauge.peak, gauge.peak_is_own
        return found

    def _read_prompt(self) -> tuple[float, float]:
        """Seconds of the forward passes, and until the first token."""
        since = time.perf_counter()
        generation = self.engine.submit(list(self.prompt), GenerationParams(max_tokens=1, temperature=0.0))
        for _ in generation:  # one
            pass
        first = time.perf_counter() - since
        return generation.timings().prefill_seconds, first

    def _write(self, case: DecodeCase, steps: int) -> tuple[float, int]:
        """Seconds of the steps, and the bytes of cache that one takes."""
        states = [self._after(case.context, steps) for _ in range(case.batch)]
        state = states[0] if case.batch == 1 else StateGroup(states)
        draw = torch.Generator().manual_seed(SEED)
        ids = torch.randint(0, self.model.config.vocab_size, (case.batch, 1), generator=draw)
        since = time.perf_counter()
        for _ in range(steps):
            ids = self.model.forward(ids, state, last_only=True)[:, -1].argmax(-1, keepdim=True)
        seconds = time.perf_counter() - since
        positions = case.context + steps // 2
        each = positions * states[0].bytes_per_position + 2 * states[0].bytes_per_sequence
        return seconds, case.batch * each

    def _after(self, context: int, steps: int) -> State:
        """A state that stands after `context` positions. These were never read: what they hold takes as long."""
        state = self.model.new_state(context + steps)
        for tensor in (*state.keys, *state.values):
            tensor.fill_(0.1)
        state.length = context
        return state


class _Gauge:
    """Takes the machine's limits between runs, and the memory of the runs alone."""

    def __init__(self, measure: Callable[[], Limits], peak: int) -> None:
        self._measure = measure
        self.peak, self.peak_is_own = peak, True
        self.limits = [measure()]

    def around(self, run: Callable[[], Result]) -> tuple[Result, Limits]:
        """What a run gives, and the mean of the limits before and after it."""
        self.peak_is_own = forget_peak() and self.peak_is_own
        result = run()
        self.peak = max(self.peak, peak_resident())
        self.limits.append(self._measure())
        return result, self.limits[-2].mean(self.limits[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSpeed:
    """Of all runs of the prompt. Shares are of what the machine could do around each run; None where that was not
    measured."""

    tokens: int
    tokens_per_second: Spread
    first_token_seconds: Spread
    share_of_int8: Spread | None
    share_of_fp32: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeSpeed:
    """Of all runs of a case: tokens of all its sequences.

    `share_of_bandwidth` is by what is read of the cache, and of the weights as they lie in memory;
    `share_by_stored_bytes` by the weights' stored form, whatever was decoded.
    """

    context: int
    batch: int
    tokens_per_second: Spread
    weight_bytes: int
    stored_bytes: int
    cache_bytes: int
    share_of_bandwidth: Spread
    share_by_stored_bytes: Spread


def prompt_speed(runs: Sequence[PromptRun], work: Work) -> PromptSpeed:
    """All runs of one prompt."""
    operations = work.prompt_operations(runs[0].tokens)
    by_int8 = [operations / run.seconds / run.limits.int8 for run in runs if run.limits.int8 is not None]
    return PromptSpeed(
        tokens=runs[0].tokens,
        tokens_per_second=Spread.of([run.tokens / run.seconds for run in runs]),
        first_token_seconds=Spread.of([run.first_token for run in runs]),
        share_of_int8=Spread.of(by_int8) if by_int8 else None,
        share_of_fp32=Spread.of([operations / run.seconds / run.limits.fp32 for run in runs]),
    )


def decode_speed(runs: Sequence[DecodeRun], work: Work) -> DecodeSpeed:
    """All runs of one case."""
    case, cache = runs[0].case, runs[0].cache_bytes
    weights, stored = work.read_bytes(case.batch), work.stored_bytes(case.batch)

    def share(needed: int) -> Spread:
        return Spread.of([(needed + cache) * run.steps / run.seconds / run.limits.bandwidth for run in runs])

    return DecodeSpeed(
        context=case.context,
        batch=case.batch,
        tokens_per_second=Spread.of([case.batch * run.steps / run.seconds for run in runs]),
        weight_bytes=weights,
        stored_bytes=stored,
        cache_bytes=cache,
        share_of_bandwidth=share(weights),
        share_by_stored_bytes=share(stored),
    )
