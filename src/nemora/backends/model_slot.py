"""The one owner of models that share memory: at most one is loaded, and who asks gets the one that he named.

A request for the loaded model begins at once, unless somebody waits for another model: then it waits behind. When a
swap is due, those that run may finish within `swap_seconds`; what is left then ends with `ModelReplaced`. After it
everybody begins who waits for the new model, and the next swap is due. So each model in turn answers for at least
`swap_seconds` if it is asked that long, and nobody waits for ever.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import math
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from nemora.errors import (
    CorruptCheckpoint,
    LocalModelDown,
    ModelError,
    ModelNotLoaded,
    ModelReplaced,
    NemoraError,
    UnsupportedCheckpoint,
)

log = logging.getLogger(__name__)

SWAP_SECONDS = 30.0
FAILED_SECONDS = 30.0
"""For which a model that could not be loaded counts as unusable; only a request tries again, so not for ever."""
LASTING = (CorruptCheckpoint, UnsupportedCheckpoint)
"""Failures that trying again does not mend."""


class Closes(Protocol):
    """What is loaded."""

    async def close(self) -> None:
        """Release threads and memory."""
        ...


M = TypeVar("M", bound=Closes)
T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Lease(Generic[M]):
    """The right of one piece of work to use the model that is loaded."""

    model: M | None
    task: asyncio.Future[Any] | None = None
    ended: NemoraError | None = None

    def end(self, error: NemoraError) -> None:
        """Take the model away: its work is cancelled, and hears `error`."""
        if self.ended is None:
            self.ended = error
            if self.task is not None:
                self.task.cancel()


@dataclass(eq=False, slots=True)
class _Waiter(Generic[M]):
    name: str
    keep_alive: float | None
    granted: asyncio.Future[_Lease[M]]


@dataclass(eq=False, slots=True)
class _Resident(Generic[M]):
    """The loaded model. `idle_since` counts only while nobody uses it."""

    name: str
    model: M
    keep_alive: float
    idle_since: float
    leases: set[_Lease[M]] = field(default_factory=set)


class ModelSlot(Generic[M]):
    """Loads, swaps and unloads. For one event loop; models are loaded on a thread.

    Args:
        load: makes the model of a name; blocking. It may raise `NemoraError`.
        resident: name and model that are loaded already.
        keep_alive: seconds after its last use in which a model stays loaded; `math.inf`: always.
        swap_seconds: in which those that run may finish when another model is asked for.
    """

    def __init__(
        self,
        load: Callable[[str], M],
        *,
        resident: tuple[str, M] | None = None,
        keep_alive: float = math.inf,
        swap_seconds: float = SWAP_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._keep_alive = keep_alive
        self._swap_seconds = swap_seconds
        self._clock = clock
        self._resident = _Resident(*resident, keep_alive, clock()) if resident is not None else None
        self._loading: str | None = None  # goes on when nobody waits for it any more
        self._waiting: list[_Waiter[M]] = []
        self._changed = asyncio.Event()
        self._owner: asyncio.Task[None] | None = None
        self._closing = False
        self._failed: dict[str, float] = {}  # until when a model counts as unusable
        self.loads = 0
        """How often a model was loaded after the first."""

    def start(self) -> None:
        """Begin to look after the model. To be called on the event loop; whoever uses it does that too."""
        if self._owner is None:
            self._owner = asyncio.create_task(self._own())

    async def run(
        self, name: str, work: Callable[[M], Awaitable[T]], *, keep_alive: float | None = None, swap: bool = True
    ) -> T:
        """What `work` makes of the model `name`, which is loaded if need be. Cancelling it gives the model back.

        Args:
            keep_alive: seconds that the model stays loaded afterwards, until somebody says something else.
            swap: whether another model may be unloaded for it; without that it is loaded only where none is.

        Raises:
            ModelNotLoaded: another model is loaded or about to be, and `swap` is off.
            ModelReplaced: another model was asked for, and this took too long.
            LocalModelDown: the slot is closed.
            ModelError: the model cannot be loaded.
        """
        if not swap:
            self._check_unswapped(name)
        lease = await self._lease(name, keep_alive)
        try:
            if lease.ended is not None or lease.model is None:
                raise lease.ended or _down()
            task: asyncio.Future[T] = asyncio.ensure_future(work(lease.model))
            lease.task = task
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if lease.ended is not None and current is not None and not current.cancelling():
                raise lease.ended from None
            raise
        finally:
            self._give_back(lease)

    def unload(self, name: str) -> None:
        """Let a model go as soon as nobody uses it. Harmless if it is not loaded."""
        if self._resident is not None and self._resident.name == name:
            self._resident.keep_alive = 0.0
            self.start()
            self._changed.set()

    def loaded(self, name: str) -> M | None:
        """The model of that name if it is loaded, to look at. Whoever wants it to stay uses `run`."""
        return self._resident.model if self._resident is not None and self._resident.name == name else None

    def seconds_left(self) -> float:
        """In which the loaded model goes if nobody asks; `math.inf`: it stays."""
        resident = self._resident
        if resident is None:
            return 0.0
        used_at = self._clock() if resident.leases else resident.idle_since
        return max(0.0, used_at + resident.keep_alive - self._clock())

    def usable(self, name: str) -> bool:
        """Whether a request for that model has a chance: nothing is closed, and it did not fail to load just now."""
        return not self._closing and self._clock() >= self._failed.get(name, -math.inf)

    @property
    def waiting(self) -> int:
        """Requests that wait for a model to be loaded."""
        return len(self._waiting)

    async def close(self) -> None:
        """End everything that runs or waits with `LocalModelDown`, and release the model."""
        self._closing = True
        self._refuse(self._waiting, _down())
        for lease in self._resident.leases if self._resident is not None else ():
            lease.end(_down())
        self._changed.set()
        if self._owner is not None:
            await self._owner
        await self._drop()

    def _check_unswapped(self, name: str) -> None:
        """That `name` can be had without unloading another model, or keeping one waiting. Raises `ModelNotLoaded`."""
        coming = [self._loading, *(waiter.name for waiter in self._waiting)]
        other = next((each for each in coming if each is not None and each != name), None)
        if other is not None:
            raise ModelNotLoaded(
                f"The model {other} is about to be loaded, and {name} keeps it waiting only to answer; ask again.",
                param="/model",
                retry_after=1,
            )
        if self._resident is not None and self._resident.name != name:
            raise ModelNotLoaded(
                f"The model {self._resident.name} is loaded, and {name} replaces it only to answer; ask {name} "
                "something first, or leave the model out.",
                param="/model",
            )

    async def _lease(self, name: str, keep_alive: float | None) -> _Lease[M]:
        if self._closing:
            raise _down()
        self.start()
        resident = self._resident
        if resident is not None and resident.name == name and not self._waiting:
            return self._grant(resident, keep_alive)
        waiter = _Waiter[M](name, keep_alive, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._changed.set()
        try:
            return await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.done() and not waiter.granted.cancelled() and waiter.granted.exception() is None:
                self._give_back(waiter.granted.result())
            raise
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                self._changed.set()

    def _grant(self, resident: _Resident[M], keep_alive: float | None) -> _Lease[M]:
        if keep_alive is not None:
            resident.keep_alive = keep_alive
        lease = _Lease(resident.model)
        resident.leases.add(lease)
        return lease

    def _give_back(self, lease: _Lease[M]) -> None:
        lease.model = lease.task = None
        resident = self._resident
        if resident is not None and lease in resident.leases:
            resident.leases.remove(lease)
            resident.idle_since = self._clock()
            self._changed.set()

    async def _own(self) -> None:
        """The owner: the only one who loads and drops."""
        while not self._closing:
            self._admit()
            if self._waiting:
                await self._replace(self._waiting[0].name)
            elif self._resident is not None and not self._resident.leases and self.seconds_left() <= 0:
                await self._drop()
            else:
                kept = self._resident is None or bool(self._resident.leases)  # giving back is a change
                await self._change(math.inf if kept else self.seconds_left())

    def _admit(self) -> None:
        """Let everybody begin who waits for the loaded model, if he who waits longest does."""
        resident = self._resident
        if resident is None or not self._waiting or self._waiting[0].name != resident.name:
            return
        for waiter in [each for each in self._waiting if each.name == resident.name]:
            self._waiting.remove(waiter)
            if not waiter.granted.done():
                waiter.granted.set_result(self._grant(resident, waiter.keep_alive))

    async def _replace(self, name: str) -> None:
        """Load the model that he who waits longest has named, when those that run have ended."""
        if not await self._ended(name):
            return
        await self._drop()
        if not self._is_next(name):
            return
        self._loading = name
        try:
            model = await asyncio.to_thread(self._load, name)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear it
            self._failed[name] = math.inf if isinstance(error, LASTING) else self._clock() + FAILED_SECONDS
            self._refuse([each for each in self._waiting if each.name == name], _failure(name, error))
            return
        finally:
            self._loading = None
        self._failed.pop(name, None)
        self.loads += 1
        self._resident = _Resident(name, model, self._keep_alive, self._clock())

    async def _ended(self, name: str) -> bool:
        """Wait until nobody uses the loaded model; False if meanwhile nobody wants `name` in its place."""
        until = self._clock() + self._swap_seconds
        while self._resident is not None and self._resident.leases:
            if not self._is_next(name):
                return False
            if self._clock() >= until:
                for lease in self._resident.leases:
                    lease.end(_replaced(self._resident.name, self._swap_seconds))
                until = math.inf
            await self._change(until - self._clock())
        return self._is_next(name)

    def _is_next(self, name: str) -> bool:
        return not self._closing and bool(self._waiting) and self._waiting[0].name == name

    async def _drop(self) -> None:
        """Release the loaded model, whom nobody uses."""
        resident, self._resident = self._resident, None
        if resident is None:
            return
        try:
            await resident.model.close()
        except Exception as error:  # noqa: BLE001 - the next model must be loaded all the same
            log.error("a model could not be closed: %s", type(error).__name__)
        del resident
        await asyncio.to_thread(_give_memory_back)

    async def _change(self, seconds: float) -> None:
        """Wait until something has changed, and no longer than that."""
        loop = asyncio.get_running_loop()
        timer = loop.call_later(max(0.0, seconds), self._changed.set) if seconds < math.inf else None
        await self._changed.wait()
        self._changed.clear()
        if timer is not None:
            timer.cancel()

    def _refuse(self, waiters: list[_Waiter[M]], error: NemoraError) -> None:
        for waiter in list(waiters):
            self._waiting.remove(waiter)
            if not waiter.granted.done():
                waiter.granted.set_exception(error)


def _give_memory_back() -> None:
    """Collect what refers to itself, as threads and callbacks do, and return it to the system where glibc keeps it."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _failure(name: str, error: Exception) -> NemoraError:
    if isinstance(error, NemoraError):
        return error
    log.error("loading %s failed with %s", name, type(error).__name__)
    return ModelError(f"The model {name} cannot be loaded: {type(error).__name__}.")


def _replaced(name: str, seconds: float) -> ModelReplaced:
    return ModelReplaced(
        f"The model {name} was unloaded for another one after {seconds:g} seconds more; ask again, or for a shorter "
        "answer.",
        retry_after=1,
    )


def _down() -> LocalModelDown:
    return LocalModelDown("The local model is not running; the server is stopping.", retry_after=5)
