"""Token ids on their way to a model's device."""

from __future__ import annotations

import torch
from torch import Tensor


def ids_on(device: torch.device, ids: Tensor, vocab_size: int) -> Tensor:
    """`ids` [...] on `device`; at least one.

    What lies on the CPU is looked at first: an accelerator answers an id that names no row with a failure that no call
    in the process recovers from. Ids that an accelerator drew itself are trusted, as reading them would wait for it.

    Raises:
        IndexError: an id on the CPU is not in the vocabulary.
    """
    if ids.device.type == "cpu":
        least, most = int(ids.min()), int(ids.max())
        if least < 0 or most >= vocab_size:
            raise IndexError(f"the ids reach from {least} to {most}, the vocabulary from 0 to {vocab_size - 1}")
    return ids.to(device)
