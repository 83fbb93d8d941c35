"""The name that a local model answers to. Loads no torch, so that a wrong name can be said before anything loads."""

from __future__ import annotations

from pathlib import Path

from nemora.errors import ModelError
from nemora.weights.catalog import CATALOG
from nemora.weights.family import split_precision
from nemora.weights.fetch import resolve


def is_own_name(model: str) -> bool:
    """Whether `model` is a name of the catalog or the family, by which the model is called wherever it lies."""
    return model in CATALOG or split_precision(model)[0] is not None


def name_at(model: str, path: Path) -> str:
    """What a model is called that is configured as `model` and lies at `path`."""
    return model if is_own_name(model) else path.stem if path.is_file() else path.resolve().name


def name_here(model: str, *, cache: Path) -> str | None:
    """As `name_at`, without fetching anything; None: it is not here, so nobody can tell yet."""
    if is_own_name(model):
        return model
    try:
        return name_at(model, resolve(model, cache=cache, offline=True))
    except ModelError:
        return None
