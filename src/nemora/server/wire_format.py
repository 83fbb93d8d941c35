"""What every API of the server is: a body read into the canonical request, and deltas written in its own shape."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from nemora.core import ChatRequest, Delta, Json
from nemora.errors import NemoraError


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """A request, and the names of the fields that were accepted without effect."""

    request: ChatRequest
    ignored_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """To load a model, or to let it go. `keep_alive`: seconds that it stays loaded after its last use, if it says."""

    model: str
    unload: bool
    keep_alive: float | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A body that asks nothing of a model, only that it is loaded or let go: `value` is the whole answer."""

    order: Order
    value: dict[str, Json]


class AnswerWriter(Protocol):
    """Writes one answer."""

    media_type: str
    """Of a streamed answer."""

    async def whole(self, deltas: AsyncIterator[Delta]) -> dict[str, Json]:
        """The object of an answer that is not streamed.

        Raises:
            NemoraError: the answer failed or broke off.
        """
        ...

    def stream(self, deltas: AsyncIterator[Delta]) -> AsyncIterator[bytes]:
        """The pieces of a streamed answer. An error after the first byte is said in the stream and ends it."""
        ...


class WireFormat(Protocol):
    """One API."""

    def parse(self, body: Json) -> ParsedRequest | Settled:
        """Read a body.

        Raises:
            RequestError: a field has a wrong type or value.
            UnsupportedField: a field, or this value of it, is not supported.
        """
        ...

    def writer(self, model: str, parsed: ParsedRequest) -> AnswerWriter:
        """Who writes the answer that `model` gives to `parsed`."""
        ...

    def error(self, error: NemoraError) -> bytes:
        """The body that says `error` in this API's shape."""
        ...
