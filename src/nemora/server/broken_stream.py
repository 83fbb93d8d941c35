"""How a streamed answer says that it failed: its status is sent, so the error is its last piece, in the API's shape."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import TypeVar

from nemora.errors import NemoraError
from nemora.server.envelope import unexpected

T = TypeVar("T")


async def ended_by_error(
    pieces: AsyncGenerator[T, None], say: Callable[[NemoraError], Iterable[T]]
) -> AsyncGenerator[T, None]:
    """`pieces`; where they fail, what `say` makes of the error ends them. Closing it closes them."""
    async with aclosing(pieces):
        try:
            async for piece in pieces:
                yield piece
        except NemoraError as error:
            failed = error
        except Exception as error:  # noqa: BLE001 - the status is sent, so this is the only way to say it
            failed = unexpected(error)
        else:
            return
    for piece in say(failed):
        yield piece
