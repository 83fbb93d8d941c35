"""The embedding model of a server, asked off the event loop: one request after the other, on a thread of its own."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from nemora.backends.base import Residence
from nemora.backends.model_slot import ModelSlot
from nemora.errors import Overloaded
from nemora.settings import Settings

if TYPE_CHECKING:  # loads torch, which a server with a remote local side does not need
    from nemora.backends.embedding_model import Embedded, EmbeddingModel
    from nemora.weights.progress import Progress


class _Shelved:
    """A loaded model, which needs no closing."""

    def __init__(self, model: EmbeddingModel) -> None:
        self.model = model

    async def close(self) -> None:
        return None


class Embedder:
    """A model behind the event loop. Close it when done.

    Args:
        load: makes the model again after it was let go.
        keep_alive: seconds that it stays loaded after its last use.
    """

    def __init__(
        self,
        model: EmbeddingModel,
        *,
        load: Callable[[], EmbeddingModel] | None = None,
        keep_alive: float = math.inf,
    ) -> None:
        self.name, self.context = model.name, model.context
        self._comes_and_goes = load is not None
        again = load if load is not None else _never
        self._slot = ModelSlot(
            lambda _name: _Shelved(again()), resident=(model.name, _Shelved(model)), keep_alive=keep_alive
        )
        self._thread = ThreadPoolExecutor(1, "embeddings")

    async def embed(
        self, texts: Sequence[str], kind: str | None = None, *, keep_alive: float | None = None
    ) -> Embedded:
        """See `EmbeddingModel.embed`. A request that is cancelled ends with the forward pass under way.

        Args:
            keep_alive: seconds that the model stays loaded afterwards.
        """
        gone = threading.Event()

        def check() -> None:
            if gone.is_set():
                raise Overloaded("Nobody waits for these embeddings any more.")

        async def work(shelved: _Shelved) -> Embedded:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, lambda: shelved.model.embed(texts, kind=kind, check=check)
            )

        try:
            return await self._slot.run(self.name, work, keep_alive=keep_alive if self._comes_and_goes else None)
        finally:
            gone.set()

    async def load(self, keep_alive: float | None = None) -> None:
        """Load the model, if it is not."""
        await self._slot.run(self.name, _nothing, keep_alive=keep_alive if self._comes_and_goes else None)

    def unload(self) -> None:
        """Let it go as soon as nobody uses it."""
        if self._comes_and_goes:
            self._slot.unload(self.name)

    def residence(self) -> Residence | None:
        """How long it stays loaded; None: it is not."""
        return Residence(self._slot.seconds_left()) if self._slot.loaded(self.name) is not None else None

    async def close(self) -> None:
        """End what runs or waits with `LocalModelDown`, and wait for the forward pass under way."""
        await self._slot.close()
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)


async def _nothing(_shelved: _Shelved) -> None:
    return None


def _never() -> EmbeddingModel:
    raise AssertionError("a model that stays is not loaded again")


def load_embedder(settings: Settings, progress: Progress | None = None) -> Embedder | None:
    """The configured embedding model; None without one. Raises: as `EmbeddingModel.load`."""
    name = settings.embeddings.model
    if name is None:
        return None
    from nemora.backends.embedding_model import EmbeddingModel

    def load(*, offline: bool = True, progress: Progress | None = None) -> EmbeddingModel:
        return EmbeddingModel.load(
            name,
            cache=settings.paths.cache,
            device=settings.embeddings.device,
            context=settings.embeddings.context,
            offline=offline,
            token=settings.hub_token,
            progress=progress,
        )

    return Embedder(load(offline=settings.offline, progress=progress), load=load, keep_alive=settings.local.keep_alive)
