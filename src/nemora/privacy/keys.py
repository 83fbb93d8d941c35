"""The key of this installation: one file, 32 random bytes, from which each purpose gets its own key.

It makes hashes of content meaningless to whoever has only the ledger and the taint store, and the ledger's
chain impossible to rebuild for whoever can only write files. Who holds the key file can do both.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from pathlib import Path

from nemora.errors import SettingsError
from nemora.privacy.private_file import private_folder, sync_folder

KEY_BYTES = 32
KEY_FILE = "key"
LEDGER_FILE = "ledger.sqlite3"
HEAD_FILE = "ledger.head"
HEADS_FILE = "ledger.heads"
TAINT_FILE = "taint.sqlite3"
DISCLOSURES_FILE = "disclosures.sqlite3"


def load_key(data_dir: Path) -> bytes:
    """The installation's key, created on first use (file 0600, folder 0700).

    Raises:
        SettingsError: the folder or file cannot be used, is readable for others, belongs to someone else or has
            a wrong length; or the key is missing although a ledger is there that was made with it.
    """
    private_folder(data_dir)
    path = data_dir / KEY_FILE
    try:
        if not os.path.lexists(path):
            _create(path)
        return _read(path)
    except OSError as error:
        raise SettingsError(
            f"The key file {path} cannot be read or made ({error.strerror}); check the permissions of its folder."
        ) from None


def derive(key: bytes, purpose: str) -> bytes:
    """The 32-byte key for one purpose ("ledger", "taint", "segment-cache"): HKDF-Expand of RFC 5869, one block."""
    return hmac.digest(key, b"nemora/" + purpose.encode("ascii") + b"\x01", "sha256")


def _create(path: Path) -> None:
    """Appear at once and whole: write aside, then link, which fails if another process was first."""
    if any((path.parent / name).exists() for name in (LEDGER_FILE, HEAD_FILE)):
        raise SettingsError(
            f"The key file {path} is missing, but there is a ledger that was made with it; "
            "restore the key from a backup, or move the ledger's files to another folder to start a new one."
        )
    aside = path.with_name(f".{KEY_FILE}.{secrets.token_hex(8)}")
    file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, secrets.token_bytes(KEY_BYTES))
        os.fsync(file)
        os.link(aside, path)
    except FileExistsError:
        return  # another process made it; its key is the one
    finally:
        os.close(file)
        aside.unlink()
    sync_folder(path.parent)


def _read(path: Path) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        key = os.read(file, KEY_BYTES + 1)
    finally:
        os.close(file)
    if not stat.S_ISREG(status.st_mode) or len(key) != KEY_BYTES:
        raise SettingsError(
            f"The key file {path} must hold exactly {KEY_BYTES} bytes; restore it from a backup, or move it and "
            "the ledger's files away to start anew."
        )
    if status.st_mode & 0o077 or status.st_uid != os.geteuid():
        raise SettingsError(f"The key file {path} must be yours and closed to others; run: chmod 600 {path}")
    return key
