"""A server that is told to stop: what runs may end, what is new is sent away."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from nemora.errors import ShuttingDown

MOST_RETRY_SECONDS = 30


class Drain:
    """From `begin` on for `seconds`."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: float | None = None

    def begin(self) -> None:
        """Harmless if it has begun. Callable from a signal handler."""
        if self._until is None:
            self._until = self._clock() + self._seconds

    @property
    def begun(self) -> bool:
        return self._until is not None

    @property
    def is_over(self) -> bool:
        """Whether its time has passed."""
        return self._until is not None and self._clock() >= self._until

    def refusal(self) -> ShuttingDown:
        """What a new request hears: to come back when this process has ended."""
        left = self._until - self._clock() if self._until is not None else 0.0
        seconds = max(1, min(MOST_RETRY_SECONDS, math.ceil(left)))
        return ShuttingDown("The server is stopping and takes no new requests; ask again later.", retry_after=seconds)


class Draining:
    """Refuses new requests while the server drains. Health checks and metrics always pass."""

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self.app = app
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._drain.begun and not _always_passes(scope["path"]):
            raise self._drain.refusal()
        await self.app(scope, receive, send)


def _always_passes(path: str) -> bool:
    return path.startswith("/health/") or path == "/metrics"
