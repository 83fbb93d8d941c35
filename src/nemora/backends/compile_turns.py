"""Who may compile a grammar now: a client wrote it, and one that compiles slowly must not hold up everybody else's."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from nemora.errors import Overloaded

T = TypeVar("T")

OF_ONE_TENANT = 2
"""At once. Fewer than all together, so that one tenant's slow grammars leave room for others'; and more than one, so
that a tenant's slow grammar leaves room for its own others."""
SECONDS = 10.0
"""The longest wait for a turn: twice what a grammar may take to compile."""


class CompileTurns:
    """Runs work on threads of its own, `at_once` at a time and `of_one` of a tenant. For one event loop at a time.

    The next turn is the tenant's that has the fewest, and of those the one that waits longest. Who waits holds no
    thread, and leaves when its client does; work that was begun keeps its turn until it has ended.
    """

    def __init__(self, at_once: int, of_one: int = OF_ONE_TENANT, seconds: float = SECONDS) -> None:
        self._at_once = at_once
        self._of_one = of_one
        self._seconds = seconds
        self._running: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._threads = ThreadPoolExecutor(at_once, "grammars")

    async def run(self, tenant: str, work: Callable[[], T]) -> T:
        """What `work` returns, once it is the tenant's turn.

        Raises:
            Overloaded: that took too long.
        """
        await self._turn(tenant)
        try:
            running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        except BaseException:
            self._ended(tenant)
            raise
        running.add_done_callback(lambda done: self._ended(tenant, done))
        return await asyncio.shield(running)

    def close(self) -> None:
        """Wait for what runs, and begin nothing more."""
        self._threads.shutdown(cancel_futures=True)

    async def _turn(self, tenant: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        waits = (tenant, turn)
        self._waiting.append(waits)
        self._next()
        try:
            async with asyncio.timeout(self._seconds):
                await asyncio.shield(turn)
        except BaseException as error:
            if turn.done():  # it came at the very moment
                self._ended(tenant)
            else:
                self._waiting.remove(waits)
            if isinstance(error, TimeoutError):
                raise Overloaded(
                    f"Others' grammars took {self._seconds:g} seconds to compile; ask again.", retry_after=5
                ) from None
            raise

    def _next(self) -> None:
        """Give the turns that are free."""
        while self._running.total() < self._at_once:
            may = [each for each in self._waiting if self._running[each[0]] < self._of_one]
            if not may:
                return
            chosen = min(may, key=lambda each: self._running[each[0]])
            self._waiting.remove(chosen)
            self._running[chosen[0]] += 1
            chosen[1].set_result(None)

    def _ended(self, tenant: str, done: asyncio.Future[T] | None = None) -> None:
        if done is not None and not done.cancelled():
            done.exception()  # has been raised, or nobody is left to hear of it
        self._running[tenant] -= 1
        if not self._running[tenant]:
            del self._running[tenant]
        self._next()
