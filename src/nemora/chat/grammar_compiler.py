"""Compiles grammars for one model's vocabulary: first in a process that can be killed, then here.

There are a few such processes, so that a grammar that takes its whole time delays only those that come when all are
taken. The second is started when one is busy for the first time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import llguidance

from nemora.chat.grammar import Grammar
from nemora.chat.grammar_cache import GrammarCache
from nemora.chat.grammar_job import options_of
from nemora.chat.grammar_mask import GrammarMask
from nemora.chat.grammar_vocabulary import GrammarVocabulary
from nemora.chat.tokenizer import Tokenizer
from nemora.errors import RequestError, UnsupportedField, WorkerFailed
from nemora.worker import Worker

SECONDS = 5.0
AT_ONCE = 3
"""Grammars that are compiled at the same time, each in a process of its own."""
MEMORY_BYTES = 2 * 1024**3


class GrammarCompiler:
    """Thread-safe. Takes a while: not for an event loop or the engine's thread.

    What was compiled is kept for its owner only, so nobody can tell by the time it takes what others have asked for.

    Args:
        vocab_size: of the model.
        seconds: time for one grammar, from when a process is free for it.
    """

    def __init__(self, tokenizer: Tokenizer, vocab_size: int, *, seconds: float = SECONDS) -> None:
        self._tokenizer = tokenizer
        self._eos_ids = frozenset(i for i in tokenizer.eos_ids if i < min(tokenizer.size, vocab_size))
        self._vocab_size = vocab_size
        self._seconds = seconds
        self._lock = threading.Lock()
        self._vocabulary: GrammarVocabulary | None = None
        self._cache = GrammarCache()
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._options: dict[str, Any] = {}
        self._workers: list[Worker] = []
        self._idle: list[Worker] = []

    def compile(self, grammar: Grammar, owner: str = "") -> Callable[[], GrammarMask]:
        """What makes a mask at the beginning of the grammar, a new one for each answer.

        Args:
            owner: whose the grammar is; only they get what is kept of it.

        Raises:
            RequestError: the grammar is wrong, not supported or too complex; `param` names its field.
            UnsupportedField: the vocabulary has no token that ends an answer.
        """
        if not self._eos_ids:
            raise UnsupportedField(
                "The local model's vocabulary has no token that ends an answer, so none can be given a form.",
                param=grammar.param,
            )
        first = self._cache.get(owner, grammar)
        if first is None:
            first = self._compiled(grammar)
            self._cache.put(owner, grammar, first)
        return lambda: GrammarMask(first.deep_copy(), self._vocab_size, param=grammar.param)

    def _compiled(self, grammar: Grammar) -> llguidance.LLMatcher:
        vocabulary = self._started()
        try:
            with self._worker() as worker:
                worker.call(grammar.source, self._seconds)
            return vocabulary.matcher(grammar.source)
        except RequestError as error:
            raise RequestError(f"{grammar.param} cannot be enforced: {error.message}.", param=grammar.param) from None
        except WorkerFailed:
            raise RequestError(
                f"{grammar.param} is too complex: it could not be compiled within {self._seconds:g} seconds and "
                f"{MEMORY_BYTES // 1024**3} GiB; make it smaller.",
                param=grammar.param,
            ) from None

    def close(self) -> None:
        """End the child processes."""
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            worker.close()

    @contextmanager
    def _worker(self) -> Iterator[Worker]:
        """A process that nobody else uses: the one that was used last, as it is started."""
        with self._turns:
            with self._lock:
                if not self._idle:
                    worker = Worker("nemora.chat.grammar_job:start", self._options, memory_bytes=MEMORY_BYTES)
                    self._workers.append(worker)
                    self._idle.append(worker)
                worker = self._idle.pop()
            try:
                yield worker
            finally:
                with self._lock:
                    self._idle.append(worker)

    def _started(self) -> GrammarVocabulary:
        with self._lock:
            if self._vocabulary is None:
                size, special = min(self._tokenizer.size, self._vocab_size), self._tokenizer.special
                pieces = [self._tokenizer.bytes_of(i) for i in range(size)]
                special_ids = {i for i in {*special.ids.values(), *special.hidden} if i < size}
                self._options = options_of(pieces, special_ids, self._eos_ids)
                self._vocabulary = GrammarVocabulary(pieces, special_ids, self._eos_ids, self._tokenizer.encode)
            return self._vocabulary
