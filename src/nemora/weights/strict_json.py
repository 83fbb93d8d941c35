"""JSON from files that others wrote: an object, of bounded parts and depth, without duplicate keys or odd numbers."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from nemora.errors import CorruptCheckpoint
from nemora.models.config_reader import shown

MAX_CONTAINERS = 1 << 20
MAX_KEYS = 1 << 21
MAX_ITEMS = 1 << 22
"""Objects and lists, keys, and commas in one text: each part costs more memory than it takes room in the text."""


class _Refused(ValueError):
    """Its text is ours."""


def parse_object(text: bytes, where: str, *, infinity: bool = False) -> dict[str, Any]:
    """The object that `text` holds. `where` names it in errors.

    With `infinity` that word stands for a number, as some published settings have it for a limit that is none.

    Raises:
        CorruptCheckpoint: it is not one, repeats a key, is nested too deeply or has too many parts.
    """
    for marks, limit, what in (
        (b"{[", MAX_CONTAINERS, "objects"),
        (b":", MAX_KEYS, "keys"),
        (b",", MAX_ITEMS, "items"),
    ):
        if sum(text.count(mark) for mark in marks) > limit:
            raise CorruptCheckpoint(f"{where} is damaged: it has more than {limit} {what}.")
    constant = _infinity if infinity else _refuse_constant
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _Refused) else "it is not JSON"
        raise CorruptCheckpoint(f"{where} is damaged: {reason}.") from None
    if not isinstance(value, dict):
        raise CorruptCheckpoint(f"{where} is damaged: it does not hold a JSON object.")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, item in pairs:
        if key in value:
            raise _Refused(f"the key {shown(key)!r} comes twice")
        value[key] = item
    return value


def _infinity(name: str) -> float:
    if name == "Infinity":
        return math.inf
    return _refuse_constant(name)


def _refuse_constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is not JSON")
