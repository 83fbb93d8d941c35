"""Ollama's two ways to ask a model, as APIs of the server."""

from __future__ import annotations

from nemora.core import Json
from nemora.errors import NemoraError
from nemora.server.ollama_answer import OllamaWriter, error_line
from nemora.server.ollama_request import parse_chat, parse_generate
from nemora.server.wire_format import ParsedRequest, Settled


class OllamaChat:
    """A `WireFormat`."""

    def parse(self, body: Json) -> ParsedRequest | Settled:
        return parse_chat(body)

    def writer(self, model: str, _parsed: ParsedRequest) -> OllamaWriter:
        return OllamaWriter(model, chat=True)

    def error(self, error: NemoraError) -> bytes:
        return error_line(error)


class OllamaGenerate:
    """A `WireFormat`."""

    def parse(self, body: Json) -> ParsedRequest | Settled:
        return parse_generate(body)

    def writer(self, model: str, _parsed: ParsedRequest) -> OllamaWriter:
        return OllamaWriter(model, chat=False)

    def error(self, error: NemoraError) -> bytes:
        return error_line(error)
