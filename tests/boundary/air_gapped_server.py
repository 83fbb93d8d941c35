"""The real server, air-gapped; its local model tries to reach another machine and says what came of it.

python air_gapped_server.py CONFIG
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nemora.server.run as server_run
from nemora.backends.base import Trust
from nemora.core import ChatRequest, Delta, StopReason, Usage
from nemora.privacy.inspect import Inspection, Inspector
from nemora.privacy.segment import segments
from nemora.settings import load_settings


class Curious:
    """Answers with the name of what it ran into."""

    name, model = "curious", "curious-1"
    trust: Trust = "local"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        try:
            socket.create_connection(("10.99.0.2", 80), timeout=0.3).close()
        except OSError as error:
            yield Delta(text=type(error).__name__)
        yield Delta(finish=StopReason.STOP, usage=Usage(1, 1))

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        return None


class Detectors:
    """Reads in this process, without models: they are not in every cache."""

    def __init__(self) -> None:
        self._inspector = Inspector(None)

    def inspect(self, request: ChatRequest, rules: Any = None) -> Inspection:
        return self._inspector.inspect(segments(request), rules)

    def close(self) -> None:
        return None


def main() -> None:
    build = server_run.build_gateway
    server_run.build_gateway = lambda settings, **_: build(settings, local=[Curious()], inspection=Detectors())  # type: ignore[assignment]
    server_run.serve(load_settings(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
