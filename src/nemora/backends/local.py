"""The model in this process as a backend: it bridges the engine's thread and the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from nemora.backends.base import Trust
from nemora.backends.local_model import LocalModel, namespace
from nemora.core import ChatRequest, Delta, StopReason
from nemora.engine.request import TokenDelta


class LocalBackend:
    """`LocalModel` behind the `Backend` protocol. The event loop never waits for the model.

    Builds the tokenizer and reads the chat template, so a model that cannot chat is refused here and not at the
    first request.

    Raises:
        UnsupportedCheckpoint: the checkpoint has no tokenizer that is implemented.
        TemplateError: it has no chat template, or one that cannot be parsed.
    """

    trust: Trust = "local"

    def __init__(self, model: LocalModel, name: str = "local") -> None:
        self.name = name
        self.model = model.name
        self.local = model
        _ = model.format

    def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """As `stream_for`, for nobody's request in particular."""
        return self.stream_for("", request)

    async def stream_for(self, tenant: str, request: ChatRequest) -> AsyncIterator[Delta]:
        """Answer `request`; see `Backend.stream`. Usage comes with the last delta.

        What the model read is kept for the same tenant's later requests, also if this one is broken off.

        Raises:
            UnsupportedField: what the model cannot do, by name.
            ContextLengthExceeded, Overloaded, TemplateError, LocalModelDown: before the first delta.
        """
        prepared = await asyncio.to_thread(self.local.prepare, request)
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[TokenDelta] = asyncio.Queue()

        def on_delta(delta: TokenDelta) -> None:
            # Raises if the loop is closed; then the engine ends the sequence.
            loop.call_soon_threadsafe(arrived.put_nowait, delta)

        generation = self.local.engine.submit(
            prepared.ids,
            prepared.params,
            on_delta=on_delta,
            namespace=namespace(self.model, tenant),
            boundaries=prepared.boundaries,
        )
        try:
            while True:
                tokens = await arrived.get()
                if tokens.error is not None:
                    raise tokens.error
                for delta in prepared.reader.feed(tokens.ids):
                    yield delta
                if prepared.reader.done or tokens.finish is not None:
                    break
            generation.cancel()  # before the last delta: the client may take its time with it
            prepared.reader.cached_tokens = generation.cached_tokens
            for delta in prepared.reader.finish(tokens.finish or StopReason.STOP):
                yield delta
        finally:
            generation.cancel()

    @property
    def context(self) -> int:
        """See `Tokenizes`."""
        return self.local.context

    async def tokenize(self, request: ChatRequest) -> list[int]:
        """See `Tokenizes`."""
        return await asyncio.to_thread(self.local.prompt_ids, request)

    async def detokenize(self, ids: Sequence[int]) -> str:
        """See `Tokenizes`."""
        return await asyncio.to_thread(self.local.text_of, ids)

    async def ready(self) -> bool:
        """Whether the engine runs."""
        return self.local.engine.alive

    async def close(self) -> None:
        """Stop the engine."""
        await asyncio.to_thread(self.local.close)
