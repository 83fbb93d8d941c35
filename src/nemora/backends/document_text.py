"""The text of documents in place of the documents, for models that read text only."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from nemora.core import Message, OpaquePart, Part, ReadDocument, TextPart
from nemora.errors import UnsupportedField

COUNTED = ("page", "sheet", "slide")
CUT = "\n[The rest does not fit here.]"


def has_text(part: OpaquePart) -> bool:
    """Whether a part can be told as text: all of it was read, or at least some text of its own."""
    if part.read is None:
        return False
    return part.read.complete or any("metadata" not in passage.where for passage in part.read.passages)


def with_texts(
    messages: Sequence[Message],
    *,
    room: int,
    size: Callable[[str], int],
    keep: Callable[[OpaquePart], bool] = lambda _part: False,
) -> tuple[Message, ...]:
    """`messages` with each document replaced by a header line and its text, as much as there is room for.

    Args:
        room: how much all of them together may take; one that needs less than its share leaves it to the next ones.
        size: how much a text takes, in the same unit.
        keep: parts that are left as they are.

    Raises:
        UnsupportedField: a document has no text that could be read.
    """
    told = [part for message in messages for part in message.opaque_parts() if not keep(part)]
    if not told:
        return tuple(messages)
    if not all(map(has_text, told)):
        raise UnsupportedField(
            "The local model reads text only, and a message has a content part without text that could be read.",
            param="messages",
        )
    texts = iter(_texts([part.read for part in told if part.read is not None], room, size))

    def replaced(part: Part) -> Part:
        return part if isinstance(part, TextPart) or keep(part) else TextPart(next(texts))

    return tuple(
        dataclasses.replace(m, content=tuple(map(replaced, m.content))) if isinstance(m.content, tuple) else m
        for m in messages
    )


def _texts(documents: Sequence[ReadDocument], room: int, size: Callable[[str], int]) -> Iterator[str]:
    texts = [document_text(document) for document in documents]
    shortest_first = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for done, index in enumerate(shortest_first):
        kept = _fitting(texts[index], max(0, room) // (len(texts) - done), size)
        room -= size(kept)
        texts[index] = kept if len(kept) == len(texts[index]) else kept + CUT
    for number, (document, text) in enumerate(zip(documents, texts, strict=True), 1):
        yield f"\n[document {number}: {_described(document)}]\n{text}\n[end of document {number}]\n"


def _fitting(text: str, room: int, size: Callable[[str], int]) -> str:
    """`text`, or as much of its beginning as takes no more than `room`."""
    kept = text[: room * 16]
    while kept and (taken := size(kept)) > room:
        kept = kept[: min(len(kept) - 1, int(len(kept) * room / taken * 0.98))]
    return kept


def _described(document: ReadDocument) -> str:
    said = document.kind
    for word in COUNTED:
        count = len({w.split("/")[1] for p in document.passages if (w := p.where).startswith(f"{word}/")})
        if count:
            said += f", {count} {word}{'s' if count > 1 else ''}"
    if document.complete:
        return said
    lack = "only the text in it was read" if document.kind == "image" else "not all of it could be read"
    return f"{said}; {lack}"


def document_text(document: ReadDocument) -> str:
    """Its passages one after the other, with the keys of bare values and the numbers of pages, sheets and slides."""
    seen = any(passage.where == "page" for passage in document.passages)
    lines: list[str] = []
    place = ""
    for passage in document.passages:
        if seen and passage.where == "text":  # the source of a page whose text follows
            continue
        words = passage.where.split("/")
        here = " ".join(words[:2]) if words[0] in COUNTED and len(words) > 1 else ""
        if here and here != place:
            lines.append(f"[{here}]")
            place = here
        lines.append(f"{passage.label}: {passage.text}" if passage.label else passage.text)
    return "\n".join(lines)
