"""A moment on the command line: `7d`, `24h` or `30m` ago, or a date."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from nemora.errors import UsageError

_AGO = re.compile(r"(\d{1,5})([dhm])", re.ASCII)
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
        return int((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise UsageError(f"{option} must be like 7d, 24h or 30m, or a date like 2026-01-31.") from None


def words(time_ms: int) -> str:
    """A moment for people, in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
