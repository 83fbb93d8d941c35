"""Ollama's questions about models: which there are, what one is, which are loaded, and the server's version.

What is not known is left empty: nothing here is made up to please a client.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from nemora.backends.base import ComesAndGoes, DescribesItself, Description, Residence
from nemora.core import Json
from nemora.errors import RequestError, UnknownModel
from nemora.server.broken_stream import ended_by_error
from nemora.server.caller import caller_of
from nemora.server.fields import an_object, flag, model_name, neutral_only, only
from nemora.server.gateway import Gateway
from nemora.server.limits import read_body, unless_gone
from nemora.server.model_pull import ModelPulls
from nemora.server.ollama_answer import OllamaWriter, line
from nemora.server.streamed import Streamed
from nemora.server.wire import parse_json
from nemora.settings import ServerSettings

OLLAMA_PATHS = ("/api/tags", "/api/ps", "/api/version", "/api/show", "/api/pull", "/api/embed")
API_VERSION = "0.12.0"
"""The version of Ollama's API that is spoken: clients ask for at least some version."""
FOREVER = timedelta(days=100 * 365)
"""Ollama's own client says "Forever" of what is that far away."""


class OllamaModels:
    """The endpoints. None of them asks a model; only `pull` reaches another machine, by a process of its own."""

    def __init__(self, gateway: Gateway, settings: ServerSettings, pulls: ModelPulls | None = None) -> None:
        self._gateway = gateway
        self._pulls = pulls
        self._settings = settings
        self._started = datetime.now(UTC)

    def routes(self) -> Sequence[BaseRoute]:
        """One for each path."""
        return (
            Route("/api/tags", self.tags),
            Route("/api/ps", self.loaded),
            Route("/api/version", self.version),
            Route("/api/show", self.show, methods=["POST"]),
            Route("/api/pull", self.pull, methods=["POST"]),
        )

    async def tags(self, _request: Request) -> Response:
        """All names that may be asked for."""
        return JSONResponse({"models": [self._entry(name) for name in self._gateway.models()]})

    async def loaded(self, _request: Request) -> Response:
        """The models that are in memory, and until when if nobody asks."""
        entries = []
        for backend in self._gateway.local:
            if not isinstance(backend, DescribesItself):
                continue
            residence = backend.residence() if isinstance(backend, ComesAndGoes) else Residence(math.inf)
            about = backend.describe()
            if residence is not None and about is not None:
                context = {"context_length": about.context_length}
                entries.append(self._entry(backend.model) | _expiry(residence) | context)
        embedder = self._gateway.embedder
        if embedder is not None and (residence := embedder.residence()) is not None:
            entries.append(self._entry(embedder.name) | _expiry(residence) | {"context_length": embedder.context})
        return JSONResponse({"models": entries})

    async def version(self, _request: Request) -> Response:
        return JSONResponse({"version": API_VERSION})

    async def show(self, request: Request) -> Response:
        """What is known of one model."""
        name = await self._named(request)
        about = self._about(name)
        info: dict[str, Json] = {}
        if about is not None:
            family = about.architecture
            info = {"general.architecture": family, f"{family}.context_length": about.context_length}
        return JSONResponse(
            {
                "modelfile": "",
                "parameters": "",
                "template": "",
                "modified_at": self._started.isoformat(),
                "details": _details(about),
                "model_info": info,
                "capabilities": _capabilities(about),
            }
        )

    async def pull(self, request: Request) -> Response:
        """Fetch a model and let it be asked; one that is served is there already."""
        name, asked = await self._asked(request)
        only(asked, ("model", "name", "stream", "insecure"), "")
        neutral_only(asked, {"insecure": (False,)})
        stream = flag(asked.get("stream"), "/stream")
        if self._served(name) is not None:
            return JSONResponse({"status": "success"})
        if self._pulls is None:
            raise RequestError("This server fetches no models.", param="/model")
        name = name.removesuffix(":latest")
        self._pulls.check(name, caller_of(request))
        pieces = self._pulls.pull(name)
        if stream is False:
            return await unless_gone(request.receive, _whole(pieces))
        return Streamed(_pulled(pieces), OllamaWriter.media_type)

    async def _named(self, request: Request) -> str:
        name, _ = await self._asked(request)
        found = self._served(name)
        if found is None:
            raise UnknownModel("There is no model of that name; GET /api/tags lists the names.", param="model")
        return found

    def _served(self, name: str) -> str | None:
        return next((known for known in (name, name.removesuffix(":latest")) if known in self._gateway.models()), None)

    async def _asked(self, request: Request) -> tuple[str, dict[str, Json]]:
        """The model that a body names, and all of the body."""
        body = await read_body(request.scope, request.receive, max_bytes=64 * 1024, seconds=self._settings.body_seconds)
        table = an_object(parse_json(body), "")
        given = table.get("model") if table.get("model") is not None else table.get("name")
        return model_name(given), table

    def _about(self, name: str) -> Description | None:
        for backend in self._gateway.local:
            if name in ("auto", "local", backend.model) and isinstance(backend, DescribesItself):
                return backend.describe()
        return None

    def _entry(self, name: str) -> dict[str, Json]:
        about = self._about(name)
        return {
            "name": name,
            "model": name,
            "modified_at": self._started.isoformat(),
            "size": about.bytes if about is not None else 0,
            # Of the name: clients tell entries apart by it.
            "digest": hashlib.sha256(name.encode()).hexdigest(),
            "details": _details(about),
        }


