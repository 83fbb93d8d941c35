"""Any OpenAI-compatible server as a backend: a cloud, or a llama.cpp, vLLM, NIM or Ollama on this side.

Only what `chat_body` builds is sent; the rest stands in `RemoteBackend`.
"""

from __future__ import annotations

import dataclasses
from urllib.parse import urlsplit

from nemora.backends.document_text import has_text, with_texts
from nemora.backends.openai_answer import AnswerReader
from nemora.backends.openai_body import Dialect, chat_body, encode
from nemora.backends.remote import Remote, RemoteBackend
from nemora.core import ChatRequest, OpaquePart

__all__ = ["OpenAIBackend", "chat_body"]

LOCAL_CHARACTERS = 200_000
"""Of documents in a request to a server on this side, whose context is not known."""


class OpenAIBackend(RemoteBackend):
    """A server that speaks chat completions."""

    path = "/chat/completions"

    def __init__(self, remote: Remote) -> None:
        super().__init__(remote)
        self._dialect: Dialect = "openai" if _is_openai(urlsplit(remote.base_url).hostname or "") else "compatible"

    def own_headers(self, api_key: str | None) -> dict[str, str]:
        return {"authorization": f"Bearer {api_key}"} if api_key else {}

    def outbound(self, request: ChatRequest) -> bytes:
        """The body that `stream` sends for `request`, byte for byte. A server on this side gets documents as text."""
        if self.trust == "local" and request.opaque_parts():
            told = with_texts(request.messages, room=LOCAL_CHARACTERS, size=len, keep=lambda part: not _is_told(part))
            request = dataclasses.replace(request, messages=told)
        return encode(chat_body(request, self.model, dialect=self._dialect))

    def reader(self, request: ChatRequest) -> AnswerReader:
        return AnswerReader(self.name, frozenset(tool.name for tool in request.tools), request.choices)


def _is_told(part: OpaquePart) -> bool:
    """Pictures and what has no text are for the server's own eyes."""
    return has_text(part) and part.read is not None and part.read.kind != "image"


def _is_openai(host: str) -> bool:
    return host == "api.openai.com" or host.endswith((".api.openai.com", ".openai.azure.com"))
