"""A server that speaks Anthropic's Messages as a backend; see `RemoteBackend` for what all remote servers share."""

from __future__ import annotations

from nemora.backends.anthropic_answer import MessageReader
from nemora.backends.anthropic_body import carries, messages_body
from nemora.backends.openai_body import encode
from nemora.backends.remote import Remote, RemoteBackend
from nemora.backends.signed_thinking import SignedThinking
from nemora.core import ChatRequest

VERSION = "2023-06-01"


class AnthropicBackend(RemoteBackend):
    """A server that speaks Messages."""

    path = "/messages"

    def __init__(self, remote: Remote) -> None:
        super().__init__(remote)
        self._signed = SignedThinking()

    def own_headers(self, api_key: str | None) -> dict[str, str]:
        return {"anthropic-version": VERSION} | ({"x-api-key": api_key} if api_key else {})

    def outbound(self, request: ChatRequest) -> bytes:
        """The body that `stream` sends for `request`, byte for byte; raises what `messages_body` raises."""
        return encode(messages_body(request, self.model, self._signed))

    def carries(self, request: ChatRequest) -> bool:
        """Whether it can be sent the request's documents: PDF, plain text, and four kinds of pictures."""
        return carries(request)

    def reader(self, request: ChatRequest) -> MessageReader:
        return MessageReader(self.name, frozenset(tool.name for tool in request.tools), self._signed)
