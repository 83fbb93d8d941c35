"""A file that was read: its texts, and whether they are all that it holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """One text of a document.

    Attributes:
        where: its place, e.g. "page/3", "sheet/2/row/7", "file/1/metadata". Words of this package and numbers only:
            it may be logged.
        text: as it was found, or decoded.
        label: the column header or the key of the metadata that gives meaning to `text`; "" if there is none.
    """

    where: str
    text: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """What `read_document` found.

    Attributes:
        kind: "text", "html", "xml", "svg", "rtf", "docx", "xlsx", "pptx", "odf", "pdf", "image", "email", "archive" or
            "unknown"; found from the bytes.
        passages: every text, in the order in which it lies in the file.
        complete: all that the file holds was read as text. True exactly if `unread` is empty.
        unread: why not, as sorted codes: the keys of `UNREAD`.
    """

    kind: str
    passages: tuple[Passage, ...]
    complete: bool
    unread: tuple[str, ...]


UNREAD = {
    "charset": "bytes in an encoding that could not be told for sure",
    "damaged": "the file is cut, broken or contradicts itself",
    "embedded": "something inside it that is no text, e.g. a font, a sound, an object of another program",
    "encrypted": "it, or a part of it, is encrypted",
    "image": "it has pixels; what a text reader found in them is in the passages",
    "macro": "it holds a program",
    "missing_reader": "a library that reads it is not installed",
    "polyglot": "it holds bytes outside of what its format reads: perhaps a second file",
    "too_large": "a limit was reached",
    "unknown_kind": "it, or a part of it, is of a kind that is not read",
}
