"""Memory for weights that every token reads from end to end."""

from __future__ import annotations

import contextlib
import mmap

import torch
from torch import Tensor

HUGE = 2 << 20
"""Bytes of a huge page."""


def large_memory(size: int) -> Tensor:
    """`size` bytes of any content, in huge pages where the system has them to give.

    Of pages of 4 KB a processor looks up one for every 64 lines that it reads, and its prefetchers stop at each end.
    """
    if size < HUGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.empty(size, dtype=torch.uint8)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # shared memory has small pages
    with contextlib.suppress(OSError):  # a kernel without them: the pages stay small
        memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=torch.uint8)