def _pulled(pieces: AsyncGenerator[dict[str, Json], None]) -> AsyncGenerator[bytes, None]:
    """What is fetched, as Ollama tells it: a line for each step, the last of success or of why there is none."""

    async def lines() -> AsyncGenerator[bytes, None]:
        yield line({"status": "pulling manifest"})
        async with aclosing(pieces):
            async for piece in pieces:
                yield line(_status(piece))
        yield line({"status": "success"})

    return ended_by_error(lines(), lambda error: (line({"error": error.message}),))


async def _whole(pieces: AsyncGenerator[dict[str, Json], None]) -> Response:
    async with aclosing(pieces):
        async for _ in pieces:
            continue
    return JSONResponse({"status": "success"})


def _status(piece: dict[str, Json]) -> dict[str, Json]:
    """One line of Ollama's for what a pull says. Its digest is of the file's name: clients tell files apart by it."""
    if "file" in piece:
        file = str(piece["file"])
        digest = "sha256:" + hashlib.sha256(file.encode()).hexdigest()
        return {"status": f"pulling {file}", "digest": digest, "total": piece["total"], "completed": piece["done"]}
    if "path" in piece:
        return {"status": "verifying sha256 digest"}
    if "serves" in piece:
        return {"status": f"serving {piece['serves']}" if piece["serves"] else "fetched, and not served here"}
    return {"status": str(piece.get("note", ""))}


def _expiry(residence: Residence) -> dict[str, Json]:
    left = timedelta(seconds=min(residence.seconds_left, FOREVER.total_seconds()))
    return {"expires_at": (datetime.now(UTC) + left).isoformat(), "size_vram": 0}


def _details(about: Description | None) -> dict[str, Json]:
    family = about.architecture if about is not None else ""
    return {
        "parent_model": "",
        "format": about.kind if about is not None else "",
        "family": family,
        "families": [family] if family else [],
        "parameter_size": "",
        "quantization_level": "",
    }


def _capabilities(about: Description | None) -> list[Json]:
    """Of a model elsewhere nothing is known; it is offered tools, and refuses them itself if it has none."""
    if about is None:
        return ["completion", "tools"]
    return ["completion", *(["tools"] if about.calls_tools else []), *(["thinking"] if about.reasons else [])]
