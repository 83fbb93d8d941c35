"""A document while it is read: where passages and reasons are collected, and limits are counted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from nemora.documents.document import UNREAD, Passage
from nemora.documents.limits import Limits

LONGEST_LABEL = 200
PASSAGE_COST = 16  # characters that each passage counts beside its own, so that a million tiny ones are too many


class Unreadable(Exception):
    """A part of the document cannot be read; `code` is a key of `document.UNREAD`. Never leaves this package."""

    def __init__(self, code: str) -> None:
        assert code in UNREAD
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Budget:
    """What is left of the limits."""

    unpacked_bytes: int
    characters: int
    pages: int
    members: int
    pixels: int


@dataclass(slots=True)
class Reading:
    """What readers write into. Those of files inside a file share all but the place.

    Attributes:
        read_file: reads any file into a `Reading`, by its content; never raises.
        kind: what the file turned out to be, as `Document.kind`.
    """

    limits: Limits
    left: Budget
    read_file: Callable[[bytes, Reading], None]
    passages: list[Passage] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)
    digests: set[bytes] = field(default_factory=set)
    kind: str = "unknown"
    place: str = ""
    depth: int = 0
    files: int = 0

    @classmethod
    def new(cls, limits: Limits, read_file: Callable[[bytes, Reading], None]) -> Reading:
        left = Budget(limits.unpacked_bytes, limits.characters, limits.pages, limits.members, limits.pixels)
        return cls(limits, left, read_file)

    def add(self, where: str, text: str, label: str = "") -> None:
        """A passage, unless it is blank.

        Raises:
            Unreadable: the limit of characters is reached. What fits is kept.
        """
        label = label.strip()
        if len(label) > LONGEST_LABEL:
            label, text = "", f"{label}: {text}"
        if not text.strip():
            return
        room = self.left.characters - len(label) - PASSAGE_COST
        if room > 0:
            self.passages.append(Passage(f"{self.place}{where}", text[:room], label))
        self.left.characters -= len(text) + len(label) + PASSAGE_COST
        if self.left.characters < 0:
            raise Unreadable("too_large")

    def lack(self, code: str) -> None:
        """Something was not read, and reading goes on."""
        assert code in UNREAD
        self.unread.add(code)

    def inside(self, where: str) -> Reading:
        """For a file at this place of the file that is read now."""
        return Reading(
            self.limits,
            self.left,
            self.read_file,
            self.passages,
            self.unread,
            self.digests,
            place=f"{self.place}{where}/",
            depth=self.depth + 1,
        )

    def file(self, data: bytes) -> Reading:
        """Read a file that lies in this one, whose bytes were counted when they were unpacked."""
        self.spend_member()
        self.files += 1
        inner = self.inside(f"file/{self.files}")
        self.read_file(data, inner)
        return inner

    def is_new(self, data: bytes) -> bool:
        """Whether nothing equal was asked about before in this document: a page, a picture, an attachment."""
        digest = hashlib.sha256(data).digest()
        known = digest in self.digests
        self.digests.add(digest)
        return not known

    def spend_bytes(self, count: int) -> None:
        self.left.unpacked_bytes -= count
        if self.left.unpacked_bytes < 0:
            raise Unreadable("too_large")

    def spend_member(self) -> None:
        self.left.members -= 1
        if self.left.members < 0:
            raise Unreadable("too_large")

    def spend_page(self) -> None:
        self.left.pages -= 1
        if self.left.pages < 0:
            raise Unreadable("too_large")

    def spend_pixels(self, count: int) -> None:
        self.left.pixels -= count
        if self.left.pixels < 0:
            raise Unreadable("too_large")
