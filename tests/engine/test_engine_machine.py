"""Any schedule of submits, steps, cancels, evictions and swaps: every answer is the model's own, and every byte comes
back."""

from __future__ import annotations

import random
import tempfile
import threading
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from fake_model import FakeModel, solo
from nemora.core import StopReason
from nemora.engine.engine import Engine
from nemora.engine.generation import Generation
from nemora.engine.request import GenerationParams, Priority
from nemora.errors import LocalModelDown, Overloaded
from nemora.models.base import Model
from watched_model import small_model

CHUNK = 4
CONTEXT = 64
NEW = 5


def params(count: int) -> GenerationParams:
    return GenerationParams(max_tokens=count, temperature=0)


def prompt(kind: int, length: int, tail: int) -> list[int]:
    """Few kinds, so that prompts begin alike."""
    draw = random.Random(kind)
    return [draw.randrange(1, 30) for _ in range(length)] + [tail]


@cache
def hybrid() -> Model:
    with tempfile.TemporaryDirectory() as folder:
        return small_model("hybrid", Path(folder))


@cache
def cold_hybrid(ids: tuple[int, ...], boundaries: tuple[int, ...]) -> list[int]:
    engine = Engine(hybrid(), context=CONTEXT, prefill_chunk=CHUNK)
    answer = [i for delta in engine.submit(ids, params(NEW), boundaries=boundaries) for i in delta.ids]
    engine.close()
    return answer


class Pedal:
    """Stands between an engine's steps. Held, it lets as many pass as it is told; then nothing runs."""

    def __init__(self, engine: Engine) -> None:
        self._changed = threading.Condition()
        self._allowed: float = float("inf")
        following = engine._next

        def when_allowed() -> object:
            with self._changed:
                self._changed.wait_for(lambda: self._allowed >= 1)
                self._allowed -= 1
            return following()

        engine._next = when_allowed  # type: ignore[assignment,method-assign]

    def allow(self, steps: float) -> None:
        with self._changed:
            self._allowed = steps
            self._changed.notify_all()

    @property
    def held(self) -> bool:
        return self._allowed != float("inf")

    def free(self) -> None:
        self.allow(float("inf"))


