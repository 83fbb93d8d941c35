"""How much each key may ask in a minute: requests, and tokens read and written.

Each limit is a bucket that holds a minute's worth and fills evenly. A request takes one from the first and waits
outside while the second is empty. What an answer took is known at its end, so the second may fall below nothing, and
the next request waits until it has filled again.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping

from nemora.errors import Overloaded
from nemora.server.api_keys import ApiKey

MOST_RETRY = 3600
ROUNDING = 1e-6
"""Of a request: who has waited as long as was said must not be refused for a sum that is a trifle too small."""


class Bucket:
    """`per_minute` units at most, filling evenly."""

    def __init__(self, per_minute: int, now: float) -> None:
        self.per_minute = per_minute
        self.level = float(per_minute)
        self._at = now

    def fill(self, now: float) -> None:
        """Let in what has come since the last look."""
        self.level = min(self.per_minute, self.level + max(0.0, now - self._at) * self.per_minute / 60)
        self._at = now

    def seconds_until(self, level: float) -> int:
        """Whole seconds until it holds `level`, at least 1."""
        return max(1, min(MOST_RETRY, math.ceil((level - self.level) * 60 / self.per_minute)))


class RateLimits:
    """The buckets of all keys. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[Bucket, Bucket]] = {}

    def admit(self, key: ApiKey) -> Mapping[str, str]:
        """Count one request; returns headers that say what is left.

        Raises:
            Overloaded: a limit is reached; `retry_after` says for how many seconds.
        """
        with self._lock:
            requests, tokens = self._of(key)
            if requests.per_minute and requests.level < 1 - ROUNDING:
                raise Overloaded(
                    f"This key may ask {requests.per_minute} times a minute, and has; ask again later.",
                    retry_after=requests.seconds_until(1),
                )
            if tokens.per_minute and tokens.level <= 0:
                raise Overloaded(
                    f"This key may use {tokens.per_minute} tokens a minute, and has; ask again later.",
                    retry_after=tokens.seconds_until(1),
                )
            requests.level -= 1
            headers = {}
            for what, bucket in (("requests", requests), ("tokens", tokens)):
                if bucket.per_minute:
                    headers[f"x-ratelimit-limit-{what}"] = str(bucket.per_minute)
                    headers[f"x-ratelimit-remaining-{what}"] = str(max(0, math.floor(bucket.level)))
            return headers

    def spend(self, key: ApiKey | None, tokens: int) -> None:
        """Count what an answer took; for the owner, who has no key, nothing is counted."""
        if key is not None:
            with self._lock:
                self._of(key)[1].level -= tokens

    def _of(self, key: ApiKey) -> tuple[Bucket, Bucket]:
        """The two buckets of `key`, filled; new ones if its limits were changed."""
        now = self._clock()
        buckets = self._buckets.get(key.digest)
        limits = (key.requests_per_minute, key.tokens_per_minute)
        if buckets is None or tuple(bucket.per_minute for bucket in buckets) != limits:
            buckets = self._buckets[key.digest] = (Bucket(limits[0], now), Bucket(limits[1], now))
        for bucket in buckets:
            bucket.fill(now)
        return buckets
