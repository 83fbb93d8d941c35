"""A way to an answer that plays a script."""

from __future__ import annotations

from collections.abc import Generator

from nemora.cli.asking import Notice
from nemora.core import ChatRequest
from nemora.errors import BackendError, LocalModelDown

LEFT = Notice(route="cloud", model="far", decision="cloud", reason="class:public")


class ScriptedDoor:
    """Repeats what it was asked. "fail" fails at once, "break" in the middle, "stop" is Ctrl-C in the middle."""

    def __init__(self) -> None:
        self.requests: list[ChatRequest] = []
        self.closed = False

    def answer(self, request: ChatRequest) -> tuple[Notice, Generator[str]]:
        self.requests.append(request)
        text = request.messages[-1].text()
        if text == "fail":
            raise LocalModelDown("The local model is down.")
        return LEFT, self._pieces(text)

    def _pieces(self, text: str) -> Generator[str]:
        yield "echo: "
        if text == "break":
            raise BackendError("It broke off.")
        if text == "stop":
            raise KeyboardInterrupt
        yield text

    def close(self) -> None:
        self.closed = True

    def asked(self) -> list[list[str]]:
        return [[message.text() for message in request.messages] for request in self.requests]
