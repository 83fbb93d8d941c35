"""What this machine can do at this moment: reading memory, and multiplying in fp32 and in 8 bits.

A moment matters: on a shared machine other programs take memory bandwidth, and processors change their clocks. Whoever
compares a model with these limits measures them before and after the model's own run, on as many threads.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from nemora.ops.cpu.library import Library, NoKernels, library
from nemora.ops.cpu.matrix import PackedMatrix, address

SECONDS = 0.2
"""How long each limit is measured."""
BUFFER_BYTES = 256 << 20
"""What is read: more than caches hold."""
SIZE = 1024
"""Rows and columns of the matrices that are multiplied."""
ROWS = 256
"""Rows that each thread of the 8-bit product takes."""
FEWEST = 3
"""Repetitions, however long they take."""
TOO_SLOW = 2e9
"""Operations a second, below which `torch._int_mm` has no fast path on this processor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes a second, and operations a second: a multiplication and an addition are two.

    `int8` is None where it could not be measured.
    """

    bandwidth: float
    fp32: float
    int8: float | None

    def mean(self, other: Limits) -> Limits:
        """Half way between two measurements."""
        int8 = None if self.int8 is None or other.int8 is None else (self.int8 + other.int8) / 2
        return Limits(bandwidth=(self.bandwidth + other.bandwidth) / 2, fp32=(self.fp32 + other.fp32) / 2, int8=int8)


class LimitProbe:
    """Measures the limits with torch's threads, again and again.

    `int8_by` says what multiplies in 8 bits: the native kernels, or torch where these are missing and it is fast;
    empty if neither.
    """

    def __init__(self) -> None:
        self.threads = torch.get_num_threads()
        self.native, self.why_no_native = _native()
        self.int8_by = ""
        self._int8: Callable[[], object] | None = None
        self._int8_operations = 0
        if self.native is not None:
            self.int8_by = f"native kernels, {self.native.sets()[-1]}"
            self._pool = ThreadPoolExecutor(self.threads)
            self._int8 = partial(self._on_all_threads, _native_product(self.native))
            self._int8_operations = 2 * self.threads * ROWS * SIZE * SIZE
        elif _torch_is_fast():
            self.int8_by = "torch._int_mm"
            self._int8 = partial(torch._int_mm, _codes(SIZE), _codes(SIZE))
            self._int8_operations = 2 * SIZE**3
        self._square, self._product = torch.ones(SIZE, SIZE), torch.empty(SIZE, SIZE)

    @torch.inference_mode()
    def measure(self) -> Limits:
        """The limits now. Takes memory of `BUFFER_BYTES` for that long."""
        return Limits(
            bandwidth=_bandwidth(),
            fp32=_rate(2 * SIZE**3, partial(torch.mm, self._square, self._square, out=self._product)),
            int8=None if self._int8 is None else _rate(self._int8_operations, self._int8),
        )

    def _on_all_threads(self, work: Callable[[], object]) -> None:
        for done in [self._pool.submit(work) for _ in range(self.threads)]:
            done.result()


def _bandwidth() -> float:
    """By a sum over a buffer, which torch's threads share; its pages are written first, so that they exist."""
    buffer = torch.ones(BUFFER_BYTES // 4)
    return _rate(buffer.nbytes, buffer.sum)


def _rate(work: float, operation: Callable[[], object]) -> float:
    """`work` a second: the median of repetitions, after one that is not counted."""
    operation()
    found: list[float] = []
    begin = time.perf_counter()
    while len(found) < FEWEST or time.perf_counter() - begin < SECONDS:
        since = time.perf_counter()
        operation()
        found.append(time.perf_counter() - since)
    return work / statistics.median(found)


def _native() -> tuple[Library | None, str]:
    """The native kernels, or why there are none."""
    try:
        return library(), ""
    except NoKernels as reason:
        return None, str(reason)


def _native_product(native: Library) -> Callable[[], object]:
    """A product of `ROWS` rows with a matrix, on one thread. Each call has a result of its own."""
    draw = np.random.default_rng(0)
    zeros = np.zeros(SIZE, np.float32)
    matrix = PackedMatrix(draw.integers(-63, 64, (SIZE, SIZE)).astype(np.int8), zeros + 1, zeros)
    codes = draw.integers(0, 256, (ROWS, SIZE)).astype(np.uint8)
    scale, zero = np.ones(ROWS, np.float32), np.zeros(ROWS, np.float32)

    def multiply() -> None:
        out = np.empty((ROWS, SIZE), np.float32)
        rows = (address(codes), address(scale), address(zero), ROWS)
        native.c.nemora_linear(native.best, *rows, matrix.c, 0, address(out), SIZE)

    return multiply


def _torch_is_fast() -> bool:
    """Whether torch multiplies 8-bit numbers by more than the loops that it has for every processor."""
    small = _codes(64)
    try:
        return _rate(2 * 64**3, partial(torch._int_mm, small, small)) > TOO_SLOW
    except (RuntimeError, NotImplementedError):
        return False


def _codes(size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-127, 128, (size, size), dtype=torch.int8, generator=generator)
