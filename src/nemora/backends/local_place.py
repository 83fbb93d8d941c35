"""Where a model lies, found once: so that it can be loaded again at any time, without a hub and by the same name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nemora.backends.local_name import name_at
from nemora.errors import RequestError
from nemora.weights.device import check_device
from nemora.weights.family import USUAL_CONTEXT
from nemora.weights.family_reference import reference_of
from nemora.weights.fetch import needs_cache, resolve

if TYPE_CHECKING:
    from nemora.weights.progress import Progress


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """A folder or file, and the name that its model answers to."""

    name: str
    path: Path


def find_model(
    model: str,
    *,
    device: str = "cpu",
    cache: Path | None = None,
    offline: bool = False,
    context: int = 0,
    token: str | None = None,
    progress: Progress | None = None,
) -> LocalPlace:
    """Find a model, and fetch it if need be; for arguments and errors see `LocalModel.load`."""
    check_device(device)  # before much is fetched
    wanted = reference_of(model, context=context or USUAL_CONTEXT, device=device, cache=cache)
    if cache is None and needs_cache(wanted):
        raise RequestError(f"{model} is no path, and there is no cache folder to load it from; give cache.")
    path = resolve(wanted, cache=cache or Path(), offline=offline, progress=progress, token=token)
    return LocalPlace(name_at(model, path), path)
