"""`python -m nemora.weights.pull_process`: fetches one model, for a server that reaches no hub itself.

One JSON object comes in on standard input: `model`, `cache`, `context`, `device`, `token`. JSON lines go out: what is
being fetched and how much of it is there (`file`, `total`, `done`), `note`, and at the end `path` or `error`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from nemora.core import Json
from nemora.errors import NemoraError
from nemora.weights.catalog import CATALOG
from nemora.weights.family import USUAL_CONTEXT
from nemora.weights.fetch import resolve

SECONDS = 0.2
"""Between two lines about one file."""


class JsonProgress:
    """A `Progress` that writes JSON lines. When nobody reads them any more, writing raises, and the work ends."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._file, self._total, self._done, self._told = "", 0, 0, 0.0

    def start(self, what: str, total: int | None) -> None:
        self._file, self._total, self._done = what, total or 0, 0
        self._tell()

    def advance(self, done: int) -> None:
        if done == self._done:
            return
        self._done = done
        if time.monotonic() - self._told >= SECONDS:
            self._tell()

    def finish(self, ok: bool) -> None:
        if ok:
            self._tell()

    def note(self, line: str) -> None:
        self.say({"note": line})

    def say(self, said: dict[str, Json]) -> None:
        """One line."""
        self._out.write(json.dumps(said) + "\n")
        self._out.flush()

    def _tell(self) -> None:
        self._told = time.monotonic()
        self.say({"file": self._file, "total": self._total, "done": self._done})


def main() -> int:
    """Fetch what standard input asks for."""
    asked = json.loads(sys.stdin.read())
    progress, cache = JsonProgress(sys.stdout), Path(asked["cache"])
    try:
        path = resolve(_meant(asked, cache), cache=cache, progress=progress, token=asked["token"])
    except NemoraError as error:
        progress.say({"error": {"class": type(error).__name__, "message": error.message}})
        return 1
    progress.say({"path": str(path)})
    return 0


def _meant(asked: dict[str, Any], cache: Path) -> str:
    """A name of the catalog as it is; of the family, the repository that is meant."""
    if asked["model"] in CATALOG:
        return str(asked["model"])
    from nemora.weights.family_reference import reference_of  # loads torch

    return reference_of(asked["model"], context=asked["context"] or USUAL_CONTEXT, device=asked["device"], cache=cache)


if __name__ == "__main__":
    sys.exit(main())
