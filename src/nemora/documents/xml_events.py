"""XML from untrusted files: events from expat, with no entities of its own, no network and bounded depth."""

from __future__ import annotations

from typing import Any, Protocol
from xml.parsers import expat

from nemora.documents.reading import Unreadable

DEEPEST = 1000


class XmlHandler(Protocol):
    """Names are (namespace, local name); "" is no namespace."""

    def start(self, namespace: str, name: str, attributes: list[tuple[str, str, str]]) -> None: ...
    def end(self, namespace: str, name: str) -> None: ...
    def data(self, text: str) -> None: ...
    def aside(self, text: str) -> None:
        """A comment or a processing instruction."""


def parse_xml(source: bytes, handler: XmlHandler) -> None:
    """Raises:
    Unreadable: it is not well-formed, or declares entities ("damaged").
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.specified_attributes = True
    _Adapter(parser, handler)
    try:
        parser.Parse(source, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Unreadable("damaged") from error


class _Adapter:
    def __init__(self, parser: Any, handler: XmlHandler) -> None:
        self._handler = handler
        self._depth = 0
        self._names: dict[str, tuple[str, str]] = {}
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = handler.data
        parser.CommentHandler = handler.aside
        parser.ProcessingInstructionHandler = lambda target, text: handler.aside(f"{target} {text}")
        parser.EntityDeclHandler = parser.SkippedEntityHandler = parser.ExternalEntityRefHandler = _refuse

    def _start(self, name: str, pairs: list[str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise Unreadable("too_large")
        namespace, local = self._split(name)
        attributes = [(*self._split(pairs[i]), pairs[i + 1]) for i in range(0, len(pairs), 2)]
        self._handler.start(namespace, local, attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._handler.end(*self._split(name))

    def _split(self, name: str) -> tuple[str, str]:
        found = self._names.get(name)
        if found is None:
            namespace, _, local = name.rpartition(" ")
            found = self._names[name] = (namespace, local)
        return found


def _refuse(*_: object) -> int:
    raise Unreadable("damaged")
