"""Progress for a log: the first line that there is, and then one every half minute."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

PERIOD = 30.0
"""Seconds."""


def now_and_then(write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> Callable[[str], None]:
    """What passes on to `write` the first line that it is told, and another one only when `PERIOD` is over."""
    told = -math.inf

    def tell(line: str) -> None:
        nonlocal told
        if clock() - told >= PERIOD:
            told = clock()
            write(line)

    return tell
