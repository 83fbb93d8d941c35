"""A file that is being fetched: bytes go to `<name>.part`, are hashed on the way, and move into place when right."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from io import FileIO
from pathlib import Path
from typing import Literal

from nemora.errors import FetchError
from nemora.weights.catalog import ModelFile
from nemora.weights.digest import Digest

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class SourceFailed(Exception):
    """One source did not work; the next one is tried. The text is a reason, without capital or full stop."""


class WrongBytes(SourceFailed):
    """A source served other bytes than the published ones."""


class AccessRefused(SourceFailed):
    """A source wants to know who asks, or does not serve who does."""


class PartFile:
    """The `.part` file beside a target. Use as a context manager: it is closed, and kept for resuming unless discarded.

    Raises:
        FetchError: the disk is full or cannot be written; nothing half is left behind.
    """

    def __init__(self, folder: Path, file: ModelFile) -> None:
        self.file = file
        self.target = folder / file.name
        self.path = self.target.with_name(self.target.name + ".part")
        self._validator = self.target.with_name(self.target.name + ".part.json")
        self._sink: FileIO | None = None
        self._hash = Digest(file)
        self.size = 0
        self.etag: str | None = None
        """Entity tag of the version that the bytes are of, where the server gave a strong one."""

    def __enter__(self) -> PartFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        if self.path.exists() and self.size == 0:
            self.discard()

    def need_room(self, extra: int = 0) -> None:
        """Refuse before fetching when the disk has no room for the rest of the file and `extra` bytes."""
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.target.parent).free
        except OSError as error:
            raise self._unwritable(error) from None
        needed = self.file.size - self.size + extra
        if free < needed:
            raise FetchError(
                f"{self.target.name} needs {needed:,} bytes and the disk of {self.target.parent} has {free:,} free; "
                "free space or choose another cache folder."
            )

    def resume(self, url: str) -> None:
        """Continue what an earlier run left of the same address; else begin anew."""
        note = self._read_note()
        if note is None or note.get("url") != _digest(url) or not self.path.is_file():
            self.restart(url, None)
            return
        self._open("r+b")
        assert self._sink is not None
        while chunk := self._sink.read(1 << 20):
            self._hash.update(chunk)
            self.size += len(chunk)
        tag = note.get("etag")
        self.etag = tag if isinstance(tag, str) else None
        if self.size > self.file.size:
            self.restart(url, None)

    def restart(self, url: str, etag: str | None) -> None:
        """Begin anew, remembering whose bytes these will be."""
        self._close()
        self._hash, self.size, self.etag = Digest(self.file), 0, etag
        self._open("wb")
        try:
            self._validator.write_text(json.dumps({"url": _digest(url), "etag": etag}), encoding="utf-8")
        except OSError as error:
            raise self._unwritable(error) from None

    def write(self, chunk: bytes) -> None:
        """Append. More bytes than the file has are wrong bytes."""
        assert self._sink is not None
        if self.size + len(chunk) > self.file.size:
            self.discard()
            raise WrongBytes("it serves more bytes than the file has")
        rest = memoryview(chunk)
        try:
            while rest:  # unbuffered: a nearly full disk takes a part
                rest = rest[self._sink.write(rest) :]
        except OSError as error:
            raise self._unwritable(error) from None
        self._hash.update(chunk)
        self.size += len(chunk)

    def commit(self) -> None:
        """Check size and hash, then move the file into place."""
        if self.size != self.file.size or not self._hash.is_right():
            self.discard()
            raise WrongBytes(f"it serves other bytes than the published ones ({self._hash.kind} differs)")
        assert self._sink is not None
        try:
            os.fsync(self._sink.fileno())
            self._close()
            os.replace(self.path, self.target)
            self._validator.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None

    @property
    def sha256(self) -> str:
        """Of what was written so far."""
        return self._hash.sha256

    def discard(self) -> None:
        """Delete what was fetched so far."""
        self._close()
        self.path.unlink(missing_ok=True)
        self._validator.unlink(missing_ok=True)
        self._hash, self.size = Digest(self.file), 0

    def _open(self, mode: Literal["wb", "r+b"]) -> None:
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self._sink = self.path.open(mode, buffering=0)
        except OSError as error:
            raise self._unwritable(error) from None

    def _close(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            try:
                sink.close()
            except OSError as error:
                raise self._unwritable(error) from None

    def _read_note(self) -> dict[str, object] | None:
        try:
            note = json.loads(self._validator.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return note if isinstance(note, dict) else None

    def _unwritable(self, error: OSError) -> FetchError:
        name, folder = self.target.name, self.target.parent
        if error.errno in _NO_ROOM:
            self.discard()
            return FetchError(f"The disk of {folder} is full: {name} has {self.file.size:,} bytes; free space.")
        return FetchError(f"{name} cannot be written to {folder}: {error.strerror}; check its permissions.")


def _digest(url: str) -> str:
    """An address as the note holds it; it may have credentials in it."""
    return hashlib.sha256(url.encode()).hexdigest()
