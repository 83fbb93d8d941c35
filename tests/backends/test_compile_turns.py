"""A grammar that compiles slowly holds up nobody else's: scripted, without a clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from nemora.backends.compile_turns import CompileTurns
from nemora.backends.local import LocalBackend
from nemora.chat.answer_grammar import may_need_grammar
from nemora.core import ChatRequest, Message, ResponseFormat, Tool, ToolChoice
from nemora.errors import Overloaded, RequestError


class Slow:
    """Work that goes on until it is let go."""

    def __init__(self) -> None:
        self._go = threading.Event()
        self.begun = 0
        self.starts = threading.Semaphore(0)

    def __call__(self) -> str:
        self.begun += 1
        self.starts.release()
        assert self._go.wait(60)
        return "slow"

    def let_go(self) -> None:
        self._go.set()


def with_turns(act: Callable[[CompileTurns, Slow], Awaitable[None]], *, seconds: float = 60.0) -> None:
    turns, slow = CompileTurns(3, of_one=2, seconds=seconds), Slow()

    async def run() -> None:
        try:
            await act(turns, slow)
        finally:
            slow.let_go()

    try:
        asyncio.run(run())
    finally:
        turns.close()


async def begun(slow: Slow, count: int) -> None:
    for _ in range(count):
        assert await asyncio.to_thread(slow.starts.acquire, timeout=60)


def test_one_tenants_slow_grammars_delay_no_other_tenant() -> None:
    async def act(turns: CompileTurns, slow: Slow) -> None:
        many = [asyncio.ensure_future(turns.run("a", slow)) for _ in range(20)]
        await begun(slow, 2)
        for _ in range(5):
            assert await turns.run("b", lambda: "fast") == "fast"
        assert slow.begun == 2 and not any(each.done() for each in many)
        slow.let_go()
        assert await asyncio.gather(*many) == ["slow"] * 20

    with_turns(act)


def test_a_slow_grammar_leaves_room_for_others_of_its_own_tenant() -> None:
    async def act(turns: CompileTurns, slow: Slow) -> None:
        held = asyncio.ensure_future(turns.run("a", slow))
        await begun(slow, 1)
        assert [await turns.run("a", lambda: "fast") for _ in range(5)] == ["fast"] * 5
        assert not held.done()
        slow.let_go()
        assert await held == "slow"

    with_turns(act)


def test_who_waits_too_long_is_told_to_come_back_and_what_fails_gives_its_turn_back() -> None:
    async def act(turns: CompileTurns, slow: Slow) -> None:
        held = [asyncio.ensure_future(turns.run("a", slow)) for _ in range(2)]
        await begun(slow, 2)
        with pytest.raises(Overloaded) as caught:
            await turns.run("a", lambda: "never")
        assert caught.value.retry_after
        slow.let_go()
        await asyncio.gather(*held)

        def wrong() -> None:
            raise RequestError("It cannot be enforced.")

        for _ in range(4):
            with pytest.raises(RequestError, match="enforced"):
                await turns.run("a", wrong)
        assert await turns.run("a", lambda: "fast") == "fast"

    with_turns(act, seconds=0.0)


def test_a_client_that_leaves_gives_back_its_place_at_once_and_its_turn_when_the_work_has_ended() -> None:
    async def act(turns: CompileTurns, slow: Slow) -> None:
        held = [asyncio.ensure_future(turns.run("a", slow)) for _ in range(4)]
        await begun(slow, 2)
        for each in held:
            each.cancel()
        assert all(isinstance(e, asyncio.CancelledError) for e in await asyncio.gather(*held, return_exceptions=True))
        waits = asyncio.ensure_future(turns.run("a", lambda: "fast"))
        await turns.run("b", lambda: "fast")
        assert slow.begun == 2 and not waits.done()  # both threads are still at work
        slow.let_go()
        assert await waits == "fast" and slow.begun == 2

    with_turns(act)


class ScriptedModel:
    """Prepares slowly what must follow a grammar."""

    name, grammars = "scripted", None

    def __init__(self, slow: Slow) -> None:
        self._slow = slow

    def prepare(self, request: ChatRequest, tenant: str) -> str:
        return self._slow() if request.response_format is not None else f"plain for {tenant}"

    def close(self) -> None:
        return None


def test_requests_without_a_grammar_never_wait_for_one() -> None:
    slow = Slow()
    backend = LocalBackend(ScriptedModel(slow))  # type: ignore[arg-type]
    plain = ChatRequest(model="m", messages=(Message("user", "a"),))
    formed = ChatRequest(model="m", messages=plain.messages, response_format=ResponseFormat("json_object"))

    async def run() -> None:
        held = [asyncio.ensure_future(backend._prepared("a", formed)) for _ in range(100)]
        await begun(slow, 2)
        assert [await backend._prepared("a", plain) for _ in range(3)] == ["plain for a"] * 3
        slow.let_go()
        assert await asyncio.gather(*held) == ["slow"] * 100
        await backend.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({}, False),
        ({"tools": (Tool("t"),)}, False),
        ({"tools": (Tool("t", strict=True),)}, True),
        ({"tools": (Tool("t"),), "tool_choice": ToolChoice("required")}, True),
        ({"response_format": ResponseFormat("json_object")}, True),
    ],
)
def test_what_may_need_a_grammar_is_known_before_it_is_made(fields: dict[str, object], needs: bool) -> None:
    asked = ChatRequest(model="m", messages=(), **fields)  # type: ignore[arg-type]
    assert may_need_grammar(asked) == needs
