"""Strict reading of settings that came from a file: every error names the key and where it was."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint

# No real size comes near; it keeps a damaged file from asking for the impossible.
MAX_SIZE = 1 << 24


class ConfigReader:
    """Typed access to a mapping. `where` names it in errors; `prefix` is put before each key there."""

    def __init__(self, values: Mapping[str, Any], where: str, *, prefix: str = "") -> None:
        self.values = values
        self.where = where
        self.prefix = prefix

    def has(self, key: str) -> bool:
        """Whether the key is there with a value other than null."""
        return self.values.get(key) is not None

    def require(self, key: str) -> Any:
        if not self.has(key):
            raise CorruptCheckpoint(f"{self.where} has no {self.prefix}{key}, which this architecture needs.")
        return self.values[key]

    def integer(self, key: str, *, most: int = MAX_SIZE) -> int:
        """A whole number from 1 to `most`."""
        value = self.require(key)
        if type(value) is not int or not 1 <= value <= most:
            raise self._wrong(key, f"a whole number from 1 to {most}")
        return value

    def number(self, key: str) -> float:
        """A finite number above zero."""
        value = self.require(key)
        if not is_finite(value) or value <= 0:
            raise self._wrong(key, "a number above zero")
        return float(value)

    def boolean(self, key: str) -> bool:
        value = self.require(key)
        if type(value) is not bool:
            raise self._wrong(key, "true or false")
        return value

    def text(self, key: str) -> str:
        value = self.require(key)
        if type(value) is not str:
            raise self._wrong(key, "a string")
        return value

    def inner(self, key: str) -> ConfigReader:
        value = self.require(key)
        if not isinstance(value, Mapping):
            raise self._wrong(key, "an object")
        return ConfigReader(value, f"{key} in {self.where}")

    def divide(self, key: str, total: int, parts: int) -> int:
        """`total`, the value of `key`, in that many equal `parts`."""
        if total % parts:
            raise self._wrong(key, f"a multiple of the {parts} attention heads")
        return total // parts

    def refuse_unknown(self, known: Iterable[str]) -> None:
        unknown = sorted(self.values.keys() - set(known))
        if unknown:
            raise UnsupportedCheckpoint(
                f"{self.where} has the unknown key {self.prefix}{shown(unknown[0])}; only known ones are read."
            )

    def refuse_unless(self, key: str, implemented: Collection[Any]) -> None:
        """Refuse a key that is there with a value that is not implemented. True is not 1 here."""
        if key not in self.values:
            return
        value = self.values[key]
        if not any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in implemented):
            expected = " or ".join(shown(json.dumps(other)) for other in implemented)
            raise UnsupportedCheckpoint(
                f"{self.where} has a {self.prefix}{key} that is not implemented; only {expected} is."
            )

    def _wrong(self, key: str, expected: str) -> CorruptCheckpoint:
        return CorruptCheckpoint(f"{self.prefix}{key} in {self.where} is not {expected}.")


def is_finite(value: Any) -> bool:
    """Whether a value is a number that a float can hold: JSON also knows whole numbers of a thousand digits."""
    return type(value) in (int, float) and -sys.float_info.max <= value <= sys.float_info.max


def shown(name: str, limit: int = 80) -> str:
    """A name from a file, fit for an error message: printable and short."""
    printable = "".join(character if character.isprintable() else "?" for character in name[: limit + 1])
    return printable if len(printable) <= limit else printable[:limit] + "…"
