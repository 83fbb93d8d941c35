"""The model in this process as a backend: it bridges the engine's thread and the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from nemora.backends.base import Description, Trust
from nemora.backends.compile_turns import CompileTurns
from nemora.backends.fixed_questions import answer_questions
from nemora.backends.local_model import Choice, LocalModel, PreparedAnswer, namespace
from nemora.chat.answer_grammar import may_need_grammar
from nemora.chat.grammar_compiler import AT_ONCE
from nemora.core import ChatRequest, Delta, StopReason, Usage
from nemora.engine.figures import EngineLoad, Totals
from nemora.engine.generation import Generation
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
        self._grammars = CompileTurns(AT_ONCE)
        _ = model.grammars  # and the format, before several threads ask for it

    def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """As `stream_for`, for nobody's request in particular."""
        return self.stream_for("", request)

    async def stream_for(self, tenant: str, request: ChatRequest) -> AsyncIterator[Delta]:
        """Answer `request`; see `Backend.stream`. Usage, of all choices, comes with the last delta.

        What the model read is kept for the same tenant's later requests, also if this one is broken off.

        Raises:
            UnsupportedField: what the model cannot do, by name.
            ContextLengthExceeded, Overloaded, TemplateError, LocalModelDown: before the first delta.
        """
        if request.questions:
            yield await self._answered(request)
            return
        prepared = await self._prepared(tenant, request)
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[tuple[int, TokenDelta]] = asyncio.Queue()

        def on_delta(index: int, delta: TokenDelta) -> None:
            # Raises if the loop is closed; then the engine ends the sequence.
            loop.call_soon_threadsafe(arrived.put_nowait, (index, delta))

        running: dict[int, Generation] = {}
        firsts = prepared.firsts
        prompt_tokens = sum(len(prepared.choices[index].ids) for index in firsts)
        usage: Usage | None = None
        try:
            for index, choice in enumerate(prepared.choices):
                running[index] = self._submit(prepared, choice, tenant, running.get(0), partial(on_delta, index))
            while running:
                index, tokens = await arrived.get()
                if index not in running:  # its end was the reader's; this is the engine's
                    continue
                if tokens.error is not None:
                    raise tokens.error
                reader = prepared.choices[index].reader
                for delta in reader.feed(tokens.ids, tokens.chances):
                    yield delta
                if not reader.done and tokens.finish is None:
                    continue
                generation = running.pop(index)
                generation.cancel()  # before the last delta: the client may take its time with it
                reader.cached_tokens = generation.cached_tokens if index in firsts else 0
                usage = _together(usage, reader.usage, prompt_tokens)
                for delta in reader.finish(tokens.finish or StopReason.STOP):
                    yield delta if delta.finish is None else replace(delta, usage=None if running else usage)
        finally:
            for generation in running.values():
                generation.cancel()

    async def _prepared(self, tenant: str, request: ChatRequest) -> PreparedAnswer:
        """The request, ready for the engine. One with a grammar waits for its turn, and never on a thread of others."""
        prepare = partial(self.local.prepare, request, tenant)
        if may_need_grammar(request):
            return await self._grammars.run(tenant, prepare)
        return await asyncio.to_thread(prepare)

    def _submit(
        self,
        prepared: PreparedAnswer,
        choice: Choice,
        tenant: str,
        first: Generation | None,
        on_delta: Callable[[TokenDelta], None],
    ) -> Generation:
        """Give one choice to the engine; the others wait until the first has read the prompt, if it is theirs too."""
        return self.local.engine.submit(
            choice.ids,
            choice.params,
            mask=prepared.mask(),
            on_delta=on_delta,
            namespace=namespace(self.model, tenant, prepared.cache_salt),
            boundaries=prepared.boundaries,
            priority=prepared.priority,
            follows=first if choice.ids == prepared.ids else None,
        )

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

    @property
    def totals(self) -> Totals:
        """What its engine has counted."""
        return self.local.engine.totals

    def load_now(self) -> EngineLoad:
        """What its engine does at this moment."""
        return self.local.engine.load()

    @property
    def context(self) -> int:
        """See `Tokenizes`."""
        return self.local.context

    async def tokenize(self, request: ChatRequest) -> list[int]:
        """See `Tokenizes`."""
        return await asyncio.to_thread(self.local.prompt_ids, request)

    async def detokenize(self, prompts: Sequence[Sequence[int]], *, swap: bool = False) -> list[str]:
        """See `Tokenizes`."""
        return await asyncio.to_thread(lambda: [self.local.text_of(ids) for ids in prompts])

    async def ready(self) -> bool:
        """Whether the engine runs."""
        return self.local.engine.alive

    async def close(self) -> None:
        """Stop the engine, and so the questions under way."""
        await asyncio.to_thread(self.local.close)
        await asyncio.to_thread(self._questions.shutdown, cancel_futures=True)
        await asyncio.to_thread(self._grammars.close)


def _together(before: Usage | None, more: Usage, prompt_tokens: int) -> Usage:
    """Usage of several answers, whose prompts have `prompt_tokens` together."""
    if before is None:
        return replace(more, prompt_tokens=prompt_tokens)
    return Usage(
        prompt_tokens,
        before.completion_tokens + more.completion_tokens,
        cached_tokens=before.cached_tokens + more.cached_tokens,
        reasoning_tokens=before.reasoning_tokens + more.reasoning_tokens,
    )
