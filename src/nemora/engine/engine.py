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
from typing import Literal

from nemora.core import StopReason
from nemora.engine.continuations import continuation_logprobs, nesting
from nemora.engine.drafting import DraftCosts, Drafting
from nemora.engine.figures import EngineLoad, Totals
from nemora.engine.generation import Generation
from nemora.engine.memory import Memory
from nemora.engine.request import GenerationParams, Priority, TokenDelta, TokenMask
from nemora.engine.runner import Runner
from nemora.engine.scheduler import Scheduler
from nemora.engine.sequence import Sequence, Stage
from nemora.engine.speculation import MOST_DRAFTS
from nemora.errors import ContextLengthExceeded, LocalModelDown, ModelError, NemoraError, Overloaded, RequestError
from nemora.models.base import Model
from nemora.models.state import State
from nemora.ops.kv_format import KVCache

log = logging.getLogger(__name__)

PREFILL_CHUNK = 128
"""Tokens of a prompt that are read in one step; others wait no longer than this takes."""

MAX_WAITING_TOKENS = 1 << 20

SpeculationMode = Literal["off", "auto", "always"]

RETRY_SECONDS = 0.1
"""How often somebody who waits for memory looks at his deadline."""


class Engine:
    """Continues token sequences with one model, on a thread of its own.

    Each sequence has its own state, random numbers and forward passes, and its prompt is always cut at the same
    places, whatever the cache knows of it. So what it gets depends on its ids, its parameters and its seed alone, and
    not on what else runs or ran: see `deterministic`.

    Args:
        context: most tokens of a sequence, prompt and continuation together; less where `memory` holds less.
        memory: bytes for sequences, the workspace of a forward pass and the prefix cache; None: without limit.
        cache_bytes: most that the prefix cache takes of it; 0: there is none. It takes only what sequences leave.
        max_running: sequences that hold memory and take turns.
        max_waiting: sequences beyond these that may wait; more get `Overloaded`.
        max_waiting_tokens: likewise of the tokens of their prompts; one prompt may always wait.
        step_tokens: see `Scheduler`; by default one chunk.
        batched: let sequences that decode share their forward passes, which is faster for many, even where what each
            gets then depends on its company by rounding. Where it does not, they share them anyway.
        speculation: "auto" drafts tokens, by looking up what followed before or with the model's draft head if that was
            loaded, and reads them with the last one, where that is measured to give more tokens a second; "always"
            does it whenever there are drafts. What is drawn has the model's own distribution either way; but as numbers
            of a pass over several tokens are rounded otherwise, an answer may then depend on it, which it does not with
            "off". Only sequences that are stepped alone draft.
        kv_cache: the form in which sequences keep keys and values: see `ops.kv_format`.

    Raises:
        ModelError: `memory` does not hold even the shortest sequence.
    """

    def __init__(
        self,
        model: Model,
        *,
        context: int,
        memory: int | None = None,
        cache_bytes: int = 0,
        max_running: int = 64,
        max_waiting: int = 256,
        max_waiting_tokens: int = MAX_WAITING_TOKENS,
        prefill_chunk: int = PREFILL_CHUNK,
        step_tokens: int | None = None,
        batched: bool = False,
        speculation: SpeculationMode = "off",
        kv_cache: KVCache = "auto",
    ) -> None:
        drafts = 0 if speculation == "off" else MOST_DRAFTS
        self._memory = Memory(
            model,
            context=context,
            chunk=prefill_chunk,
            total=memory,
            cache_bytes=cache_bytes,
            drafts=drafts,
            kv_cache=kv_cache,
        )
        self._new_state = partial(model.new_state, kv_cache=kv_cache)
        self.context = self._memory.context
        self._model = model
        self._vocab_size = model.config.vocab_size
        self._max_waiting = max_waiting
        self._max_waiting_tokens = max_waiting_tokens
        self._prefill_chunk = prefill_chunk
        self._runner = Runner(model, self._memory.cache, self._new_state)
        self._scheduler = Scheduler(
            max_running=max_running,
            step_tokens=step_tokens or prefill_chunk,
            budget=self._memory.budget,
            cost=self._memory.cost,
            together=max_running if batched or self._memory.exact else 1,
            known=self._memory.cache.known if self._memory.cache is not None else None,
        )
        self._condition = threading.Condition()
        self._closing = False
        self._alive = True
        self._speculation = speculation
        self._draft_costs = DraftCosts()
        self._stepping: list[Sequence] = []
        self._recent_seconds = 1.0
        self.totals = Totals()
        """What it has done. May be replaced by those of an earlier engine of the same model, to go on counting."""
        self._thread = threading.Thread(target=self._run, name="nemora-engine", daemon=True)
        self._thread.start()
        # A daemon thread inside a kernel must not outlive the interpreter's state.
        self._at_exit = partial(_close, weakref.ref(self))
        atexit.register(self._at_exit)

    @property
    def alive(self) -> bool:
        """Whether `submit` can succeed. Never waits."""
        return self._alive and not self._closing

    @property
    def deterministic(self) -> bool:
        """Whether a sequence with a seed, or a greedy one, gets the same tokens each time, whatever company it has and
        whether the cache knew its prompt; on one machine, with the same kernels. True unless `batched` or drafting, and
        then too for a model that reads exactly (`native_step.reads_exactly`)."""
        return self._memory.exact or (self._scheduler.together == 1 and self._speculation == "off")

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
        namespace: str = "",
        boundaries: AnySequence[int] = (),
        priority: Priority = Priority.NORMAL,
        follows: Generation | None = None,
    ) -> Generation:
        """Queue a sequence. Its deltas go to `on_delta`, called on the engine thread, or are iterated over.

        Args:
            namespace: what was read is shared within it, and never with another.
            boundaries: positions, such as the beginnings of turns, at which the prompt is cut by preference, so that
                another prompt that parts there finds all before it read. They must follow from the ids before them.
            follows: one of the same prompt. This one waits until that has read it, and finds it in the cache.

        Raises:
            RequestError: no ids, or one outside the vocabulary; also in `logit_bias`.
            ContextLengthExceeded: the prompt leaves no room for a new token, in the context or in memory.
            Overloaded: too many wait; `retry_after` says for how many seconds.
            LocalModelDown: the engine is closed or its thread has died.
        """
        self._check_prompt(ids)
        params.check_vocabulary(self._vocab_size)
        generation = Generation(self._cancel, on_delta)
        sequence = Sequence(
            ids,
            params,
            context=self.context,
            chunk=self._prefill_chunk,
            deliver=generation.deliver,
            mask=mask,
            namespace=namespace,
            boundaries=boundaries,
            priority=priority,
            leader=follows.sequence if follows is not None else None,
            speculation=self._new_speculation(),
            keep=self._runner.keep_answer,
        )
        generation.attach(sequence)
        with self._condition:
            if not self.alive:
                raise _down()
            self._refuse_overload(sequence)
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
        kept = nesting(continuations)
        needed = self._memory.cost.of_length(longest) + kept * self._memory.cost.per_sequence
        if longest > self.context or needed > self._memory.budget.total:
            raise ContextLengthExceeded(self._memory.refusal(longest, snapshots=kept))
        until = time.monotonic() + seconds

        def check() -> None:
            if not self.alive:
                raise _down()
            if time.monotonic() > until:
                raise ModelError(f"The local model did not end within {seconds:.1f} seconds.")

        holder = object()
        self._reserve(holder, needed, check)
        try:
            return continuation_logprobs(
                self._model,
                prefix,
                continuations,
                chunk=self._prefill_chunk,
                check=check,
                new_state=self._new_state,
            )
        except NemoraError:
            raise
        except Exception as error:  # noqa: BLE001 - torch raises RuntimeError for nearly everything
            log.error("a forward pass failed with %s", type(error).__name__)
            raise ModelError(f"The local model failed with {type(error).__name__}.") from None
        finally:
            with self._condition:
                self._memory.budget.release(holder)
                self._memory.limit_cache()
                self._condition.notify_all()

    def refusal(self, prompt: int) -> str:
        """Why a prompt of `context` tokens or more is not read, in one sentence."""
        return self._memory.refusal(prompt + 1)

    def new_state(self, capacity: int) -> State:
        """An empty state as the engine's sequences have it. Its memory is the caller's affair."""
        return self._new_state(capacity)

    def close(self) -> None:
        """Stop after the step that runs now. Whoever still waits gets `LocalModelDown`."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join()
        atexit.unregister(self._at_exit)

    def load(self) -> EngineLoad:
        """What it does at this moment. Never waits for a step."""
        with self._condition:
            cache = self._memory.cache
            return EngineLoad(
                running=len(self._scheduler.prefilling) + len(self._scheduler.decoding),
                waiting=len(self._scheduler.waiting),
                waiting_tokens=self._scheduler.waiting_tokens,
                state_bytes=self._memory.budget.held,
                cache_bytes=cache.bytes if cache is not None else 0,
                memory_bytes=self._memory.budget.total,
            )

    def check_integrity(self) -> None:
        """Raise RuntimeError if queues, memory or cache contradict themselves. Waits for the step that runs now."""
        with self._condition:
            self._condition.wait_for(lambda: not self._stepping)
            self._scheduler.check_integrity()
            self._memory.check_integrity()
            if not self._alive and len(self._scheduler):
                raise RuntimeError("the engine is down and still has sequences")

    def _new_speculation(self) -> Drafting | None:
        if self._speculation == "off":
            return None
        return Drafting(self._model, self._draft_costs, always=self._speculation == "always")

    def _check_prompt(self, ids: AnySequence[int]) -> None:
        self._check_ids(ids)
        if len(ids) >= self.context:
            raise ContextLengthExceeded(self.refusal(len(ids)))

    def _refuse_overload(self, sequence: Sequence) -> None:
        scheduler = self._scheduler
        tokens = scheduler.waiting_tokens
        full = len(scheduler) >= scheduler.max_running + self._max_waiting
        if full or (tokens and tokens + sequence.to_read > self._max_waiting_tokens):
            raise Overloaded(
                f"The local model already has {len(scheduler)} requests, and {tokens} tokens wait to be read; "
                "try again later.",
                retry_after=max(1, min(60, round(self._recent_seconds))),
            )

    def _reserve(self, holder: object, needed: int, check: Callable[[], None]) -> None:
        """Wait until `needed` bytes are reserved; `check` may end that."""
        with self._condition:
            check()
            while not self._memory.budget.reserve(holder, needed, needed):
                self._condition.wait(RETRY_SECONDS)
                check()
            self._memory.limit_cache()

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
            while sequences := self._next():
                self._step(sequences)
                self._settle(sequences)
        except Exception as error:  # noqa: BLE001 - whatever it is, everybody who waits must hear that the engine is gone
            log.critical("the engine thread died of %s", type(error).__name__)
        finally:
            self._abandon()

    def _next(self) -> list[Sequence]:
        """Wait for work, end what was cancelled, and pick whose turn it is; nobody's when closing."""
        while True:
            with self._condition:
                gone = self._scheduler.cancelled()
                for sequence in gone:
                    self._scheduler.remove(sequence)
                self._stepping = gone if gone or self._closing else self._scheduler.next()
                if not gone:
                    self._memory.limit_cache()
                    if self._stepping or self._closing:
                        return self._stepping
                    self._condition.wait()
            for sequence in gone:  # outside the lock: callbacks may submit or cancel
                self._guarded(sequence, partial(self._end_cancelled, sequence))
            if gone:
                self._settle(gone)

    def _end_cancelled(self, sequence: Sequence) -> None:
        self._runner.keep_cancelled(sequence)
        sequence.finish(StopReason.CANCELLED)

    def _settle(self, sequences: AnySequence[Sequence]) -> None:
        """Sequences were stepped or ended: put them where they belong now."""
        with self._condition:
            self._stepping = []
            for sequence in sequences:
                self._scheduler.move(sequence)
            self._condition.notify_all()

    def _step(self, sequences: AnySequence[Sequence]) -> None:
        """One forward pass, and a token for each whose prompt is read. Its failure is each sequence's own."""
        since, stages = time.perf_counter(), [sequence.stage for sequence in sequences]
        began = [sequence.computed if sequence.state is not None else None for sequence in sequences]
        outcomes = self._runner.step(sequences)
        drawn = sum(len(outcome) for outcome in outcomes if not isinstance(outcome, Exception))
        self.totals.count(sequences, began, drawn, time.perf_counter() - since)
        for sequence, stage, outcome in zip(sequences, stages, outcomes, strict=True):
            if isinstance(outcome, Exception):
                self._guarded(sequence, partial(sequence.fail, _failure(outcome)))
                continue
            sequence.count_time(stage, since)
            for token in outcome:
                if sequence.stage is Stage.DONE:
                    break
                sequence.stage = Stage.DECODE
                self._guarded(sequence, partial(sequence.add, *token))
                if sequence.stage is Stage.DONE:
                    self._recent_seconds = sequence.prefill_seconds + sequence.decode_seconds

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
            self._stepping = []
            left = list(self._scheduler)
            for sequence in left:
                self._scheduler.remove(sequence)
            self._condition.notify_all()
        for sequence in left:
            self._guarded(sequence, partial(sequence.fail, _down()))
            self._memory.budget.release(sequence)


def _failure(error: Exception) -> NemoraError:
    if isinstance(error, NemoraError):
        return error
    log.error("a forward pass failed with %s", type(error).__name__)
    return ModelError(f"The local model failed with {type(error).__name__}; other requests go on.")


def _down() -> LocalModelDown:
    return LocalModelDown("The local model is not running; restart Nemora to load it again.")


def _close(reference: weakref.ref[Engine]) -> None:
    engine = reference()
    if engine is not None:
        engine.close()
