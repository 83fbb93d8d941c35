"""Compiles grammars for one model's vocabulary: first in a process that can be killed, then here."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nemora.chat.grammar import Grammar
from nemora.chat.grammar_job import options_of
from nemora.chat.grammar_mask import GrammarMask
from nemora.chat.grammar_vocabulary import GrammarVocabulary
from nemora.chat.tokenizer import Tokenizer
from nemora.errors import RequestError, UnsupportedField, WorkerFailed
from nemora.worker import Worker

SECONDS = 5.0
MEMORY_BYTES = 2 * 1024**3


class GrammarCompiler:
    """Thread-safe. Takes a while: not for an event loop or the engine's thread.

    Nothing is kept of a grammar, so nobody can tell by the time it takes what others have asked for.

    Args:
        vocab_size: of the model.
        seconds: time for one grammar.
    """

    def __init__(self, tokenizer: Tokenizer, vocab_size: int, *, seconds: float = SECONDS) -> None:
        self._tokenizer = tokenizer
        self._eos_ids = frozenset(i for i in tokenizer.eos_ids if i < min(tokenizer.size, vocab_size))
        self._vocab_size = vocab_size
        self._seconds = seconds
        self._lock = threading.Lock()
        self._vocabulary: GrammarVocabulary | None = None
        self._worker: Worker | None = None

    def compile(self, grammar: Grammar) -> Callable[[], GrammarMask]:
        """What makes a mask at the beginning of the grammar, a new one for each answer.

        Raises:
            RequestError: the grammar is wrong, not supported or too complex; `param` names its field.
            UnsupportedField: the vocabulary has no token that ends an answer.
        """
        if not self._eos_ids:
            raise UnsupportedField(
                "The local model's vocabulary has no token that ends an answer, so none can be given a form.",
                param=grammar.param,
            )
        worker, vocabulary = self._started()
        try:
            worker.call(grammar.source, self._seconds)
            first = vocabulary.matcher(grammar.source)
        except RequestError as error:
            raise RequestError(f"{grammar.param} cannot be enforced: {error.message}.", param=grammar.param) from None
        except WorkerFailed:
            raise RequestError(
                f"{grammar.param} is too complex: it could not be compiled within {self._seconds:g} seconds and "
                f"{MEMORY_BYTES // 1024**3} GiB; make it smaller.",
                param=grammar.param,
            ) from None
        return lambda: GrammarMask(first.deep_copy(), self._vocab_size, param=grammar.param)

    def close(self) -> None:
        """End the child process."""
        with self._lock:
            if self._worker is not None:
                self._worker.close()

    def _started(self) -> tuple[Worker, GrammarVocabulary]:
        with self._lock:
            if self._worker is None or self._vocabulary is None:
                size, special = min(self._tokenizer.size, self._vocab_size), self._tokenizer.special
                pieces = [self._tokenizer.bytes_of(i) for i in range(size)]
                special_ids = {i for i in {*special.ids.values(), *special.hidden} if i < size}
                options = options_of(pieces, special_ids, self._eos_ids)
                self._worker = Worker("nemora.chat.grammar_job:start", options, memory_bytes=MEMORY_BYTES)
                self._vocabulary = GrammarVocabulary(pieces, special_ids, self._eos_ids, self._tokenizer.encode)
            return self._worker, self._vocabulary
