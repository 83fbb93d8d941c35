"""The keys by which clients are known: who they are, whose tenant they belong to, and how much they may ask.

A key is 32 random bytes, shown once when it is made. The file keeps a keyed hash of it, so whoever has only the file
can neither use a key nor test a guess. The server looks at the file again whenever it has changed: a key that was
revoked stops working with the next request. A file that cannot be read lets nobody in.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from nemora.core import Json
from nemora.errors import SettingsError, Unauthorized
from nemora.privacy.keys import derive, load_key
from nemora.privacy.private_file import replace_private_file

logger = logging.getLogger("nemora.server")

KEYS_FILE = "api_keys.json"
PREFIX = "nemora-"
LONGEST = 256
"""Characters of a key that a client may send; more is no key of ours."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MOST_PER_MINUTE = 10**9


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One client's key, as the file keeps it. A limit of 0 is none."""

    name: str
    digest: str
    """Hexadecimal HMAC-SHA256 of the key."""
    tenant: str = "default"
    admin: bool = False
    """Whether it opens what is the owner's, metrics, decisions and which model is loaded; such a key asks no model."""
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    """Read and written together."""
    created: int = 0
    """Seconds since 1970."""


class ApiKeys:
    """The keys of one installation, in its data folder. Safe to use from several threads and processes."""

    def __init__(self, data: Path) -> None:
        """Raises `SettingsError`: the installation's key or the file of keys cannot be used."""
        self._path = data / KEYS_FILE
        self._secret = derive(load_key(data), "api-keys")
        self._stamp: tuple[int, int, int] | None = None
        self._by_digest: dict[str, ApiKey] = {}
        self.reload()

    @property
    def made(self) -> bool:
        """Whether there is a file of keys, so that clients need one. Looks anew, and never raises."""
        return self._now() is not None

    @property
    def path(self) -> Path:
        """The file of keys."""
        return self._path

    def all(self) -> list[ApiKey]:
        """In the order in which they were made."""
        return list(self._by_digest.values())

    def reload(self) -> None:
        """Look at the file again, if it has changed.

        Raises:
            SettingsError: it cannot be read or is not one of ours; then no key is known.
        """
        stamp = self._now()
        if stamp == self._stamp:
            return
        self._stamp, self._by_digest = stamp, {}
        if stamp is not None:
            self._by_digest = {key.digest: key for key in _read(self._path)}

    def find(self, given: str) -> ApiKey:
        """The key that a client sent.

        Raises:
            Unauthorized: there is none such, or the file cannot be read.
        """
        try:
            self.reload()
        except SettingsError as error:
            logger.error("no API key is accepted: %s", error.message)
            raise Unauthorized("This server cannot read its API keys; its owner finds the reason in the log.") from None
        # The hash is keyed, so how far two of them agree tells nothing of a key.
        found = self._by_digest.get(self._digest(given)) if len(given) <= LONGEST else None
        if found is None:
            raise Unauthorized("This server does not know that API key; send one as Authorization: Bearer KEY.")
        return found

    def add(
        self, name: str, *, tenant: str = "default", admin: bool = False, requests: int = 0, tokens: int = 0
    ) -> str:
        """Make a key and return it; it is stored nowhere.

        Raises:
            SettingsError: a key of that name exists, a value is out of its range, or the file cannot be written.
        """
        self.reload()
        secret = PREFIX + secrets.token_urlsafe(32)
        made = ApiKey(name, self._digest(secret), tenant, admin, requests, tokens, int(time.time()))
        _check(made)
        if any(key.name == name for key in self.all()):
            raise SettingsError("There is an API key of that name; revoke it first, or choose another name.")
        self._write([*self.all(), made])
        return secret

    def revoke(self, name: str) -> None:
        """Forget a key. Where it was the last one, the file stays, and lets nobody in.

        Raises:
            SettingsError: there is none of that name, or the file cannot be written.
        """
        self.reload()
        left = [key for key in self.all() if key.name != name]
        if len(left) == len(self._by_digest):
            raise SettingsError("There is no API key of that name; nemora keys list shows them.")
        self._write(left)

    def _digest(self, secret: str) -> str:
        return hmac.digest(self._secret, secret.encode("utf-8", "surrogatepass"), "sha256").hex()

    def _now(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError:
            return -1, -1, -1  # there, and not to be looked at: reading it says why
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _write(self, keys: Iterable[ApiKey]) -> None:
        """All of it at once: written aside, then put in its place."""
        text = json.dumps({"keys": [asdict(key) for key in keys]}, indent=1) + "\n"
        try:
            replace_private_file(self._path, text.encode("ascii"))
        except OSError as error:
            raise SettingsError(
                f"The API keys {self._path} cannot be written ({error.strerror}); check the folder's permissions."
            ) from None
        self.reload()


def _read(path: Path) -> list[ApiKey]:
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"The API keys {path} must be closed to others; run: chmod 600 {path}")
        value: Json = json.loads(path.read_text("utf-8"))
        rows = value["keys"] if isinstance(value, dict) else None
        keys = [_key(row) for row in rows] if isinstance(rows, list) else None
    except OSError as error:
        raise SettingsError(f"The API keys {path} cannot be read ({error.strerror}); check its permissions.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        keys = None
    if keys is None or len({key.name for key in keys}) != len(keys):
        raise SettingsError(f"The API keys {path} are damaged; restore the file, or delete it and make new keys.")
    return keys


def _key(row: Any) -> ApiKey:
    """Raises TypeError or ValueError unless `row` is a key with all fields of the right types."""
    key = ApiKey(**row)
    for field in fields(ApiKey):
        if type(getattr(key, field.name)).__name__ != field.type:
            raise TypeError
    try:
        _check(key)
    except SettingsError:
        raise ValueError from None
    return key


def _check(key: ApiKey) -> None:
    for what, word in (("name", key.name), ("tenant", key.tenant)):
        if not NAME.fullmatch(word):
            raise SettingsError(f"A {what} must be 1 to 64 letters, digits or any of . _ - and begin with no sign.")
    if not re.fullmatch(r"[0-9a-f]{64}", key.digest):
        raise SettingsError("The hash of an API key must be 64 hexadecimal digits.")
    for limit in (key.requests_per_minute, key.tokens_per_minute):
        if not 0 <= limit <= MOST_PER_MINUTE:
            raise SettingsError(f"A limit per minute must be from 0, which is none, to {MOST_PER_MINUTE}.")
