"""The embedding model of a server, asked off the event loop: one request after the other, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from nemora.errors import Overloaded
from nemora.settings import Settings

if TYPE_CHECKING:  # loads torch, which a server with a remote local side does not need
    from nemora.backends.embedding_model import Embedded, EmbeddingModel
    from nemora.weights.progress import Progress


class Embedder:
    """A model behind the event loop. Close it when done."""

    def __init__(self, model: EmbeddingModel) -> None:
        self.model = model
        self._thread = ThreadPoolExecutor(1, "embeddings")

    async def embed(self, texts: Sequence[str], kind: str | None = None) -> Embedded:
        """See `EmbeddingModel.embed`. A request that is cancelled ends with the forward pass under way."""
        gone = threading.Event()

        def check() -> None:
            if gone.is_set():
                raise Overloaded("Nobody waits for these embeddings any more.")

        work = asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: self.model.embed(texts, kind=kind, check=check)
        )
        try:
            return await work
        finally:
            gone.set()

    def close(self) -> None:
        """Wait for the request under way, and end."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def load_embedder(settings: Settings, progress: Progress | None = None) -> Embedder | None:
    """The configured embedding model; None without one. Raises: as `EmbeddingModel.load`."""
    if settings.embeddings.model is None:
        return None
    from nemora.backends.embedding_model import EmbeddingModel

    model = EmbeddingModel.load(
        settings.embeddings.model,
        cache=settings.paths.cache,
        device=settings.embeddings.device,
        context=settings.embeddings.context,
        offline=settings.offline,
        token=settings.hub_token,
        progress=progress,
    )
    return Embedder(model)
