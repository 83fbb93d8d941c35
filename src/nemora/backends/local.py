"""The model in this process as a backend: it bridges the engine's thread and the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from nemora.backends.base import Description, Trust
from nemora.backends.fixed_questions import answer_questions
from nemora.backends.local_model import LocalModel, namespace
from nemora.core import ChatRequest, Delta, StopReason, Usage
from nemora.engine.request import TokenDelta
from nemora.errors import Overloaded

QUESTIONS_SECONDS = 60.0
"""For all questions of a request, the time in which it waits for others' included."""


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
        # One request after the other: who asks many things at once keeps no more than one thread from the answers.
        self._questions = ThreadPoolExecutor(1, "questions")
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
        if request.questions:
            yield await self._answered(request)
            return
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

    async def _answered(self, request: ChatRequest) -> Delta:
        """The probabilities of the answers to the request's questions, as one delta."""
        until = time.monotonic() + QUESTIONS_SECONDS

        def answered() -> Delta:
            left = until - time.monotonic()
            if left <= 0:
                raise Overloaded(f"Others' questions took {QUESTIONS_SECONDS:g} seconds; ask again.", retry_after=5)
            chosen = answer_questions(self.local, request, seconds=left)
            usage = Usage(chosen.tokens, 0)
            return Delta(finish=StopReason.STOP, usage=usage, probabilities=tuple(chosen.probabilities))

        return await asyncio.get_running_loop().run_in_executor(self._questions, answered)

    def describe(self) -> Description:
        """What the checkpoint and its chat template say."""
        return Description(
            architecture=self.local.checkpoint.architecture,
            kind=self.local.checkpoint.kind,
            context_length=self.local.context,
            bytes=self.local.bytes,
            calls_tools=self.local.format.tool_parser is not None,
            reasons=self.local.format.reasoning is not None,
        )

    async def ready(self) -> bool:
        """Whether the engine runs."""
        return self.local.engine.alive

    async def close(self) -> None:
        """Stop the engine, and so the questions under way."""
        await asyncio.to_thread(self.local.close)
        await asyncio.to_thread(self._questions.shutdown, cancel_futures=True)
