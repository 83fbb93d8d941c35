"""The real server in a process of its own; only the local model is a script, which repeats what it was told.

python scripted_server.py CONFIG DOWN      while the file DOWN exists, the local model is dead
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

from nemora.backends.base import Trust
from nemora.core import ChatRequest, Delta, StopReason, Usage
from nemora.errors import LocalModelDown
from nemora.server.app import build_app
from nemora.server.listen import bind, run
from nemora.server.run import banner, build_gateway
from nemora.settings import load_settings


class Parrot:
    """Says everything back, so that a secret is in the answer too."""

    name = "parrot"
    model = "parrot-1"
    trust: Trust = "local"

    def __init__(self, down: Path) -> None:
        self._down = down

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        if not await self.ready():
            raise LocalModelDown("The local model has stopped.")
        yield Delta(text="You said: ")
        yield Delta(text=" ".join(message.text() for message in request.messages))
        yield Delta(finish=StopReason.STOP, usage=Usage(1, 1))

    async def ready(self) -> bool:
        return not self._down.exists()

    async def close(self) -> None:
        return None


def main() -> None:
    settings = load_settings(Path(sys.argv[1]))
    listening = bind(settings.server)
    gateway = build_gateway(settings, local=[Parrot(Path(sys.argv[2]))])
    host, port = listening.getsockname()[:2]
    run(build_app(gateway, settings.server, bound=host), listening, banner=banner(host, port, gateway))


if __name__ == "__main__":
    main()
