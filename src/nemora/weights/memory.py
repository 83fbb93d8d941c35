"""How much memory there is to use."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from nemora.weights.device import check_device

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def available_memory(device: str = "cpu") -> int:
    """Bytes that can be taken on `device` without swapping.

    Raises:
        UsageError: torch has no such device here.
    """
    check_device(device)
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(device)
        return free
    return min(_system_available(MEMINFO), _cgroup_available(CGROUP))


def _system_available(meminfo: Path) -> int:
    """MemAvailable of Linux; elsewhere half of the memory that the machine has."""
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    if not meminfo.exists():
        return half
    for line in meminfo.read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) * 1024
    return half


def _cgroup_available(cgroup: Path) -> int:
    """What a container's limit (cgroup v2) leaves; unlimited outside of one. Cached file pages can be given back."""
    limit, used = cgroup / "memory.max", cgroup / "memory.current"
    if not limit.exists() or not used.exists() or limit.read_text().strip() == "max":
        return 1 << 62
    statistics = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    cached = int(statistics.get("inactive_file", 0)) + int(statistics.get("active_file", 0))
    return max(0, int(limit.read_text()) - int(used.read_text()) + cached)
