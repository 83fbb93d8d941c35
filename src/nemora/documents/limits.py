"""How much of a document is read at most. Whatever goes beyond is `too_large`, and the document not complete."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits hold for a document together with everything inside it. There is no clock: the caller has a deadline.

    Attributes:
        input_bytes: size of the file.
        unpacked_bytes: all that is unpacked from archives, office files, attachments and compressed streams.
        characters: of all passages and their labels, and 16 more for each.
        pages: of PDF files, and frames of images.
        members: files in archives, parts of office files, attachments.
        depth: how deep a file may lie in other files.
        pixels: of all images and rendered pages.
    """

    input_bytes: int = 32 * 1024 * 1024
    unpacked_bytes: int = 128 * 1024 * 1024
    characters: int = 4_000_000
    pages: int = 300
    members: int = 4096
    depth: int = 4
    pixels: int = 100_000_000
