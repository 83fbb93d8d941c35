"""Whoever names a model gets that one or an error, whatever is asked, cancelled, unloaded or broken beside it."""

from __future__ import annotations

import asyncio
import gc
import math
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nemora.backends import model_slot
from nemora.backends.model_slot import FAILED_SECONDS, ModelSlot
from nemora.errors import CorruptCheckpoint, LocalModelDown, ModelError, ModelNotLoaded, ModelReplaced, NemoraError

NAMES = ("one", "two", "broken")


class FakeLoaded:
    def __init__(self, name: str, world: World) -> None:
        self.name, self.world, self.open = name, world, True
        world.now.append(name)
        assert len(world.now) == 1, "two models are loaded"
        world.made.append(weakref.ref(self))

    async def close(self) -> None:
        assert self.open
        waiting = [ask for ask in self.world.asks if ask.waits()]
        if waiting and not any(ask.swap and ask.name != self.name for ask in waiting):
            self.world.gone_without_a_swap.append(self.name)  # an error here would only be logged
        self.open = False
        self.world.now.remove(self.name)


@dataclass
class World:
    now: list[str] = field(default_factory=list)
    made: list[weakref.ref[FakeLoaded]] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    gone_without_a_swap: list[str] = field(default_factory=list)
    """Models that were unloaded although nobody who waits may have that done."""
    loads: int = 0
    loading: bool = False
    held: threading.Event = field(default_factory=threading.Event)
    """Set: a model that is being loaded may be there. A schedule only says for how long it waits for that."""
    load_seconds: float = 0.0

    def load(self, name: str) -> FakeLoaded:
        self.loads += 1
        self.loading = True
        self.held.wait(self.load_seconds)
        self.loading = False
        if name == "broken":
            raise ModelError("It is broken.")
        return FakeLoaded(name, self)

    def slot(
        self,
        *,
        keep_alive: float = math.inf,
        swap_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> ModelSlot[FakeLoaded]:
        first = ("one", FakeLoaded("one", self))
        return ModelSlot(self.load, resident=first, keep_alive=keep_alive, swap_seconds=swap_seconds, clock=clock)


@dataclass
class Ask:
    """One request: it holds its model until `done`."""

    name: str
    done: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False
    swap: bool = True
    asked: bool = False
    task: asyncio.Task[str] | None = None

    async def work(self, model: FakeLoaded) -> str:
        assert model.open and model.name == self.name
        self.began.set()
        await self.done.wait()
        assert model.open
        return model.name

    def start(self, slot: ModelSlot[FakeLoaded], keep_alive: float | None = None) -> Ask:
        self.task = asyncio.create_task(self._run(slot, keep_alive))
        return self

    async def _run(self, slot: ModelSlot[FakeLoaded], keep_alive: float | None) -> str:
        self.asked = True
        return await slot.run(self.name, self.work, keep_alive=keep_alive, swap=self.swap)

    def waits(self) -> bool:
        """Whether it has asked, and was neither given its model nor refused yet."""
        return self.asked and not self.began.is_set() and self.task is not None and not self.task.done()

    async def outcome(self) -> str:
        assert self.task is not None
        try:
            return await self.task
        except asyncio.CancelledError:
            return "cancelled"
        except NemoraError as error:
            return error.code


async def gone(slot: ModelSlot[FakeLoaded]) -> None:
    for _ in range(2000):
        if slot.loaded("one") is None:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the model is still loaded")


async def under_way(world: World, slot: ModelSlot[FakeLoaded], tries: int = 5) -> None:
    """Wait until a model is being loaded, if anybody waits for one; not for ever, as others may still use theirs."""
    for _ in range(tries):
        if world.loading or not slot.waiting:
            return
        await asyncio.sleep(0.001)


async def rounds(count: int) -> None:
    """Let the event loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def older_objects_left_alone() -> Iterator[None]:
    """A collection then looks only at what came after: with all that a whole suite leaves it takes a second."""
    gc.freeze()
    yield
    gc.unfreeze()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "ask", "tell", "finish", "finish", "cancel", "unload", "rest", "load"]),
        st.integers(0, 9),
        st.sampled_from([None, None, 0.0, 0.001, math.inf]),
    ),
    max_size=30,
)


@pytest.mark.usefixtures("older_objects_left_alone")
@settings(max_examples=60)
@given(
    steps=STEPS, keep_alive=st.sampled_from([0.0, 0.001, math.inf]), swap_seconds=st.sampled_from([0.0, 0.002, 60.0])
)
@example(  # who wanted the second goes while it is loaded, and somebody asks the first without a swap
    steps=[("ask", 1, None), ("load", 0, None), ("cancel", 0, None), ("tell", 0, None)],
    keep_alive=math.inf,
    swap_seconds=60.0,
)
def test_any_schedule_gives_each_its_own_model_or_an_error_and_leaves_nothing(
    steps: list[tuple[str, int, float | None]], keep_alive: float, swap_seconds: float
) -> None:
    world = World(load_seconds=0.002)
    asks = world.asks

    async def play() -> None:
        slot = world.slot(keep_alive=keep_alive, swap_seconds=swap_seconds)
        for step, number, seconds in steps:
            if step in ("ask", "tell"):
                asks.append(Ask(NAMES[number % 3], swap=step == "ask").start(slot, seconds))
            elif step == "unload":
                slot.unload(NAMES[number % 2])
            elif step == "rest":
                await asyncio.sleep(0.003)
            elif step == "load":
                await under_way(world, slot)
            elif asks:
                chosen = asks[number % len(asks)]
                chosen.done.set()
                if step == "cancel" and chosen.task is not None:
                    chosen.cancelled |= chosen.task.cancel()
            await asyncio.sleep(0)
        for ask in asks:
            ask.done.set()
        for ask in asks:
            found = await ask.outcome()
            assert (
                found in (ask.name, "model_unavailable" if ask.name == "broken" else "model_replaced")
                or (found == "cancelled" and ask.cancelled)
                or (found == "model_not_loaded" and not ask.swap)
            )
        await slot.close()
        assert world.now == [] and slot.waiting == 0 and not world.gone_without_a_swap
        with pytest.raises(LocalModelDown):
            await Ask("one").start(slot).task  # type: ignore[misc]
        asks.clear()  # their errors hold what they passed through

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_slot, "_give_memory_back", lambda: None)  # takes longer than all the rest
        asyncio.run(play())
    gc.collect()
    assert all(made() is None for made in world.made)


def test_a_swap_waits_until_those_that_run_are_done() -> None:
    async def play() -> None:
        slot = World().slot()
        first, second = Ask("one").start(slot), Ask("two").start(slot)
        await first.began.wait()
        await rounds(20)
        assert not second.began.is_set() and slot.waiting == 1
        first.done.set()
        await second.began.wait()
        assert slot.loaded("two") is not None and slot.loaded("one") is None
        second.done.set()
        assert (await first.outcome(), await second.outcome()) == ("one", "two")
        await slot.close()

    asyncio.run(play())


def test_after_the_deadline_those_that_run_end_with_an_error_that_says_so() -> None:
    async def play() -> None:
        slot = World().slot(swap_seconds=0.01)
        first, second = Ask("one").start(slot), Ask("two").start(slot)
        await second.began.wait()
        with pytest.raises(ModelReplaced, match="one was unloaded") as raised:
            await first.task  # type: ignore[misc]
        assert raised.value.status == 503 and raised.value.retry_after
        second.done.set()
        assert await second.outcome() == "two"
        await slot.close()

    asyncio.run(play())


def test_who_comes_after_one_that_waits_for_another_model_waits_behind() -> None:
    async def play() -> None:
        slot = World().slot()
        running, waiting, late, later = (Ask(name).start(slot) for name in ("one", "two", "one", "two"))
        await running.began.wait()
        running.done.set()
        await waiting.began.wait()
        await later.began.wait()  # who waits for the model that comes in begins with it
        assert not late.began.is_set()
        waiting.done.set(), later.done.set()
        await late.began.wait()
        late.done.set()
        assert await late.outcome() == "one"
        await slot.close()

    asyncio.run(play())


def test_a_swap_that_nobody_wants_any_more_is_not_made() -> None:
    async def play() -> None:
        world = World()
        slot = world.slot()
        running, waiting = Ask("one").start(slot), Ask("two").start(slot)
        await running.began.wait()
        assert waiting.task is not None
        waiting.task.cancel()
        assert await waiting.outcome() == "cancelled"
        running.done.set()
        assert await running.outcome() == "one"
        again = Ask("one").start(slot)
        await again.began.wait()
        again.done.set()
        assert await again.outcome() == "one" and world.loads == 0
        await slot.close()

    asyncio.run(play())


def test_a_model_goes_when_its_time_is_over_and_comes_back_when_asked_for() -> None:
    async def play() -> None:
        world = World()
        slot = world.slot(keep_alive=0.01)
        slot.start()
        await gone(slot)
        assert world.now == []
        ask = Ask("one").start(slot, math.inf)
        await ask.began.wait()
        assert slot.seconds_left() == math.inf
        ask.done.set()
        assert await ask.outcome() == "one" and world.loads == 1
        slot.unload("two")  # is not loaded
        await asyncio.sleep(0.02)
        assert slot.loaded("one") is not None
        slot.unload("one")
        await gone(slot)
        await slot.close()

    asyncio.run(play())


@pytest.mark.parametrize("way", ["request", "settings", "unload"])
def test_the_owner_sleeps_while_a_model_that_is_to_go_is_used(way: str) -> None:
    looks: list[None] = []

    def clock() -> float:
        looks.append(None)  # the owner looks at the clock in each round
        return 0.0

    async def play() -> None:
        slot = World().slot(keep_alive=0.0 if way == "settings" else math.inf, clock=clock)
        ask = Ask("one").start(slot, 0.0 if way == "request" else None)
        await ask.began.wait()
        if way == "unload":
            slot.unload("one")
        await rounds(20)
        looks.clear()
        await rounds(200)
        assert not looks
        ask.done.set()
        assert await ask.outcome() == "one"
        await gone(slot)
        await slot.close()

    asyncio.run(play())


def test_what_fails_unexpectedly_while_loading_is_an_error_without_its_text() -> None:
    def load(_name: str) -> FakeLoaded:
        raise MemoryError("content")

    async def play() -> None:
        slot: ModelSlot[FakeLoaded] = ModelSlot(load)
        with pytest.raises(ModelError, match="two cannot be loaded: MemoryError"):
            await Ask("two").start(slot).task  # type: ignore[misc]
        assert not slot.usable("two") and slot.usable("one")
        await slot.close()

    asyncio.run(play())


@pytest.mark.parametrize(("error", "usable"), [(MemoryError(), True), (CorruptCheckpoint("It is damaged."), False)])
def test_only_a_damaged_model_counts_as_unusable_for_long(error: Exception, usable: bool) -> None:
    now = 5.0

    def load(_name: str) -> FakeLoaded:
        raise error

    async def play() -> None:
        nonlocal now
        slot: ModelSlot[FakeLoaded] = ModelSlot(load, clock=lambda: now)
        assert await Ask("two").start(slot).outcome() in ("model_unavailable", "corrupt_checkpoint")
        assert not slot.usable("two") and slot.usable("one")
        now += FAILED_SECONDS
        assert slot.usable("two") == usable
        await slot.close()

    asyncio.run(play())


def test_the_work_under_way_ends_when_the_slot_is_closed() -> None:
    async def play() -> None:
        slot = World().slot()
        running, waiting = Ask("one").start(slot), Ask("two").start(slot)
        await running.began.wait()
        await slot.close()
        assert (await running.outcome(), await waiting.outcome()) == ("local_model_down", "local_model_down")

    asyncio.run(play())


def test_without_a_swap_the_loaded_model_answers_and_nobody_is_kept_waiting() -> None:
    async def check() -> None:
        world = World()
        slot = world.slot()

        async def use(name: str) -> str:
            async def work(model: FakeLoaded) -> str:
                return model.name

            return await slot.run(name, work, swap=False)

        assert await use("one") == "one"
        with pytest.raises(ModelNotLoaded, match=r"The model one is loaded.*ask two something first"):
            await use("two")
        holds = Ask("one").start(slot)
        await holds.began.wait()
        waits = Ask("two").start(slot)
        await rounds(5)
        for name in ("one", "broken"):  # also the loaded one: who wants two waits for nobody new
            with pytest.raises(ModelNotLoaded, match="two is about to be loaded") as raised:
                await use(name)
            assert raised.value.retry_after == 1
        assert world.loads == 0
        holds.done.set()
        await waits.began.wait()
        assert await use("two") == "two"
        waits.done.set()
        assert await waits.outcome() == "two" and world.loads == 1
        slot.unload("two")
        await rounds(5)
        assert slot.loaded("two") is None
        assert await asyncio.gather(use("one"), use("one")) == ["one", "one"] and world.loads == 2
        await slot.close()

    asyncio.run(check())


def test_without_a_swap_a_model_that_nobody_waits_for_any_more_is_not_unloaded_as_soon_as_it_is_there() -> None:
    async def play() -> None:
        world = World(load_seconds=60.0)
        slot = world.slot()
        wants = Ask("two").start(slot)
        await rounds(2)
        await under_way(world, slot, 5000)
        assert world.loading and wants.task is not None
        wants.task.cancel()
        assert await wants.outcome() == "cancelled" and slot.waiting == 0
        with pytest.raises(ModelNotLoaded, match="two is about to be loaded") as raised:
            await slot.run("one", _name, swap=False)
        assert raised.value.retry_after == 1
        told = asyncio.create_task(slot.run("two", _name, swap=False))
        await rounds(5)
        world.held.set()
        assert await told == "two" and world.loads == 1 and slot.loaded("two") is not None
        await slot.close()

    asyncio.run(play())


async def _name(model: FakeLoaded) -> str:
    return model.name
