"""Files that only their owner may read, in a folder that only the owner may enter."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from nemora.errors import SettingsError


def private_folder(folder: Path) -> None:
    """Make `folder` (0700) if it is missing, and close it to others if it is open. Raises `SettingsError`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise SettingsError(
            f"The data folder {folder} cannot be used ({error.strerror}); it must be a folder that only you can enter."
        ) from None


def replace_private_file(path: Path, data: bytes) -> None:
    """Write `path` (0600) so that a reader, and a machine that loses power, has the old bytes or the new ones.

    Whatever fails, nothing is left beside it. Not before `sync_folder` is it sure that they are the new ones.

    Raises:
        SettingsError: the folder cannot be used.
        OSError: the file cannot be written.
    """
    private_folder(path.parent)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as sink:
            sink.write(data)
            sink.flush()
            os.fsync(sink.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring to the disk which files a folder holds. Raises `OSError`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
