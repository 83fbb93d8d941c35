"""The engine: one thread that runs a model for many callers, a step at a time. Token ids only."""

from __future__ import annotations

import atexit
import logging
import math
import threading
import time
import weakref
from collections.abc import Callable
from collections.abc import Sequence as AnySequence
from functools import partial

import torch

from nemora.core import StopReason
from nemora.engine.continuations import continuation_logprobs
from nemora.engine.generation import Generation
from nemora.engine.request import GenerationParams, TokenDelta, TokenMask
from nemora.engine.sampler import sample
from nemora.engine.scheduler import Scheduler
from nemora.engine.sequence import Sequence, Stage
from nemora.errors import ContextLengthExceeded, LocalModelDown, ModelError, NemoraError, Overloaded, RequestError
from nemora.models.base import Model

log = logging.getLogger(__name__)

PREFILL_CHUNK = 128
"""Tokens of a prompt that are read in one step; others wait no longer than this takes."""


class Engine:
    """Continues token sequences with one model, on a thread of its own.

    Each sequence has its own state, random numbers and forward passes, and its prompt is always cut at the same
    places. So what it gets does not depend on what else runs.

    Args:
        context: most tokens of a sequence, prompt and continuation together.
        max_running: sequences that hold memory and take turns.
        max_waiting: sequences beyond these that may wait; more get `Overloaded`.
    """

    def __init__(
        self,
        model: Model,
        *,
        context: int,
        max_running: int = 64,
        max_waiting: int = 256,
        prefill_chunk: int = PREFILL_CHUNK,
    ) -> None:
        self.context = context
        self._model = model
        self._vocab_size = model.config.vocab_size
        self._max_waiting = max_waiting
        self._prefill_chunk = prefill_chunk
        self._scheduler = Scheduler(max_running=max_running)
        self._condition = threading.Condition()
        self._closing = False
        self._alive = True
        self._stepping: Sequence | None = None
        self._recent_seconds = 1.0
        self._thread = threading.Thread(target=self._run, name="nemora-engine", daemon=True)
        self._thread.start()
        # A daemon thread inside a kernel must not outlive the interpreter's state.
        atexit.register(_close, weakref.ref(self))

    @property
    def alive(self) -> bool:
        """Whether `submit` can succeed. Never waits."""
        return self._alive and not self._closing

    @property
    def active(self) -> int:
        """Sequences that run or wait."""
        return len(self._scheduler)

    def submit(
        self,
        ids: AnySequence[int],
        params: GenerationParams,
        *,
        mask: TokenMask | None = None,
        on_delta: Callable[[TokenDelta], None] | None = None,
    ) -> Generation:
        """Queue a sequence. Its deltas go to `on_delta`, called on the engine thread, or are iterated over.

        Raises:
            RequestError: no ids, or one outside the vocabulary.
            ContextLengthExceeded: the prompt leaves no room for a new token.
            Overloaded: too many wait; `retry_after` says for how many seconds.
            LocalModelDown: the engine is closed or its thread has died.
        """
        self._check_prompt(ids)
        generation = Generation(self._cancel, on_delta)
        sequence = Sequence(ids, params, limit=self.context, mask=mask, deliver=generation.deliver)
        generation.attach(sequence)
        with self._condition:
            if not self.alive:
                raise _down()
            if len(self._scheduler) >= self._scheduler.max_running + self._max_waiting:
                raise Overloaded(
                    f"The local model already has {len(self._scheduler)} requests; try again later.",
                    retry_after=max(1, min(60, round(self._recent_seconds))),
                )
            self._scheduler.add(sequence)
            self._condition.notify_all()
        return generation

    def logprobs(
        self, prefix: AnySequence[int], continuations: AnySequence[AnySequence[int]], *, seconds: float = math.inf
    ) -> list[list[float]]:
        """The log-probability of each token of some continuations of one prefix. Nothing is sampled.

        Runs on the caller's thread, with a state of its own, beside what the engine's thread does.

        Args:
            seconds: a deadline; it is looked at before each forward pass.

        Raises:
            RequestError: the prefix or a continuation is empty, or an id lies outside the vocabulary.
            ContextLengthExceeded: a continuation does not fit.
            LocalModelDown: the engine is closed or its thread has died.
            ModelError: the model failed, or the deadline has passed.
        """
        for ids in (prefix, *continuations):
            self._check_ids(ids)
        longest = len(prefix) + max(map(len, continuations), default=0)
        if longest > self.context:
            raise ContextLengthExceeded(f"{longest} tokens do not fit the context of {self.context} tokens.")
        until = time.monotonic() + seconds

        def check() -> None:
            if not self.alive:
                raise _down()
            if time.monotonic() > until:
                raise ModelError(f"The local model did not end within {seconds:.1f} seconds.")

        try:
            return continuation_logprobs(self._model, prefix, continuations, chunk=self._prefill_chunk, check=check)
        except NemoraError:
            raise
        except Exception as error:  # noqa: BLE001 - torch raises RuntimeError for nearly everything
            log.error("a forward pass failed with %s", type(error).__name__)
            raise ModelError(f"The local model failed with {type(error).__name__}.") from None

    def close(self) -> None:
        """Stop after the step that runs now. Whoever still waits gets `LocalModelDown`."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def check_integrity(self) -> None:
        """Raise RuntimeError if the queues contradict themselves. Waits for the step that runs now."""
        with self._condition:
            self._condition.wait_for(lambda: self._stepping is None)
            self._scheduler.check_integrity()
            if not self._alive and len(self._scheduler):
                raise RuntimeError("the engine is down and still has sequences")

    def _check_prompt(self, ids: AnySequence[int]) -> None:
        self._check_ids(ids)
        if len(ids) >= self.context:
            raise ContextLengthExceeded(
                f"The prompt has {len(ids)} tokens, and the context of {self.context} tokens must hold it and "
                "at least one more; shorten the prompt."
            )

    def _check_ids(self, ids: AnySequence[int]) -> None:
        if not ids:
            raise RequestError("The prompt has no tokens; at least one was expected.")
        if min(ids) < 0 or max(ids) >= self._vocab_size:
            raise RequestError(f"A token id lies outside the vocabulary; 0 to {self._vocab_size - 1} were expected.")

    def _cancel(self, sequence: Sequence) -> None:
        with self._condition:
            sequence.cancelled = True
            self._condition.notify_all()

    def _run(self) -> None:
        try:
            while (sequence := self._next()) is not None:
                self._step(sequence)
                with self._condition:
                    self._stepping = None
                    self._scheduler.move(sequence)
                    self._condition.notify_all()
        except Exception as error:  # noqa: BLE001 - whatever it is, everybody who waits must hear that the engine is gone
            log.critical("the engine thread died of %s", type(error).__name__)
        finally:
            self._abandon()

    def _next(self) -> Sequence | None:
        """Wait for work, end what was cancelled, and pick whose turn it is; None when closing."""
        while True:
            with self._condition:
                gone = self._scheduler.cancelled()
                for sequence in gone:
                    self._scheduler.remove(sequence)
                picked = None if gone or self._closing else self._scheduler.next()
                if picked is not None:
                    self._stepping = picked
                    return picked
                if not gone:
                    if self._closing:
                        return None
                    self._condition.wait()
            for sequence in gone:  # outside the lock: callbacks may submit or cancel
                self._guarded(sequence, partial(sequence.finish, StopReason.CANCELLED))

    def _step(self, sequence: Sequence) -> None:
        """One forward pass of one sequence, and a token if its prompt is read. Its failure is its own."""
        since, stage = time.perf_counter(), sequence.stage
        try:
            token_id = self._forward(sequence)
        except NemoraError as error:
            self._guarded(sequence, partial(sequence.fail, error))
            return
        except Exception as error:  # noqa: BLE001 - torch raises RuntimeError for nearly everything
            log.error("a forward pass failed with %s", type(error).__name__)
            failure = ModelError(f"The local model failed with {type(error).__name__}; other requests go on.")
            self._guarded(sequence, partial(sequence.fail, failure))
            return
        sequence.count_time(stage, since)
        if token_id is not None:
            sequence.stage = Stage.DECODE
            self._guarded(sequence, partial(sequence.add, token_id))
            if sequence.stage is Stage.DONE:
                self._recent_seconds = sequence.prefill_seconds + sequence.decode_seconds

    def _forward(self, sequence: Sequence) -> int | None:
        """Read the next chunk; return the token drawn after it, or None while the prompt goes on."""
        chunk = sequence.next_chunk(self._prefill_chunk)
        length = sequence.computed + len(chunk)
        with torch.inference_mode():
            if sequence.state is None:
                sequence.state = self._model.new_state(sequence.room_for(length))
            elif length > sequence.state.capacity:
                sequence.state.grow(sequence.room_for(length))
            logits = self._model.forward(torch.tensor([chunk]), sequence.state, last_only=True)
            if length < len(sequence.ids):
                return None
            allowed = sequence.mask.allowed() if sequence.mask is not None else None
            token_id = sample(logits[0, -1], sequence.params, sequence.generator, allowed)
            if sequence.mask is not None and token_id not in sequence.params.stop_ids:
                sequence.mask.accept(token_id)
            return token_id

    def _guarded(self, sequence: Sequence, deliver: Callable[[], None]) -> None:
        """Deliver to a caller's code. If that raises, the caller has gone: its sequence ends, nobody else's."""
        try:
            deliver()
        except Exception as error:  # noqa: BLE001 - the caller's code may raise anything
            log.warning("a delta could not be delivered: %s", type(error).__name__)
            sequence.abandon()

    def _abandon(self) -> None:
        """Tell everybody who still waits that the engine is gone."""
        with self._condition:
            self._alive = False
            self._stepping = None
            left = list(self._scheduler)
            for sequence in left:
                self._scheduler.remove(sequence)
            self._condition.notify_all()
        for sequence in left:
            self._guarded(sequence, partial(sequence.fail, _down()))


def _down() -> LocalModelDown:
    return LocalModelDown("The local model is not running; restart Nemora to load it again.")


def _close(reference: weakref.ref[Engine]) -> None:
    engine = reference()
    if engine is not None:
        engine.close()
