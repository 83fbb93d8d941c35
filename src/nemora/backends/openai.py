"""Any OpenAI-compatible server as a backend: a cloud, or a llama.cpp, vLLM, NIM or Ollama on this side.

Only what `chat_body` builds is sent; the rest stands in `RemoteBackend`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from nemora.backends.openai_answer import AnswerReader
from nemora.backends.openai_body import Dialect, chat_body, encode
from nemora.backends.remote import Remote, RemoteBackend
from nemora.core import ChatRequest

__all__ = ["OpenAIBackend", "chat_body"]


class OpenAIBackend(RemoteBackend):
    """A server that speaks chat completions."""

    path = "/chat/completions"

    def __init__(self, remote: Remote) -> None:
        super().__init__(remote)
        self._dialect: Dialect = "openai" if _is_openai(urlsplit(remote.base_url).hostname or "") else "compatible"

    def own_headers(self, api_key: str | None) -> dict[str, str]:
        return {"authorization": f"Bearer {api_key}"} if api_key else {}

    def outbound(self, request: ChatRequest) -> bytes:
        """The body that `stream` sends for `request`, byte for byte."""
        return encode(chat_body(request, self.model, dialect=self._dialect))

    def reader(self, request: ChatRequest) -> AnswerReader:
        return AnswerReader(self.name, frozenset(tool.name for tool in request.tools))


def _is_openai(host: str) -> bool:
    return host == "api.openai.com" or host.endswith((".api.openai.com", ".openai.azure.com"))
