"""Where the packed copies of models lie, and which there are.

<cache>/models/<name>/packed.panels     of a model in the cache: it goes with its folder
<cache>/packed/<key>.panels             of a model elsewhere; the key is made of its path
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nemora.errors import FetchError, UnknownModel
from nemora.weights import cache as store

FILE = "packed.panels"
KEY = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class PackedPlace:
    """A file, which need not exist, and the name of the cache's lock that is held while it is changed."""

    file: Path
    lock: str


def packed_place(cache: Path, path: Path) -> PackedPlace:
    """The place of the copy of a model that is opened by `path`."""
    real, models = path.resolve(), store.models_folder(cache).resolve()
    if real.is_relative_to(models) and real != models:
        name = real.relative_to(models).parts[0]
        return PackedPlace(store.model_folder(cache, name) / FILE, name)
    return _elsewhere(cache, hashlib.sha256(str(real).encode(errors="surrogateescape")).hexdigest()[:16])


def named_place(cache: Path, name: str) -> PackedPlace:
    """The place of the copy of a cached model by its name, or of another by its key.

    Raises:
        UnknownModel: `name` is neither.
    """
    folder = store.model_folder(cache, name)
    return _elsewhere(cache, name) if KEY.fullmatch(name) and not folder.is_dir() else PackedPlace(folder / FILE, name)


def keys_elsewhere(cache: Path) -> Iterator[str]:
    """The keys of copies of models that are not in the cache, sorted."""
    for file in sorted((cache / "packed").glob("*.panels")):
        if KEY.fullmatch(file.stem):
            yield file.stem


def packed_bytes(place: PackedPlace) -> int:
    """The size of a copy; 0 if there is none."""
    return place.file.stat().st_size if place.file.is_file() else 0


def remove_packed(cache: Path, place: PackedPlace) -> int:
    """Delete a copy; returns the bytes freed. Who has it mapped keeps it until he ends.

    Raises:
        UnknownModel: there is none.
        FetchError: it cannot be deleted.
    """
    if not place.file.is_file():
        raise UnknownModel("There is no packed copy of that model; `nemora models` lists those that there are.")
    with store.lock(cache, place.lock):
        try:
            freed = packed_bytes(place)
            place.file.unlink(missing_ok=True)
        except OSError as error:
            raise FetchError(f"The packed copy {place.file} cannot be removed: {error.strerror}.") from None
    return freed


def _elsewhere(cache: Path, key: str) -> PackedPlace:
    return PackedPlace(cache / "packed" / f"{key}.panels", f"packed-{key}")
