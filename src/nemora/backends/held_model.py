"""A local model that is loaded when it is asked for: the backend of one name, before a slot that it shares."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial

from nemora.backends.base import Description, Residence, Trust
from nemora.backends.local import LocalBackend
from nemora.backends.model_slot import ModelSlot
from nemora.core import ChatRequest, Delta
from nemora.engine.figures import EngineLoad, Totals
from nemora.errors import NemoraError


@dataclass(frozen=True, slots=True)
class _End:
    """An answer is over, or why it broke off."""

    error: BaseException | None = None


class HeldModel:
    """One model of a slot behind the `Backend` protocol. A request keeps the model that it named, or fails.

    Args:
        totals: what its engines count, over all times that it is loaded.
    """

    trust: Trust = "local"

    def __init__(self, model: str, slot: ModelSlot[LocalBackend], totals: Totals, *, name: str = "local") -> None:
        self.name, self.model = name, model
        self.totals = totals
        self._slot = slot
        self._about: Description | None = None

    def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """As `stream_for`, for nobody's request in particular."""
        return self.stream_for("", request)

    async def stream_for(self, tenant: str, request: ChatRequest) -> AsyncIterator[Delta]:
        """See `LocalBackend.stream_for`.

        The model is given back when it has said everything, however slowly that is read.

        Raises:
            ModelReplaced: another model was asked for, and this answer took too long.
        """
        said: asyncio.Queue[Delta | _End] = asyncio.Queue()
        answering = asyncio.create_task(self._answer(tenant, request, said))
        try:
            while isinstance(item := await said.get(), Delta):
                yield item
            if item.error is not None:
                raise item.error
        finally:
            answering.cancel()
            await asyncio.wait({answering})

    async def _answer(self, tenant: str, request: ChatRequest, said: asyncio.Queue[Delta | _End]) -> None:
        """Put an answer into `said`, and its end."""

        async def work(backend: LocalBackend) -> None:
            stream = backend.stream_for(tenant, request)
            try:
                async for delta in stream:
                    said.put_nowait(delta)
            finally:
                await stream.aclose()  # type: ignore[attr-defined]

        try:
            await self._slot.run(self.model, work, keep_alive=request.keep_alive)
            said.put_nowait(_End())
        except NemoraError as error:
            # Its frames hold the model, and who reads the answer may take his time.
            said.put_nowait(_End(error.with_traceback(None)))
        except Exception as error:  # noqa: BLE001 - whoever reads the answer must hear of it
            said.put_nowait(_End(error))

    async def load(self, keep_alive: float | None = None) -> None:
        """See `ComesAndGoes`."""
        await self._slot.run(self.model, _nothing, keep_alive=keep_alive)

    def unload(self) -> None:
        """See `ComesAndGoes`."""
        self._slot.unload(self.model)

    def start(self) -> None:
        """See `ComesAndGoes`."""
        self._slot.start()

    def residence(self) -> Residence | None:
        """See `ComesAndGoes`."""
        return Residence(self._slot.seconds_left()) if self._slot.loaded(self.model) is not None else None

    def load_now(self) -> EngineLoad | None:
        """What its engine does at this moment; None while it is not loaded."""
        backend = self._slot.loaded(self.model)
        return backend.local.engine.load() if backend is not None else None

    def describe(self) -> Description | None:
        """See `DescribesItself`; None until it is loaded for the first time."""
        backend = self._slot.loaded(self.model)
        if self._about is None and backend is not None:
            self._about = backend.describe()
        return self._about

    @property
    def context(self) -> int:
        """See `Tokenizes`."""
        about = self.describe()
        return about.context_length if about is not None else 0

    async def tokenize(self, request: ChatRequest) -> list[int]:
        """See `Tokenizes`. Loads the model where none is. Raises `ModelNotLoaded`: another one is loaded."""
        return await self._slot.run(self.model, partial(_tokenize, request), swap=False)

    async def detokenize(self, prompts: Sequence[Sequence[int]], *, swap: bool = False) -> list[str]:
        """See `Tokenizes`. Without `swap` loads and raises as `tokenize`, with it as `stream_for`."""
        return await self._slot.run(self.model, partial(_detokenize, prompts), swap=swap)

    async def ready(self) -> bool:
        """Whether its engine runs, or it could be loaded."""
        backend = self._slot.loaded(self.model)
        return await backend.ready() if backend is not None else self._slot.usable(self.model)

    async def close(self) -> None:
        """Close the slot, for all its models."""
        await self._slot.close()


async def _nothing(_backend: LocalBackend) -> None:
    return None


async def _tokenize(request: ChatRequest, backend: LocalBackend) -> list[int]:
    return await backend.tokenize(request)


async def _detokenize(prompts: Sequence[Sequence[int]], backend: LocalBackend) -> list[str]:
    return await backend.detokenize(prompts)
