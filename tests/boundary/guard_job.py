"""A job for a worker that tries to reach another machine."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any


def job(_options: Any) -> Callable[[Any], Any]:
    def reach(host: str) -> str:
        try:
            socket.create_connection((host, 53), timeout=0.3).close()
        except OSError as error:
            return type(error).__name__
        return "went"

    return reach
