"""The device that is checked: waiting for it, timing on it, and how much of its memory is taken."""

from __future__ import annotations

import gc
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from nemora.weights.memory import available_memory


class Device:
    """A torch device by its name. On a CPU memory is that of all tensors that are alive, and has no known peak."""

    def __init__(self, name: str) -> None:
        self.torch = torch.device(name)
        self.kind = self.torch.type

    @property
    def name(self) -> str:
        """What the hardware calls itself."""
        if self.kind == "cuda":
            return torch.cuda.get_device_name(self.torch)
        return f"{self.kind} of {platform.processor() or platform.machine()}"

    def wait(self) -> None:
        """Until all that was asked of it is done."""
        if self.kind != "cpu":
            torch.accelerator.synchronize()

    def seconds(self, work: Callable[[], object], *, before: Callable[[], object], most: float, repeats: int) -> float:
        """Median time of `work`, each time after `before`; one run to warm up, then `repeats` or `most` seconds."""
        times: list[float] = []
        end = time.perf_counter() + most
        while len(times) <= repeats and (len(times) < 2 or time.perf_counter() < end):
            before()
            self.wait()
            since = time.perf_counter()
            work()
            self.wait()
            times.append(time.perf_counter() - since)
        return statistics.median(times[1:])

    def asked_for(self) -> int:
        """Bytes that tensors need, without what the allocator gives out beside them, where that is known."""
        if self.kind != "cuda":
            return self.allocated()
        gc.collect()
        statistics = torch.cuda.memory_stats(self.torch)
        return int(statistics.get("requested_bytes.all.current", torch.cuda.memory_allocated(self.torch)))

    def allocated(self) -> int:
        """Bytes that tensors take."""
        gc.collect()
        if self.kind == "cuda":
            return int(torch.cuda.memory_allocated(self.torch))
        if self.kind == "mps":
            return int(torch.mps.current_allocated_memory())
        return _live_bytes()

    def watch_peak(self) -> None:
        """Begin anew to watch for the peak."""
        self.give_back()
        if self.kind == "cuda":
            torch.cuda.reset_peak_memory_stats(self.torch)

    def peak(self) -> int | None:
        """Most bytes that were taken since `watch_peak`, where it is known."""
        return int(torch.cuda.max_memory_allocated(self.torch)) if self.kind == "cuda" else None

    def free(self) -> int:
        """Bytes that can still be taken."""
        self.give_back()
        return available_memory(str(self.torch))

    def give_back(self) -> None:
        """Return memory that no tensor uses."""
        gc.collect()
        if self.kind == "cuda":
            torch.cuda.empty_cache()
        elif self.kind == "mps":
            torch.mps.empty_cache()

    def bandwidth(self, megabytes: int) -> float:
        """Bytes a second that a large copy reads and writes."""
        source = torch.empty(megabytes << 20, dtype=torch.uint8, device=self.torch)
        target = torch.empty_like(source)
        seconds = self.seconds(lambda: target.copy_(source), before=_nothing, most=1.0, repeats=9)
        return 2 * source.nbytes / seconds

    def matrix_rate(self, size: int) -> float:
        """Operations a second, in bf16, of the product of two square matrices."""
        a = torch.empty(size, size, dtype=torch.bfloat16, device=self.torch).normal_()
        seconds = self.seconds(lambda: a @ a, before=_nothing, most=1.0, repeats=9)
        return 2 * size**3 / seconds


def _nothing() -> None:
    """Nothing to prepare."""


def _live_bytes() -> int:
    storages = {}
    for thing in gc.get_objects():
        if type(thing) is Tensor and thing.device.type == "cpu":
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())
