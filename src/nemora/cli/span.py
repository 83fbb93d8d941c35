"""A moment on the command line: `7d`, `24h` or `30m` ago, or a date."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

from nemora.errors import UsageError

_AGO = re.compile(r"(\d{1,5})([dhm])", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60}


def moment(text: str, option: str, now: float | None = None) -> int:
    """Milliseconds since 1970. A date or time without a zone is UTC.

    Raises:
        UsageError: it is neither; the sentence names `option`.
    """
    if ago := _AGO.fullmatch(text):
        return int(((time.time() if now is None else now) - int(ago[1]) * _SECONDS[ago[2]]) * 1000)
    try:
        found = datetime.fromisoformat(text)
        utc = (
            found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        )  # not past the years 1 to 9999
        return (utc - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        raise UsageError(f"{option} must be like 7d, 24h or 30m, or a date like 2026-01-31.") from None


def words(time_ms: int) -> str:
    """A moment for people, in UTC."""
    return (_EPOCH + time_ms * _MILLISECOND).replace(tzinfo=None).isoformat(" ", "seconds")
