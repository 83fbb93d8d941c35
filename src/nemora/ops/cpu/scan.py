"""A Mamba-2 layer between its two matrices, by the native kernels: convolution, state space and gated norm at once.

The recurrence is taken token by token, a group of heads on a thread. Its state stays in a cache meanwhile, and only the
result is as long as the text, where torch's chunked form (`kernels.ssd`) writes a dozen such tensors. The slow readable
twins are in `reference_mamba2.py`.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping

import torch
from torch import Tensor

from nemora.ops.cpu.library import Library, NoKernels, library
from nemora.ops.cpu.step import MAMBA, CStepLayer


@functools.cache
def vector_kernels() -> Library | None:
    """The kernels, if they are there and have vectors: one number at a time they are slower than torch."""
    try:
        found = library()
    except NoKernels:  # `weights.packing` says so
        return None
    return found if found.best else None


def is_plain(*tensors: Tensor) -> bool:
    """Whether native kernels can read these: float32 on the CPU, and nobody asks for gradients."""
    return all(
        tensor.dtype == torch.float32
        and tensor.device.type == "cpu"
        and not (tensor.requires_grad and torch.is_grad_enabled())
        for tensor in tensors
    )


def native_scan(sizes: Mapping[str, float], tensors: Mapping[str, Tensor]) -> NativeScan | None:
    """A layer's native form; None where there is none. See `NativeScan`."""
    native = vector_kernels()
    if native is None or not is_plain(*tensors.values()) or any(tensor.requires_grad for tensor in tensors.values()):
        return None
    return NativeScan(native, sizes, tensors)


class NativeScan:
    """One layer.

    Args:
        sizes: the numbers of step.h's StepLayer for a Mamba layer, by their names there.
        tensors: its tensors, float32 on the CPU, `conv` as [kernel, channels].
    """

    def __init__(self, library: Library, sizes: Mapping[str, float], tensors: Mapping[str, Tensor]) -> None:
        self.library, self.set = library, library.best
        self._tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        self._layer = CStepLayer(
            mixer=MAMBA, **sizes, **{name: tensor.data_ptr() for name, tensor in self._tensors.items()}
        )
        self.inner = int(sizes["states"] * sizes["state_heads_dim"])

    def takes(self, projected: Tensor, conv: Tensor) -> bool:
        """Whether it can be run on these."""
        return is_plain(projected, conv)

    def run(self, projected: Tensor, conv: Tensor, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """projected [batch, seq, gate x B C dt], conv [batch, channels, kernel - 1] and states
        [batch, heads, head_dim, state_size], all float32, to [batch, seq, heads · head_dim] and new conv and states.
        """
        batch, seq, _ = projected.shape
        projected, conv, states = projected.contiguous(), conv.clone(), states.clone()
        out = torch.empty(batch, seq, self.inner)
        layer = ctypes.byref(self._layer)
        scratch = torch.empty(self.library.c.nemora_scan_scratch(layer, batch), dtype=torch.uint8)
        self.library.c.nemora_scan(
            self.set,
            torch.get_num_threads(),
            layer,
            batch,
            seq,
            projected.data_ptr(),
            conv.data_ptr(),
            states.data_ptr(),
            scratch.data_ptr(),
            out.data_ptr(),
        )
        return out, conv, states
