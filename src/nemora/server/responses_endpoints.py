"""The endpoints of OpenAI's Responses: make one, and fetch, list or delete what is stored of it."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nemora.core import Json
from nemora.errors import RequestError, UnknownResponse, UnsupportedField
from nemora.server.answering import Answering
from nemora.server.caller import asking_caller
from nemora.server.openai_responses import INCLUDE_NOTHING, PATH
from nemora.server.openai_responses_format import OpenAIResponses
from nemora.server.responses_store import ResponseStore, StoredResponse
from nemora.server.wire_format import WireFormat

MOST_ITEMS = 100
DEFAULT_ITEMS = 20


class ResponsesEndpoints:
    """One method per endpoint. `answering` makes the endpoint of a wire format; each tenant has one of its own."""

    def __init__(self, answering: Callable[[WireFormat], Answering], store: ResponseStore | None = None) -> None:
        self._answering = answering
        self.store = ResponseStore() if store is None else store

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route(PATH, self.create, methods=["POST"]),
            Route(PATH + "/{id}", self.retrieve, methods=["GET"]),
            Route(PATH + "/{id}", self.delete, methods=["DELETE"]),
            Route(PATH + "/{id}/input_items", self.input_items, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Answer a request."""
        return await self._answering(OpenAIResponses(self.store, tenant_of(request))).respond(request)

    async def retrieve(self, request: Request) -> Response:
        """A stored response, as its client got it."""
        _query(request, "stream", "include", "include[]", "starting_after", "include_obfuscation")
        if request.query_params.get("stream", "false") != "false":
            raise UnsupportedField("A stored response is not streamed again; leave stream out.", param="stream")
        return JSONResponse(dict(self._stored(request).response))

    async def delete(self, request: Request) -> Response:
        """Drop a stored response. Those that went on from it keep what they hold of it."""
        _query(request)
        if not self.store.delete(tenant_of(request), request.path_params["id"]):
            raise _unknown()
        return JSONResponse({"id": request.path_params["id"], "object": "response", "deleted": True})

    async def input_items(self, request: Request) -> Response:
        """The items of a stored response's input, and of the conversation that it went on from."""
        _query(request, "after", "limit", "order", "include", "include[]")
        items = list(self._stored(request).items)
        order = request.query_params.get("order", "desc")
        if order not in ("asc", "desc"):
            raise RequestError("order must be asc or desc.", param="order")
        if order == "desc":
            items.reverse()
        after = request.query_params.get("after")
        if after is not None:
            places = [place for place, item in enumerate(items) if item["id"] == after]
            if not places:
                raise RequestError("after names no item of this response.", param="after")
            items = items[places[0] + 1 :]
        data: list[Json] = list(items[: _limit(request.query_params.get("limit"))])
        ids = [item["id"] for item in items[: len(data)]]
        return JSONResponse(
            {
                "object": "list",
                "data": data,
                "first_id": ids[0] if ids else "",
                "last_id": ids[-1] if ids else "",
                "has_more": len(items) > len(data),
            }
        )

    def _stored(self, request: Request) -> StoredResponse:
        found = self.store.get(tenant_of(request), request.path_params["id"])
        if found is None:
            raise _unknown()
        return found


def tenant_of(request: Request) -> str:
    """Whose request it is. Raises `KeyNotAllowed`: one who only administers."""
    return asking_caller(request).tenant


def _query(request: Request, *known: str) -> None:
    """Refuse what else is asked in the address. `include` may ask for what has no effect."""
    if not set(request.query_params) <= set(known):
        names = f"known are: {', '.join(known)}" if known else "none is known"
        raise UnsupportedField(f"The address asks for something that is not known here; {names}.")
    for name in ("include", "include[]"):
        if not set(request.query_params.getlist(name)) <= INCLUDE_NOTHING:
            raise UnsupportedField("include asks for what is not supported; leave it out.", param="include")


def _limit(value: str | None) -> int:
    if value is None:
        return DEFAULT_ITEMS
    if not value.isascii() or not value.isdigit() or len(value) > 3 or not 1 <= int(value) <= MOST_ITEMS:
        raise RequestError(f"limit must be an integer from 1 to {MOST_ITEMS}.", param="limit")
    return int(value)


def _unknown() -> UnknownResponse:
    return UnknownResponse("There is no stored response of that id: it was not stored, or it has been dropped since.")
