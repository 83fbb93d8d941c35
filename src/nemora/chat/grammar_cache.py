"""Grammars that were compiled, by a hash of their text. Each owner's are its own: others' never come any sooner."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

import llguidance

from nemora.chat.grammar import Grammar

KEPT = 64
"""Of all owners together."""
KEPT_OF_ONE = 16


class GrammarCache:
    """Matchers at the beginning of their grammars, to be copied and never advanced. Thread-safe."""

    def __init__(self, most: int = KEPT, of_one: int = KEPT_OF_ONE) -> None:
        self._most = most
        self._of_one = of_one
        self._matchers: OrderedDict[tuple[str, bytes], llguidance.LLMatcher] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, owner: str, grammar: Grammar) -> llguidance.LLMatcher | None:
        """The owner's matcher of this grammar, if it is kept."""
        key = _key(owner, grammar)
        with self._lock:
            if key in self._matchers:
                self._matchers.move_to_end(key)
            return self._matchers.get(key)

    def put(self, owner: str, grammar: Grammar, matcher: llguidance.LLMatcher) -> None:
        """Keep it. What was used least recently goes: first the owner's own, so that no owner drives out others'."""
        with self._lock:
            self._matchers[_key(owner, grammar)] = matcher
            own = [key for key in self._matchers if key[0] == owner]
            if len(own) > self._of_one:
                del self._matchers[own[0]]
            while len(self._matchers) > self._most:
                self._matchers.popitem(last=False)


def _key(owner: str, grammar: Grammar) -> tuple[str, bytes]:
    return owner, hashlib.sha256(grammar.source.encode("utf-8", "surrogatepass")).digest()