class EngineMachine(RuleBasedStateMachine):
    """`sequences` in memory, `snapshots` in the cache: few, so that both are short."""

    sequences, snapshots = 3, 4

    def __init__(self) -> None:
        super().__init__()
        self.swaps = 0
        self.begin()
        self.generations: list[tuple[Generation, list[int], tuple[int, ...]]] = []
        self.cancelled: set[int] = set()

    def begin(self) -> None:
        """An engine, with the model that is next."""
        self.model = self.new_model()
        probe = Engine(self.model, context=CONTEXT, prefill_chunk=CHUNK)
        cost, state = probe._memory.cost, self.model.new_state(1)
        probe.close()
        cache_bytes = self.snapshots * state.snapshot_bytes + 40 * (state.bytes_per_position + 40)
        memory = cost.workspace + self.sequences * cost.of_length(30) + cost.of_length(CONTEXT)
        self.engine = Engine(
            self.model,
            context=CONTEXT,
            memory=memory,
            cache_bytes=cache_bytes,
            prefill_chunk=CHUNK,
            max_running=5,
            max_waiting=6,
            max_waiting_tokens=150,
        )
        self.pedal = Pedal(self.engine)

    def new_model(self) -> Model:
        return FakeModel(salt=7 * self.swaps)  # type: ignore[return-value]

    def expected(self, ids: list[int], boundaries: tuple[int, ...]) -> list[int]:
        return solo(ids, NEW, 7 * self.swaps)

    @rule(
        kind=st.integers(0, 2),
        length=st.integers(0, 40),
        tail=st.integers(1, 3),
        named=st.booleans(),
        namespace=st.sampled_from(["a", "b"]),
        priority=st.sampled_from(Priority),
    )
    def submit(self, kind: int, length: int, tail: int, named: bool, namespace: str, priority: Priority) -> None:
        ids = prompt(kind, length, tail)
        boundaries = tuple(range(3, len(ids), 7)) if named else ()
        try:
            generation = self.engine.submit(
                ids, params(NEW), namespace=namespace, boundaries=boundaries, priority=priority
            )
        except Overloaded:
            assert self.engine.active or self.generations
            return
        self.generations.append((generation, ids, boundaries))

    @precondition(lambda self: self.generations)
    @rule(number=st.integers(0, 30))
    def cancel(self, number: int) -> None:
        self.cancelled.add(number % len(self.generations))
        self.generations[number % len(self.generations)][0].cancel()

    @rule(steps=st.sampled_from([0, 1, 2, 5]))
    def step(self, steps: int) -> None:
        """So many steps, and then none until somebody says so."""
        self.pedal.allow(steps)

    @rule()
    def go_on(self) -> None:
        self.pedal.free()

    @precondition(lambda self: not self.pedal.held)  # it may wait for memory that others have
    @rule(kind=st.integers(0, 2))
    def ask_for_probabilities(self, kind: int) -> None:
        found = self.engine.logprobs(prompt(kind, 6, 1), [[1, 2], [1, 3]])
        assert [len(row) for row in found] == [2, 2]

    @rule(count=st.integers(1, 3))
    def evict(self, count: int) -> None:
        cache = self.engine._memory.cache
        assert cache is not None
        with cache._lock:
            for _ in range(count):
                cache._tree.evict()

    @rule()
    def collect(self) -> None:
        """Wait for everybody: each answer is the one that the model alone gives."""
        self.pedal.free()
        for number, (generation, ids, boundaries) in enumerate(self.generations):
            deltas = list(generation)
            answer = [i for delta in deltas for i in delta.ids]
            expected = self.expected(ids, boundaries)
            assert answer == expected[: len(answer)]
            assert answer == expected or (deltas[-1].finish is StopReason.CANCELLED and number in self.cancelled)
            assert generation.cached_tokens < len(ids)
        self.generations, self.cancelled = [], set()
        self.engine.check_integrity()
        assert (self.engine.active, self.engine._memory.budget.held) == (0, 0)

    @rule()
    def swap(self) -> None:
        """Another engine and another model: what was under way ends, with what it has or an error, and leaves
        nothing."""
        self.end()
        self.swaps += 1
        self.begin()

    @invariant()
    def nothing_contradicts_itself(self) -> None:
        self.engine.check_integrity()
        load = self.engine.load()
        assert 0 <= load.cache_bytes + load.state_bytes <= load.memory_bytes

    def teardown(self) -> None:
        if len(self.generations) % 2:
            self.collect()
        self.end()

    def end(self) -> None:
        """Close the engine."""
        self.pedal.free()
        self.engine.close()
        for generation, ids, boundaries in self.generations:
            answer: list[int] = []
            try:
                for delta in generation:
                    answer += delta.ids
            except LocalModelDown:
                pass
            assert answer == self.expected(ids, boundaries)[: len(answer)]
        self.generations, self.cancelled = [], set()
        self.engine.check_integrity()
        cache = self.engine._memory.cache
        assert cache is not None
        assert self.engine._memory.budget.held == 0
        cache.shrink(0)
        assert cache.bytes == 0


class HybridMachine(EngineMachine):
    def new_model(self) -> Model:
        return hybrid()

    def expected(self, ids: list[int], boundaries: tuple[int, ...]) -> list[int]:
        return cold_hybrid(tuple(ids), boundaries)


@pytest.mark.parametrize(("machine", "examples"), [(EngineMachine, 40), (HybridMachine, 12)])
def test_any_schedule_gives_the_models_own_answers_and_leaves_nothing(
    machine: type[EngineMachine], examples: int
) -> None:
    budget = settings(
        max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=budget)
