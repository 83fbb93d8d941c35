"""Which devices torch can use on this machine."""

from __future__ import annotations

import torch

from nemora.errors import UsageError


def present_devices() -> list[str]:
    """The names under which this machine's devices can be asked for, the CPU first."""
    names = ["cpu"]
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if accelerator is not None:
        names.append(accelerator.type)
        names += [f"{accelerator.type}:{index}" for index in range(torch.accelerator.device_count())]
    return names


def check_device(name: str) -> None:
    """Let a name pass that torch can use here.

    Raises:
        UsageError: it cannot.
    """
    present = present_devices()
    if name not in present:
        raise UsageError(
            f"The device that was asked for is not one that torch can use here ({', '.join(present)}); "
            "change --device or local.device."
        )
