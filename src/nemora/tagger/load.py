"""Taggers by name: fetched if they may be, converted once, opened."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from nemora.errors import CorruptCheckpoint, FetchError, UnsupportedCheckpoint
from nemora.privacy.protocols import Tagger
from nemora.tagger.requantise import RECIPE, requantise
from nemora.weights import cache as store
from nemora.weights import fetch
from nemora.weights.progress import NoProgress, Progress

log = logging.getLogger("nemora.tagger")

PUBLISHED = "onnx/model_q4.onnx"
CONVERTED = "onnx/model_int8.onnx"


def load_tagger(
    name: str, *, cache: Path, offline: bool = False, threads: int = 1, progress: Progress | None = None
) -> Tagger:
    """Open the tagger `name`, after fetching and converting what is missing.

    Raises:
        UnknownModel: the catalog has no such name.
        UnsupportedCheckpoint: the name is not a tagger's.
        NotCached: offline, and not in the cache.
        FetchError: it could not be fetched.
        CorruptCheckpoint: its files are damaged.
    """
    from nemora.tagger.rampart import RampartTagger

    model = prepare_tagger(name, cache=cache, offline=offline, progress=progress)
    return RampartTagger(model, store.model_folder(cache, name), name=name, threads=threads)


def prepare_tagger(name: str, *, cache: Path, offline: bool = False, progress: Progress | None = None) -> Path:
    """Fetch and convert the tagger `name` if that has not been done; returns the ONNX file to open. Raises as above.

    On a read-only cache that holds the published file only, that one is used: slower, the same spans but for doubtful
    ones.
    """
    entry = fetch.known(name)
    if entry.kind != "tagger":
        raise UnsupportedCheckpoint(f"The model {name} is not a tagger; set inspection.tagger to one (rampart).")
    folder = fetch.resolve(name, cache=cache, offline=offline, progress=progress)
    source = next(file.sha256 for file in entry.files if file.name == PUBLISHED)
    if _is_current(folder, source):
        return folder / CONVERTED
    report = progress or NoProgress()
    try:
        with store.lock(cache, name, on_wait=lambda: report.note(f"another process is converting {name}")):
            if not _is_current(folder, source):
                report.note(f"{name}: converting to 8-bit integers, once")
                _convert(folder, source)
    except FetchError as error:
        log.warning("the converted tagger cannot be stored, the published one is used: %s", error)
        return folder / PUBLISHED
    return folder / CONVERTED


def _convert(folder: Path, source: str) -> None:
    try:
        data = requantise((folder / PUBLISHED).read_bytes())
    except OSError as error:
        raise CorruptCheckpoint(f"The tagger's ONNX file cannot be read: {error.strerror}; pull it again.") from None
    try:
        store.write_atomically(folder / CONVERTED, data)
        store.record_file(folder, CONVERTED, hashlib.sha256(data).hexdigest(), RECIPE, derived_from=source)
    except OSError as error:
        raise FetchError(f"The converted tagger cannot be written to {folder}: {error.strerror}.") from None


def _is_current(folder: Path, source: str) -> bool:
    """Whether the converted file is there, made by this recipe from that source, and has the recorded bytes."""
    record = store.read_manifest(folder).files.get(CONVERTED)
    if record is None or record.derived_from != source or record.origin != RECIPE:
        return False
    if store.is_unchanged(folder, CONVERTED, record):
        return True
    try:
        if store.sha256_of(folder / CONVERTED) != record.sha256:
            return False
        store.record_file(folder, CONVERTED, record.sha256, RECIPE, derived_from=source)
    except OSError:  # gone or unreadable: made again
        return False
    return True
