"""A stream of deltas that has taken its first step: whether its server can be reached is known, and nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from types import TracebackType

from nemora.core import Delta
from nemora.errors import BackendUnreachable, NemoraError


async def started(deltas: AsyncGenerator[Delta, None]) -> AsyncGenerator[Delta, None]:
    """`deltas`, after its first step. Every failure but one is kept for whoever takes the first delta.

    Raises:
        BackendUnreachable: no connection was made, so no byte of the request has left.
    """
    try:
        return _Started(deltas, await anext(deltas, None), None)
    except BackendUnreachable:
        raise
    except NemoraError as error:
        return _Started(deltas, None, error)
    except BaseException:
        await deltas.aclose()
        raise


class _Started(AsyncGenerator[Delta, None]):
    """Gives the first delta, or raises the first error, that was taken from `rest` already. Closing closes `rest`."""

    def __init__(self, rest: AsyncGenerator[Delta, None], first: Delta | None, error: NemoraError | None) -> None:
        self._rest, self._first, self._error = rest, first, error

    async def asend(self, value: None) -> Delta:
        first, error = self._first, self._error
        self._first = self._error = None
        if error is not None:
            raise error
        return first if first is not None else await self._rest.asend(value)

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: object = None,
        tb: TracebackType | None = None,
        /,
    ) -> Delta:
        self._first = self._error = None
        return await self._rest.athrow(typ if isinstance(typ, BaseException) else typ(val))

    async def aclose(self) -> None:
        self._first = self._error = None
        await self._rest.aclose()
