"""The hashes by which published bytes are known: sha256, or git's id where no sha256 is published."""

from __future__ import annotations

import hashlib

from nemora.weights.catalog import ModelFile


class Digest:
    """Hashes the bytes of `file` as they come. Their sha256 is taken in any case, for the cache's manifest."""

    def __init__(self, file: ModelFile) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._git_blob = git_blob_hash(file.size) if file.git_blob else None

    @property
    def kind(self) -> str:
        """The hash that decides."""
        return "git's id" if self._file.git_blob else "sha256"

    @property
    def sha256(self) -> str:
        """In hexadecimal, of the bytes so far."""
        return self._sha256.hexdigest()

    def update(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._sha256.update(chunk)
        if self._git_blob is not None:
            self._git_blob.update(chunk)

    def is_right(self) -> bool:
        """Whether the bytes so far are the published ones."""
        if self._git_blob is not None:
            return self._git_blob.hexdigest() == self._file.git_blob
        return self.sha256 == self._file.sha256


def git_blob_hash(size: int) -> hashlib._Hash:
    """The beginning of git's id for a content of `size` bytes."""
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
