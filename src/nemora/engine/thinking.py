"""Ends reasoning that has become too long: by token ids, so it holds for any model whose reasoning has tags."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from nemora.errors import RequestError

LEADING = 4
"""Tokens, white space mostly, that may stand before the opening tag; further down it is text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingLimit:
    """How much one answer may reason, and in which ids.

    `open` and `close` are the tags; `inside` says that the prompt has opened them. After `soft` tokens of reasoning
    `close` is written behind the next of `newlines`; once there are `hard` of them `cut` is written, a line's end and
    `close`, wherever it stands. (NVIDIA's budget control, model card of Nemotron 3 Nano; vLLM's
    `thinking_token_budget` is `hard` alone.)
    """

    open: tuple[int, ...]
    close: tuple[int, ...]
    cut: tuple[int, ...]
    newlines: frozenset[int]
    inside: bool
    soft: int
    hard: int

    def __post_init__(self) -> None:
        if not self.close or not self.cut or not 0 <= self.soft <= self.hard:
            raise RequestError("A limit of reasoning needs tokens that close it, and 0 <= soft <= hard.")


class ThinkingWatch:
    """Follows one answer. `forced` is the id that must come next, if one must."""

    def __init__(self, limit: ThinkingLimit) -> None:
        self._limit = limit
        self._inside, self._over = limit.inside, False
        self._written = self._thought = 0
        longest = max(len(limit.open), len(limit.close))
        self._last: deque[int] = deque(maxlen=longest)
        self._pending: deque[int] = deque(self._due(None))

    @property
    def forced(self) -> int | None:
        return self._pending[0] if self._pending else None

    def accept(self, token_id: int) -> None:
        """A token was written, forced or drawn."""
        self._written += 1
        self._last.append(token_id)
        if self._pending:
            self._pending.popleft()
            self._over = not self._pending
            return
        if self._over:
            return
        if not self._inside:
            self._inside = self._ends_with(self._limit.open)
            self._over = not self._inside and self._written >= LEADING + len(self._limit.open)
            self._pending.extend(self._due(None))
            return
        self._thought += 1
        if self._ends_with(self._limit.close):
            self._over = True
        else:
            self._pending.extend(self._due(token_id))

    def _due(self, last: int | None) -> Sequence[int]:
        """What must be written now."""
        if not self._inside:
            return ()
        at_line_end = last is None or last in self._limit.newlines
        if self._thought >= self._limit.soft and at_line_end:
            return self._limit.close
        return self._limit.cut if self._thought >= self._limit.hard else ()

    def _ends_with(self, ids: Sequence[int]) -> bool:
        return bool(ids) and list(self._last)[-len(ids) :] == list(ids)
