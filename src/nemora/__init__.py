"""Nemora: NVIDIA's Nemotron models on your own hardware, behind one endpoint.

It decides, on the device, what may leave it.

>>> import nemora
>>> model = nemora.load("smollm2-135m")        # doctest: +SKIP
>>> model.logits([1, 2, 3]).shape               # doctest: +SKIP
torch.Size([3, 49152])

Importing this package loads no torch.
"""

from __future__ import annotations

import os as _os
from typing import TYPE_CHECKING

from nemora.errors import NemoraError

if TYPE_CHECKING:
    from nemora.backends.local_model import LocalModel

# onnxruntime's wheels (1.29 and later) write an identifier of this machine and send it home, unless this is set before
# they are loaded. Children inherit it.
_os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# torch's threads wait for their next work by spinning, which keeps the native kernels' threads from the cores: a prompt
# takes a sixth longer. A short while is enough where work does follow. Read when torch is loaded, so it stands here.
if "OMP_WAIT_POLICY" not in _os.environ:
    _os.environ.setdefault("GOMP_SPINCOUNT", "5000")

__version__ = "0.1.0"
__all__ = ["NemoraError", "__version__", "load"]


def load(model: str, *, device: str = "cpu") -> LocalModel:
    """Load a local model: a name that `nemora models` lists or `hub:OWNER/REPO` (fetched if it must be), or a path.

    See `LocalModel` for what it can do. Where fetched models lie, and whether fetching is allowed, is what
    `nemora.toml` and the environment say.
    """
    from nemora.backends.local_model import LocalModel
    from nemora.settings import load_settings

    settings = load_settings()
    return LocalModel.load(
        model, device=device, cache=settings.paths.cache, offline=settings.offline, token=settings.hub_token
    )
