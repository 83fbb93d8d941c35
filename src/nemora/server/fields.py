"""Typed reading of JSON fields. Each error names the field by JSON pointer, never its value."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from nemora.core import Json
from nemora.errors import RequestError, UnsupportedField
from nemora.settings import duration


def an_object(value: Json, where: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise RequestError(f"{named(where)} must be an object.", param=where)
    return value


def a_list(value: Json, where: str) -> list[Json]:
    if not isinstance(value, list):
        raise RequestError(f"{named(where)} must be a list.", param=where)
    return value


def text(value: Json, where: str, *, empty: bool = True, longest: int | None = None) -> str:
    if not isinstance(value, str):
        raise RequestError(f"{named(where)} must be a string.", param=where)
    if not value and not empty:
        raise RequestError(f"{named(where)} must not be empty.", param=where)
    if longest is not None and len(value) > longest:
        raise RequestError(f"{named(where)} must have at most {longest} characters.", param=where)
    return value


def model_name(value: Json) -> str:
    """The name of a model, in /model."""
    return text(value, "/model", empty=False, longest=256)


def optional_text(value: Json, where: str) -> str | None:
    return None if value is None else text(value, where)


def flag(value: Json, where: str) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise RequestError(f"{named(where)} must be true or false.", param=where)
    return value


def integer(value: Json, where: str, lowest: int, highest: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # some JSON writers have one kind of number
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise RequestError(f"{named(where)} must be an integer from {lowest} to {highest}.", param=where)
    return value


def keep_alive(value: Json) -> float | None:
    """Ollama's field: seconds, or a text such as "5m"; below 0, as `math.inf`, is for ever."""
    if value is None:
        return None
    seconds = duration(value)
    if seconds is None:
        raise RequestError(
            '/keep_alive must be a number of seconds, or a text such as "5m"; -1 means always.', param="/keep_alive"
        )
    return seconds


def number(value: Json, where: str, lowest: float, highest: float, *, above: bool = False) -> float | None:
    """A number in [lowest, highest], or (lowest, highest] with `above`."""
    if value is None:
        return None
    fits = isinstance(value, int | float) and not isinstance(value, bool) and lowest <= value <= highest
    if not fits or (above and value == lowest):
        least = f"above {lowest:g}" if above else f"from {lowest:g}"
        raise RequestError(f"{named(where)} must be a number {least} up to {highest:g}.", param=where)
    assert isinstance(value, int | float)
    return float(value)


def only(table: dict[str, Json], known: Collection[str], where: str, *, unsupported: Collection[str] = ()) -> None:
    """Refuse every key of `table` that is not in `known`.

    A key is repeated in the message only when it is in `unsupported`, our own list: a key is the
    client's content, and might itself be the secret.
    """
    for position, (key, value) in enumerate(table.items(), 1):
        if key in known:
            continue
        if key in unsupported:
            if value is None:
                continue
            raise UnsupportedField(f"{named(f'{where}/{key}')} is not supported; leave it out.", param=f"{where}/{key}")
        raise UnsupportedField(
            f"{named(where)} has a field that is not known here (field {position} of {len(table)}); "
            f"known are: {', '.join(sorted(known))}.",
            param=where or None,
        )


def neutral_only(table: dict[str, Json], neutral: Mapping[str, tuple[Json, ...]], where: str = "") -> None:
    """Refuse each field of `neutral`, unless it is null or one of the values there, which ask for nothing."""
    for name, values in neutral.items():
        value = table.get(name)
        if value is None or any(_same(value, one) for one in values):
            continue
        only_default = f" (but for {json.dumps(values[0])}, which has no effect)" if values else ""
        raise UnsupportedField(f"{where}/{name} is not supported{only_default}; leave it out.", param=f"{where}/{name}")


def _same(value: Json, neutral: Json) -> bool:
    """Equality of JSON values: 0.0 is 0, but false is not."""
    return value == neutral and isinstance(value, bool) == isinstance(neutral, bool)


def named(where: str) -> str:
    return where or "The body"
