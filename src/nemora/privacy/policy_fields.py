"""Typed reading of a policy's TOML. An error carries the key in `param`, from which `line_of` finds the line."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from nemora.errors import SettingsError
from nemora.privacy.finding import Sensitivity

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
SERVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}", re.ASCII)
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*=")


def wrong(where: str, said: str) -> SettingsError:
    """`where`, a key like `actions.secret`, and what is wrong with it."""
    return SettingsError(f"{where} {said}", param=where)


def only(values: Mapping[str, Any], known: Collection[str], where: str = "") -> None:
    """Refuse a key that is not in `known`: a misspelt rule must not silently mean "the default"."""
    for key in values:
        if key not in known:
            name = f"{where}.{key}" if where else key
            raise SettingsError(f"unknown key {name}; known here: {', '.join(sorted(known))}.", param=name)


def table(parent: Mapping[str, Any], key: str, known: Collection[str] | None = None, where: str = "") -> dict[str, Any]:
    """The table at `key`, empty when it is missing; its keys are checked against `known` if that is given."""
    name = f"{where}.{key}" if where else key
    value = parent.get(key, {})
    if not isinstance(value, dict):
        raise wrong(name, f"must be a table, written [{name}].")
    if known is not None:
        only(value, known, name)
    return value


def tables(parent: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The tables of an array, written [[key]]."""
    value = parent.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise wrong(key, f"must be tables, each written [[{key}]].")
    return value


def a_class(value: Any, where: str) -> Sensitivity:
    for sensitivity in Sensitivity:
        if value == sensitivity.word:
            return sensitivity
    raise wrong(where, f"must be one of {', '.join(c.word for c in Sensitivity)}.")


def number(value: Any, where: str, lowest: float, highest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        limit = f"from {lowest:g} to {highest:g}" if math.isfinite(highest) else f"of {lowest:g} or more"
        raise wrong(where, f"must be a number {limit}.")
    return float(value)


def whole(value: Any, where: str, what: str = "a whole number") -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(where, f"must be {what}.")
    return value


def name(value: Any, where: str) -> str:
    """A name of the owner's: it stands in reasons and in the ledger, so that it must be a plain word."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise wrong(where, "must be a name of small letters, digits and _, at most 40, beginning with a letter.")
    return value


def word(value: Any, where: str) -> str:
    """A word of the owner's that is compared and shown: `eu`, `30d`, `eu-west-1`."""
    if not isinstance(value, str) or not SERVER.fullmatch(value):
        raise wrong(where, "must be one word of letters, digits and . _ : / @ + -, at most 100.")
    return value


def text(value: Any, where: str, longest: int) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise wrong(where, f"must be text of 1 to {longest} characters.")
    return value


def texts(value: Any, where: str, most: int, longest: int) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > most:
        raise wrong(where, f"must be a list of at most {most} texts.")
    return tuple(text(entry, where, longest) for entry in value)


def line_of(source: str, key: str) -> int | None:
    """The line, from 1, of a TOML text in which `key` stands, or the nearest thing that holds it.

    `key` is dotted, with a number from 1 for an array's table: `entities.2.regex`. None when no part of it is there.
    """
    wanted = key.split(".")
    best, line = 0, None
    above: list[str] = []
    counts: dict[str, int] = {}
    for position, content in enumerate(source.split("\n"), 1):
        if head := _HEADER.fullmatch(content):
            above = _parts(head[2])
            if head[1] == "[[":
                dotted = ".".join(above)
                counts[dotted] = counts.get(dotted, 0) + 1
                above = [*above, str(counts[dotted])]
            here = above
        elif pair := _KEY.match(content):
            here = [*above, *_parts(pair[1])]
        else:
            continue
        if len(here) > best and wanted[: len(here)] == here:
            best, line = len(here), position
    return line


def _parts(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]
