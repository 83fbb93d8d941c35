"""A request as every endpoint that reads a body takes it in: who asks, how much it may still ask, and the body.

The order is the same everywhere: a key that asks no model, then one that has asked too much, then the body's size and
time, then what the body holds. So a client that may not ask learns nothing of what it sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request

from nemora.core import Json
from nemora.server.caller import Caller, asking_caller, caller_of
from nemora.server.limits import read_body
from nemora.server.rate_limits import RateLimits
from nemora.server.wire import parse_json
from nemora.settings import ServerSettings

T = TypeVar("T")

PARSE_IN_THREAD_BYTES = 64 * 1024
IGNORED_HEADER = "x-nemora-ignored-fields"


@dataclass(frozen=True, slots=True)
class Received:
    """A body, whose it is, and the headers that say how much the caller may still ask."""

    caller: Caller
    body: bytes
    left: Mapping[str, str]

    async def parsed(self, parse: Callable[[Json], T]) -> T:
        """What `parse` makes of the body's JSON; of a large body on a thread, as the event loop computes nothing.

        Raises:
            RequestError: the body is no JSON, or what `parse` raises.
        """
        if len(self.body) > PARSE_IN_THREAD_BYTES:
            return await asyncio.to_thread(lambda: parse(parse_json(self.body)))
        return parse(parse_json(self.body))


class Receiving:
    """Takes requests in, within the limits of the server and of each caller's key."""

    def __init__(self, settings: ServerSettings, limits: RateLimits) -> None:
        self._settings = settings
        self._limits = limits

    async def receive(self, request: Request, *, orders: bool = False) -> Received:
        """The body of `request`, which counts for its caller's key.

        `orders`: it may be an order about models, of a key that asks none; whoever reads it must see to that.

        Raises:
            KeyNotAllowed: the key asks no model.
            Overloaded: it has asked as much as it may.
            BodyTooLarge, SlowRequest, ClientGone: as `read_body`.
        """
        caller = caller_of(request) if orders else asking_caller(request)
        left = self._limits.admit(caller.key) if caller.key is not None else {}
        body = await read_body(
            request.scope,
            request.receive,
            max_bytes=self._settings.max_body_bytes,
            seconds=self._settings.body_seconds,
        )
        return Received(caller, body, left)

    def spend(self, caller: Caller, tokens: int) -> None:
        """Count what an answer took."""
        self._limits.spend(caller.key, tokens)


def ignored_header(fields: Collection[str]) -> dict[str, str]:
    """The header that names what was accepted without effect; none where there is nothing to name."""
    return {IGNORED_HEADER: ",".join(fields)} if fields else {}
