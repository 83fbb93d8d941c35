"""The real inspection in this process; only the model of names is a list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nemora.core import ChatRequest
from nemora.privacy.inspect import Inspection, Inspector
from nemora.privacy.protocols import Reading as Said
from nemora.privacy.protocols import TaggedSpan
from nemora.privacy.reading import ReadingRules
from nemora.privacy.segment import segments


class ListReader:
    """Names what it was told to, and judges nothing."""

    name = "list"
    names = (("Tilda", "Braunfels"), ("Orla", "Vance"))

    def read(self, texts: Sequence[str]) -> list[Said]:
        return [Said(tuple(self._tags(text)), ()) for text in texts]

    def _tags(self, text: str) -> Iterator[TaggedSpan]:
        for first, last in self.names:
            for match in re.finditer(rf"{first} {last}", text):
                middle = match.start() + len(first)
                yield TaggedSpan("GIVEN_NAME", match.start(), middle, 0.95)
                yield TaggedSpan("SURNAME", middle + 1, match.end(), 0.95)


class Reading:
    """The real inspection, in this process. `second` is what every second reading finds instead, or raises."""

    def __init__(self) -> None:
        self.read: list[ChatRequest] = []
        self.second: Inspection | Exception | None = None
        self._inspector = Inspector(ListReader())

    def inspect(self, request: ChatRequest, rules: ReadingRules | None = None) -> Inspection:
        self.read.append(request)
        if self.second is not None and len(self.read) % 2 == 0:
            if isinstance(self.second, Exception):
                raise self.second
            return self.second
        return self._inspector.inspect(segments(request), rules)

    def close(self) -> None:
        return None
