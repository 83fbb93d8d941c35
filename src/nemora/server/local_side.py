"""The local side of a server: a server on this machine, or models of this process and who looks after them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nemora.backends.anthropic import AnthropicBackend
from nemora.backends.base import Backend, ComesAndGoes
from nemora.backends.local_name import name_here
from nemora.backends.openai import OpenAIBackend
from nemora.backends.remote import RemoteBackend
from nemora.errors import SettingsError
from nemora.settings import LocalSettings, RemoteServer, Settings
from nemora.weights.catalog import STARTER

if TYPE_CHECKING:  # loads torch, which a remote local side does not need
    from nemora.backends.held_model import HeldModel
    from nemora.backends.local import LocalBackend
    from nemora.backends.local_place import LocalPlace
    from nemora.engine.figures import Totals
    from nemora.weights.progress import Progress


def remote_backend(server: RemoteServer) -> RemoteBackend:
    """The backend that speaks what `server` speaks."""
    return AnthropicBackend(server) if server.api == "anthropic" else OpenAIBackend(server)


class LocalModels:
    """Models of this process that share a slot: each a backend, one at most loaded.

    Args:
        places: where each model lies, by its name; the first is `loaded`.
    """

    def __init__(self, settings: Settings, places: dict[str, LocalPlace], loaded: LocalBackend) -> None:
        from nemora.backends.model_slot import ModelSlot

        local, first = settings.local, (loaded.model, loaded)
        self._settings = settings
        self._places: dict[str, LocalPlace] = {}
        self._totals: dict[str, Totals] = {}
        self._slot = ModelSlot(self._load, resident=first, keep_alive=local.keep_alive, swap_seconds=local.swap_seconds)
        self.backends = [self.add(place) for place in places.values()]
        loaded.local.engine.totals = self._totals[loaded.model]

    def add(self, place: LocalPlace) -> HeldModel:
        """The backend of one more model."""
        from nemora.backends.held_model import HeldModel
        from nemora.engine.figures import Totals

        self._places[place.name], self._totals[place.name] = place, Totals()
        return HeldModel(place.name, self._slot, self._totals[place.name])

    def find(self, model: str) -> LocalPlace:
        """Where a model lies that is in the cache; blocking. Raises `ModelError`: it is not, or cannot run here."""
        return _find(self._settings, model, offline=True)

    def _load(self, name: str) -> LocalBackend:
        backend = _load(self._settings, self._places[name])
        backend.local.engine.totals = self._totals[name]
        return backend


@dataclass(frozen=True, slots=True)
class LocalSide:
    """The backends of this side; `models` where more can come while they answer."""

    backends: Sequence[Backend]
    models: LocalModels | None = None


def local_side(settings: Settings, progress: Progress | None = None) -> LocalSide:
    """The backends of this side. The first model is loaded, all others are found and fetched: from then on no hub is
    needed.

    Raises:
        SettingsError: two models have the same name.
        ModelError: a model cannot be fetched, or the first not be loaded.
    """
    remotes: list[Backend] = [remote_backend(server) for server in settings.servers if server.trust == "local"]
    if remotes:
        return LocalSide(remotes)
    local, loaded = settings.local, None
    places: dict[str, LocalPlace] = {}
    for model in _configured(local):
        place = _find(settings, model, offline=settings.offline, progress=progress)
        if place.name in places:
            raise SettingsError(f"local.models: two models are called {place.name}; take one out or rename it.")
        places[place.name] = place
        loaded = loaded or _load(settings, place, progress)
    assert loaded is not None  # there is always a first
    if not comes_and_goes(settings):
        return LocalSide([loaded])
    models = LocalModels(settings, places, loaded)
    return LocalSide(models.backends, models)


def names_to_ask_for(settings: Settings) -> list[str] | None:
    """The names that a chat request to the gateway of `settings` may have, before anything is loaded; None: a model
    must be fetched before its name is known."""
    servers = [name for server in settings.servers for name in (server.model, server.name)]
    names: list[str | None] = ["auto", "local"]
    if all(server.trust != "local" for server in settings.servers):
        names += [name_here(model, cache=settings.paths.cache) for model in _configured(settings.local)]
    found = [name for name in names if name is not None]
    return list(dict.fromkeys([*found, *servers])) if len(found) == len(names) else None


def _configured(local: LocalSettings) -> tuple[str, ...]:
    """The models of this process; the first is loaded at once."""
    return (local.model or STARTER[0], *local.models)


def comes_and_goes(settings: Settings) -> bool:
    """Whether local models are ever unloaded. One that is the judge's too stays, unless the settings say otherwise."""
    local: LocalSettings = settings.local
    return settings.inspection.judge is None or bool(local.models) or local.keep_alive < math.inf


def _find(settings: Settings, model: str, *, offline: bool, progress: Progress | None = None) -> LocalPlace:
    from nemora.backends.local_place import find_model

    return find_model(
        model,
        device=settings.local.device,
        cache=settings.paths.cache,
        offline=offline,
        context=settings.local.context,
        token=settings.hub_token,
        progress=progress,
    )


def _load(settings: Settings, place: LocalPlace, progress: Progress | None = None) -> LocalBackend:
    from nemora.backends.local import LocalBackend
    from nemora.backends.local_model import LocalModel

    local = settings.local
    model = LocalModel.load(
        str(place.path),
        name=place.name,
        device=local.device,
        cache=settings.paths.cache,
        context=local.context,
        threads=local.threads,
        memory=local.memory_bytes,
        prefix_cache=local.prefix_cache,
        prefix_cache_bytes=local.prefix_cache_bytes,
        allow_longer_context=local.allow_longer_context,
        kv_cache=local.kv_cache,
        batched=local.batched,
        speculation=local.speculation,
        activations=local.activations,
        progress=progress,
    )
    try:
        return LocalBackend(model)
    except BaseException:
        model.close()
        raise


def start_looking_after(backends: Sequence[Backend]) -> None:
    """Let models that come and go be looked after, on the event loop that runs."""
    for backend in backends:
        if isinstance(backend, ComesAndGoes):
            backend.start()
