"""The most memory that this process had resident, mapped files included."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def peak_resident() -> int:
    """Bytes, since the process began or `forget_peak` was called."""
    if STATUS.exists():
        for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            name, _, rest = line.partition(":")
            if name == "VmHWM":
                return int(rest.split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def forget_peak() -> bool:
    """Let the peak begin anew with what is resident now; whether the system can do that (Linux, mostly)."""
    try:
        CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True
