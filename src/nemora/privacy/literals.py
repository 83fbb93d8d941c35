"""Which of many literals stand in a text: one pass of RE2 over it, where Python's `in` takes one for each literal."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import re2

_ALWAYS = b"\xff"
"""Stands behind every text and in none: where it is not found, RE2 ran out of memory."""
_NOTHING: frozenset[str] = frozenset()


class Literals:
    """Literals in lower case, compiled at the first use."""

    def __init__(self, literals: Iterable[str]) -> None:
        self._all = tuple(sorted(set(literals)))
        self._ascii = tuple(literal for literal in self._all if literal.isascii())
        self._others = tuple(literal for literal in self._all if not literal.isascii())

    @cached_property
    def _set(self) -> Any:
        options = re2.Options()
        options.literal = options.never_capture = True
        options.max_mem = 8 << 20
        options.encoding = re2.Options.Encoding.LATIN1
        found = re2.Set.SearchSet(options)
        for literal in (*(literal.encode("ascii") for literal in self._ascii), _ALWAYS):
            found.Add(literal)
        found.Compile()
        return found

    def there(self, lowered: str) -> frozenset[str]:
        """Those that stand in `lowered`, a text in lower case."""
        places = self._set.Match(lowered.encode("ascii", "replace") + _ALWAYS) or ()
        if len(self._ascii) not in places:
            return frozenset(literal for literal in self._all if literal in lowered)
        if len(places) == 1 and lowered.isascii():
            return _NOTHING
        found = [self._ascii[place] for place in places if place < len(self._ascii)]
        if not lowered.isascii():  # all that is not ASCII is one sign there
            found = [literal for literal in found if literal in lowered]
            found += [literal for literal in self._others if literal in lowered]
        return frozenset(found)
