"""A Mamba-2 layer between its two matrices, by the native kernels: convolution, state space and gated norm at once.

The recurrence is taken token by token, a group of heads on a thread. Its state stays in a cache meanwhile, and nothing
as long as the text is written but the result; torch's chunked form (`kernels.ssd`) writes a dozen such tensors. The slow
readable twins are in `reference_mamba2.py`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

import torch
from torch import Tensor

from nemora.ops.cpu.library import Library
from nemora.ops.cpu.step import MAMBA, CStepLayer


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


def rms_norm(library: Library, x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """See `reference.rms_norm`; x [..., hidden] and weight are float32 on the CPU."""
    x = x.contiguous()
    out = torch.empty_like(x)
    size = weight.shape[0]
    library.c.nemora_rms_norm(
        library.best,
        torch.get_num_threads(),
        x.data_ptr(),
        x.numel() // size,
        size,
        weight.contiguous().data_ptr(),
        eps,
        out.data_ptr(),
    )
    return out
