"""Who may talk to the server: one ASGI middleware per question.

A page in a browser on this machine can reach a loopback port. It is kept out by its Host (a rebound DNS
name), its Origin, or the content type that it cannot send without asking first. There is no CORS.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from nemora.errors import ForeignOrigin, NotJson, Unauthorized
from nemora.server.api_keys import ApiKeys
from nemora.server.caller import OWNER, Caller

OPEN_PATHS = ("/health/live",)
BROWSERS_SEND = ("origin", "referer", "sec-fetch-site", "sec-fetch-mode")
"""One of these at least is with every POST of a web page."""


class HostCheck:
    """The Host header must name loopback, the bound address or an allowed host, on any port."""

    def __init__(self, app: ASGIApp, bound: str, allowed: Iterable[str] = ()) -> None:
        self.app = app
        self._bound = ipaddress.ip_address(bound)
        self._names = {"localhost", *(name.lower().rstrip(".") for name in allowed)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            hosts = Headers(scope=scope).getlist("host")
            if len(hosts) != 1 or not self._allows(hosts[0]):
                raise ForeignOrigin(
                    "The Host header names a host that this server does not answer for; use its address, or list "
                    "the name under server.allowed_hosts."
                )
        await self.app(scope, receive, send)

    def _allows(self, header: str) -> bool:
        host = _hostname(header)
        if host is None:
            return False
        if host in self._names:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        # A literal address cannot be rebound. On a wildcard bind any of them may be ours.
        return address.is_loopback or address == self._bound or self._bound.is_unspecified


class OriginCheck:
    """A request from a web page must come from a page of this very server."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            own = {f"http://{headers.get('host', '')}", f"https://{headers.get('host', '')}"}
            if (origin is not None and origin not in own) or headers.get("sec-fetch-site") == "cross-site":
                raise ForeignOrigin("Requests from pages of other origins are refused; call the server from a program.")
        await self.app(scope, receive, send)


class KeyCheck:
    """With API keys, every path but liveness needs one: denied by default, not by a list of prefixes.

    `key` is the server's own, from the settings. Who it was is put into the scope's state as `caller`.
    """

    def __init__(self, app: ASGIApp, key: str | None, keys: ApiKeys | None = None) -> None:
        self.app = app
        self._digest = None if key is None else _digest(key)
        self._keys = keys
        self._needed = key is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["caller"] = OWNER
            if scope["path"] not in OPEN_PATHS and self._is_needed():
                scope["state"]["caller"] = self._caller(_given(Headers(scope=scope)))
        await self.app(scope, receive, send)

    def _is_needed(self) -> bool:
        """Once a key has been needed it always is: that a file is gone opens no door."""
        self._needed = self._needed or (self._keys is not None and self._keys.made)
        return self._needed

    def _caller(self, given: str) -> Caller:
        if self._digest is not None and hmac.compare_digest(_digest(given), self._digest):
            return OWNER
        if self._keys is None:
            raise Unauthorized("This server needs its API key; send it as Authorization: Bearer KEY.")
        key = self._keys.find(given)
        return Caller(key.tenant, key)


def _given(headers: Headers) -> str:
    """The key that a client sent, as OpenAI's clients do or as Anthropic's; "" for none."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


class JsonOnly:
    """A POST body is plain `application/json`: not compressed, and of a type that no HTML form can send.

    Some programs name no type. That is taken for JSON where nothing speaks for a browser, which always says where a
    POST comes from.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            headers = Headers(scope=scope)
            from_page = any(name in headers for name in BROWSERS_SEND)
            kind, _, parameters = headers.get("content-type", "" if from_page else "application/json").partition(";")
            if kind.strip().lower() != "application/json":
                raise NotJson("The content type must be application/json.")
            if parameters.strip() and parameters.strip().lower().replace('"', "") != "charset=utf-8":
                raise NotJson("The content type's only parameter may be charset=utf-8.")
            if headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise NotJson("Compressed bodies are not accepted; send the JSON as it is.")
        await self.app(scope, receive, send)


def _hostname(header: str) -> str | None:
    """The host of a Host header, without port, brackets or a final dot; None when it is not one."""
    if not header or any(c in header for c in "/\\@?# \t,%"):
        return None
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname.rstrip(".") if parts.hostname else None
