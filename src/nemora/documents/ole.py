"""Compound files: office files before 2007 (not read), and newer ones that are encrypted."""

from __future__ import annotations

from nemora.documents.reading import Reading


def read_ole(data: bytes, reading: Reading) -> None:
    if "EncryptedPackage".encode("utf-16-le") in data:
        reading.lack("encrypted")
    else:
        reading.lack("unknown_kind")
    if "_VBA_PROJECT".encode("utf-16-le") in data:
        reading.lack("macro")
