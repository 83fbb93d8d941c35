"""Text to tokens and back, by the model in this process. Nothing is asked of a model, and nothing is ever forwarded.

The shapes are vLLM's: a prompt as it stands, or a conversation by the model's chat template.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nemora.backends.base import Backend, Tokenizes, at_hand
from nemora.core import ChatRequest, Json, Message
from nemora.errors import RequestError, UnknownModel
from nemora.server.fields import a_list, an_object, integer, model_name, neutral_only, only, text
from nemora.server.gateway import Gateway
from nemora.server.openai_chat import parse_chat_request
from nemora.server.rate_limits import RateLimits
from nemora.server.receiving import Receiving
from nemora.server.sampling_fields import MAX_TOKENS
from nemora.settings import ServerSettings

CHAT = frozenset({"messages", "tools", "chat_template_kwargs", "reasoning_effort"})
NEUTRAL: Mapping[str, tuple[Json, ...]] = {
    "add_special_tokens": (True,),
    "add_generation_prompt": (True,),
    "continue_final_message": (False,),
    "return_token_strs": (False,),
    "chat_template": (),
    "mm_processor_kwargs": (),
}
"""Fields of vLLM that are not supported, with the values that ask for nothing; null always does."""
MAX_IDS = 1_000_000


class Tokenization:
    """The endpoints. Of the backends of this side, those whose model runs here can tell its tokens."""

    def __init__(self, gateway: Gateway, settings: ServerSettings, limits: RateLimits) -> None:
        self._receiving = Receiving(settings, limits)
        self._gateway = gateway

    async def tokenize(self, request: Request) -> Response:
        """The tokens of a prompt, or of a conversation as the model reads it."""
        received = await self._receiving.receive(request)
        name, asked = await received.parsed(parse_tokenize)
        model = self._model(name)
        tokens = await model.tokenize(asked)
        self._receiving.spend(received.caller, len(tokens))
        return JSONResponse(
            {"count": len(tokens), "max_model_len": model.context, "tokens": tokens, "token_strs": None}
        )

    async def detokenize(self, request: Request) -> Response:
        """The text of tokens."""
        received = await self._receiving.receive(request)
        name, tokens = await received.parsed(parse_detokenize)
        (told,) = await self._model(name).detokenize([tokens])
        return JSONResponse({"prompt": told})

    def _model(self, name: str | None) -> Tokenizes:
        """The model of that name; None: the one that is loaded. A model is loaded for this only where none is."""
        known: list[Backend] = [backend for backend in self._gateway.local if isinstance(backend, Tokenizes)]
        if name is None and known:
            known, name = [at_hand(known)], "local"
        for backend in known:
            if isinstance(backend, Tokenizes) and name in ("auto", "local", backend.name, backend.model):
                return backend
        raise UnknownModel("No model of that name runs in this server, so its tokens are not known.", param="/model")


def parse_tokenize(body: Json) -> tuple[str | None, ChatRequest]:
    """The model that a tokenize request names, and what it asks the tokens of. Raises `RequestError`."""
    table = an_object(body, "")
    only(table, {"model", "prompt"} | CHAT | NEUTRAL.keys(), "")
    neutral_only(table, NEUTRAL)
    name = _model_of(table)
    model = name or "local"
    if ("prompt" in table) == ("messages" in table):
        raise RequestError("The body must hold either /prompt or /messages.")
    if "messages" in table:
        return name, parse_chat_request({"model": model, **{k: v for k, v in table.items() if k in CHAT}}).request
    only(table, {"model", "prompt"} | NEUTRAL.keys(), "")
    return name, ChatRequest(model=model, messages=(Message("user", text(table["prompt"], "/prompt")),), raw=True)


def parse_detokenize(body: Json) -> tuple[str | None, list[int]]:
    """The model, if one is named, and the tokens of a detokenize request. Raises `RequestError`."""
    table = an_object(body, "")
    only(table, {"model", "tokens"}, "")
    tokens = a_list(table.get("tokens"), "/tokens")
    if len(tokens) > MAX_IDS:
        raise RequestError(f"/tokens must hold at most {MAX_IDS} ids.", param="/tokens")
    ids = [integer(token, f"/tokens/{i}", 0, MAX_TOKENS) for i, token in enumerate(tokens)]
    if None in ids:
        raise RequestError("/tokens must hold ids only, and no null.", param="/tokens")
    return _model_of(table), [token_id for token_id in ids if token_id is not None]


def _model_of(table: Mapping[str, Json]) -> str | None:
    """vLLM lets a client leave the model out."""
    value = table.get("model")
    return None if value is None else model_name(value)
