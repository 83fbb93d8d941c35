"""Jobs for test_worker, run in the child."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from typing import Any

from nemora.errors import TemplateError


def make(options: Any) -> Callable[[Any], Any]:
    def job(argument: Any) -> Any:
        what = argument["do"]
        if what == "loop":
            while True:
                pass
        if what == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "swell":
            return len(bytearray(8 * 1024**3))
        if what == "refuse":
            raise TemplateError("The template is wrong.")
        if what == "raise":
            raise ValueError("content that must not show")
        if what == "print":
            print("noise on standard output", flush=True)
        if what == "environment":
            return dict(os.environ)
        if what == "process":
            return os.getpid()
        if what == "core limit":
            return resource.getrlimit(resource.RLIMIT_CORE)
        if what == "set":
            return {1, 2}
        return argument.get("value", options)

    return job


def unable(options: Any) -> Callable[[Any], Any]:
    raise ValueError("content that must not show")
