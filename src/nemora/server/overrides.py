"""Tokens with which a user may let one request out for which the policy asks. Only the server makes them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from nemora.errors import PrivacyRefused, RequestError

TOKEN_HEADER = "x-nemora-override"
REASON_HEADER = "x-nemora-reason"
MOST = 10_000
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_REASON = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Override:
    """What a client sends with the repeated request."""

    token: str
    reason: str


def override_of(token: str | None, reason: str | None) -> Override | None:
    """The override in two headers, None where there is no token. Raises `RequestError`, which repeats neither."""
    if token is None:
        return None
    if not _TOKEN.fullmatch(token):
        raise RequestError("The header X-Nemora-Override must be a token that this server gave.", param=TOKEN_HEADER)
    if reason is None or not _REASON.fullmatch(reason):
        raise RequestError(
            "An override needs the header X-Nemora-Reason, with one of the reasons that came with the token.",
            param=REASON_HEADER,
        )
    return Override(token, reason)


class Overrides:
    """Tokens that were given and not used. In memory: after a restart the user is asked again. Thread-safe.

    Each is random, good for one try, for the very bytes and destination that it was given for, and for a few minutes.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()

    def issue(self, bound: bytes, seconds: float) -> str:
        """A token for `bound`, a digest of what may leave and to where. The oldest goes when there are too many."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._open[_digest(token)] = bound, self._clock() + seconds
            while len(self._open) > MOST:
                self._open.popitem(last=False)
        return token

    def redeem(self, token: str, bound: bytes) -> None:
        """Use a token up.

        Raises:
            PrivacyRefused: it was never given, was used, is too old, or was given for something else. In the last
                case it is used up as well.
        """
        with self._lock:
            found = self._open.pop(_digest(token), None)
        if found is None or found[1] < self._clock() or not hmac.compare_digest(found[0], bound):
            raise PrivacyRefused(
                "The override token is not good for this request: it was used, is too old, or belongs to another one; "
                "send the request without it to be asked again."
            )


def _digest(token: str) -> bytes:
    """Under which a token is kept, so that the time of a look-up tells nothing of it."""
    return hashlib.sha256(token.encode("ascii")).digest()
