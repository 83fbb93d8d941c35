"""Nemora: NVIDIA's Nemotron models on your own hardware, behind one endpoint.

It decides, on the device, what may leave it.

>>> import nemora
>>> model = nemora.load("smollm2-135m")        # doctest: +SKIP
>>> model.logits([1, 2, 3]).shape               # doctest: +SKIP
torch.Size([3, 49152])

Importing this package loads no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nemora.errors import NemoraError

if TYPE_CHECKING:
    from nemora.backends.local_model import LocalModel

__version__ = "0.1.0"
__all__ = ["NemoraError", "__version__", "load"]


def load(model: str, *, device: str = "cpu") -> LocalModel:
    """Load a local model: a catalog name, a folder, or a file. See `LocalModel` for what it can do."""
    from nemora.backends.local_model import LocalModel

    return LocalModel.load(model, device=device)
