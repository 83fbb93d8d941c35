"""Who may say when models are loaded, and that it is done."""

from __future__ import annotations

from dataclasses import replace

from nemora.backends.base import ComesAndGoes
from nemora.errors import KeyNotAllowed, UnknownModel
from nemora.server.caller import Caller
from nemora.server.gateway import Gateway
from nemora.server.wire_format import Order, ParsedRequest

ORDER_PATHS = ("/api/chat", "/api/generate")
"""Where a body that asks nothing is an order, which an administrator's key may give too."""


async def carried_out(order: Order, gateway: Gateway, caller: Caller) -> None:
    """Load a model or let it go. A model that does not come and go is there all the while.

    Raises:
        KeyNotAllowed: a key of one of several tenants neither unloads what others use nor puts another in its place.
        UnknownModel: no such model.
        ModelError: it cannot be loaded.
    """
    needs_administrator(caller, "loads and unloads no models, which others may use")
    if order.model not in gateway.models():
        raise UnknownModel("There is no model of that name; GET /v1/models lists the names.", param="/model")
    embedder = gateway.embedder
    if embedder is not None and order.model == embedder.name:
        if order.unload:
            embedder.unload()
        else:
            await embedder.load(order.keep_alive)
        return
    for backend in gateway.local:
        if order.model in ("auto", backend.name, backend.model):
            if isinstance(backend, ComesAndGoes) and order.unload:
                backend.unload()
            elif isinstance(backend, ComesAndGoes):
                await backend.load(order.keep_alive)
            return


def needs_administrator(caller: Caller, cannot: str) -> None:
    """Raise `KeyNotAllowed`, which says what this key does not do, unless it is the owner's or an administrator's."""
    if not caller.administers:
        raise KeyNotAllowed(f"This API key {cannot}; send the owner's or an administrator's.")


def permitted(parsed: ParsedRequest, gateway: Gateway, caller: Caller) -> ParsedRequest:
    """The request, without its `keep_alive` where that has no effect: then it is named as such.

    A key of one of several tenants does not say how long others find the model loaded.
    """
    has_effect = caller.key is None and any(isinstance(backend, ComesAndGoes) for backend in gateway.local)
    if has_effect or parsed.request.keep_alive is None:
        return parsed
    ignored = tuple(sorted({*parsed.ignored_fields, "keep_alive"}))
    return replace(parsed, request=replace(parsed.request, keep_alive=None), ignored_fields=ignored)
