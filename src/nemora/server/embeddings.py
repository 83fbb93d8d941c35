"""`POST /v1/embeddings` as OpenAI has it, and Ollama's `POST /api/embed`: vectors of texts, made on this machine.

No decision is made and no row is written: whatever the texts hold, no other machine is ever asked, so there is nothing
to decide. A vector marks no conversation either, since the texts that it later finds come back inside requests, which
are read in full. Callers and their limits are those of every other endpoint.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from nemora.core import Json
from nemora.errors import RequestError, UnknownEndpoint, UnknownModel, UnsupportedField
from nemora.server.caller import asking_caller
from nemora.server.embedder import Embedder
from nemora.server.fields import an_object, flag, keep_alive, model_name, only, text
from nemora.server.gateway import Gateway
from nemora.server.limits import unless_gone
from nemora.server.rate_limits import RateLimits
from nemora.server.receiving import Receiving, ignored_header
from nemora.settings import ServerSettings

if TYPE_CHECKING:
    from nemora.backends.embedding_model import Embedded

MOST_TEXTS = 2048
"""As OpenAI."""
MOST_CHARACTERS = 4_000_000
"""Of all texts together."""
OPENAI_FIELDS = ("model", "input", "encoding_format", "input_type", "user")
OLLAMA_FIELDS = ("model", "input", "truncate", "options", "keep_alive")
IGNORED = ("user", "options")
KINDS = ("query", "passage")


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """What a body asks for. `kind` is what the texts are; `ignored_fields` were given without effect."""

    model: str
    texts: tuple[str, ...]
    as_base64: bool = False
    kind: str | None = None
    ignored_fields: tuple[str, ...] = ()
    keep_alive: float | None = None
    """Seconds that the model stays loaded afterwards."""


class Embeddings:
    """The two endpoints. Without an embedding model they are not there, and say how it is set."""

    def __init__(self, gateway: Gateway, settings: ServerSettings, limits: RateLimits) -> None:
        self._gateway = gateway
        self._receiving = Receiving(settings, limits)

    def routes(self) -> Sequence[BaseRoute]:
        """One for each path."""
        return (
            Route("/v1/embeddings", self.openai, methods=["POST"]),
            Route("/api/embed", self.ollama, methods=["POST"]),
        )

    async def openai(self, request: Request) -> Response:
        return await self._respond(request, ollama=False)

    async def ollama(self, request: Request) -> Response:
        return await self._respond(request, ollama=True)

    async def _respond(self, request: Request, *, ollama: bool) -> Response:
        began = time.monotonic_ns()
        asking_caller(request)  # who may not ask is not told what is loaded
        embedder = self._gateway.embedder
        if embedder is None:
            raise UnknownEndpoint(
                "No embedding model is loaded; set model under [embeddings] in nemora.toml, for example to minilm-l6, "
                "and start the server again."
            )
        received = await self._receiving.receive(request)
        asked = await received.parsed(parse_ollama if ollama else parse_openai)
        _check_model(asked.model, embedder)
        if received.caller.key is not None and asked.keep_alive is not None:  # others may use the model too
            asked = replace(asked, keep_alive=None, ignored_fields=(*asked.ignored_fields, "keep_alive"))
        found = await unless_gone(request.receive, embedder.embed(asked.texts, asked.kind, keep_alive=asked.keep_alive))
        self._receiving.spend(received.caller, found.tokens)
        headers = {**received.left, **ignored_header(asked.ignored_fields)}
        write = _ollama if ollama else _openai
        answer = await asyncio.to_thread(write, found, asked, embedder.name, time.monotonic_ns() - began)
        return JSONResponse(answer, headers=headers)


def parse_openai(body: Json) -> EmbeddingRequest:
    """A body as OpenAI has it, with NVIDIA's `input_type`.

    Raises:
        RequestError: a field is missing or has a wrong type, length or value; `param` points to it.
        UnsupportedField: a field, or this value of it, is not supported.
    """
    table = an_object(body, "")
    only(table, OPENAI_FIELDS, "", unsupported=("dimensions", "truncate"))
    form = table.get("encoding_format")
    if form not in (None, "float", "base64"):
        raise RequestError("/encoding_format must be float or base64.", param="/encoding_format")
    kind = table.get("input_type")
    if kind not in (None, *KINDS):
        raise RequestError(f"/input_type must be one of: {', '.join(KINDS)}.", param="/input_type")
    return EmbeddingRequest(
        model=model_name(table.get("model")),
        texts=_texts(table.get("input")),
        as_base64=form == "base64",
        kind=kind if isinstance(kind, str) else None,
        ignored_fields=_ignored(table),
    )


def parse_ollama(body: Json) -> EmbeddingRequest:
    """A body as Ollama has it. Raises: as `parse_openai`."""
    table = an_object(body, "")
    only(table, OLLAMA_FIELDS, "", unsupported=("dimensions",))
    if flag(table.get("truncate"), "/truncate"):
        raise UnsupportedField("/truncate is not supported; a text that is too long is refused.", param="/truncate")
    return EmbeddingRequest(
        model_name(table.get("model")).removesuffix(":latest"),
        _texts(table.get("input")),
        ignored_fields=_ignored(table),
        keep_alive=keep_alive(table.get("keep_alive")),
    )


def _ignored(table: dict[str, Json]) -> tuple[str, ...]:
    return tuple(field for field in IGNORED if table.get(field) is not None)


def _texts(value: Json) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not 1 <= len(listed) <= MOST_TEXTS:
        raise RequestError(f"/input must be a text, or a list of 1 to {MOST_TEXTS} texts.", param="/input")
    for index, each in enumerate(listed):
        where = f"/input/{index}" if isinstance(value, list) else "/input"
        if isinstance(each, int | list) and not isinstance(each, bool):
            raise UnsupportedField("/input holds token ids, which are not supported; send texts.", param=where)
        text(each, where, empty=False)
    texts = tuple(each for each in listed if isinstance(each, str))
    if sum(map(len, texts)) > MOST_CHARACTERS:
        raise RequestError(f"/input must have at most {MOST_CHARACTERS} characters; send fewer texts.", param="/input")
    return texts


def _check_model(name: str, embedder: Embedder) -> None:
    if name not in (embedder.name, "local", "auto"):
        raise UnknownModel("There is no embedding model of that name; GET /v1/models lists the names.", param="/model")


def _openai(found: Embedded, asked: EmbeddingRequest, model: str, _nanoseconds: int) -> dict[str, Json]:
    data: list[Json] = []
    for index, vector in enumerate(found.vectors.numpy().astype("<f4")):
        form: Json = base64.b64encode(vector.tobytes()).decode("ascii") if asked.as_base64 else vector.tolist()
        data.append({"object": "embedding", "index": index, "embedding": form})
    usage: dict[str, Json] = {"prompt_tokens": found.tokens, "total_tokens": found.tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def _ollama(found: Embedded, _asked: EmbeddingRequest, model: str, nanoseconds: int) -> dict[str, Json]:
    return {
        "model": model,
        "embeddings": found.vectors.tolist(),
        "total_duration": nanoseconds,
        "load_duration": 0,
        "prompt_eval_count": found.tokens,
    }
