"""The cache of models on disk: one folder per model, with a manifest of what has been verified.

    <cache>/models/<name>/<files>
    <cache>/models/<name>/manifest.json     size, mtime and sha256 of each verified file
    <cache>/locks/<name>.lock               held while the folder is changed

A file whose size and mtime are still those of the manifest is taken as verified; otherwise it is
hashed again. So a folder may be copied to another machine by any means.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nemora.errors import FetchError, UnknownModel
from nemora.weights.catalog import Entry, ModelFile, is_inside, is_name
from nemora.weights.digest import git_blob_hash
from nemora.weights.on_disk import flush_file

log = logging.getLogger("nemora.weights")

MANIFEST = "manifest.json"
MANIFEST_FORMAT = 1
_MAX_MANIFEST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A verified file. `derived_from` is the sha256 of the file it was made from, if it was made here.

    `git_blob` is git's id of the content, if it was by this that the file was verified.
    """

    sha256: str
    size: int
    mtime_ns: int
    origin: str
    derived_from: str | None = None
    git_blob: str = ""

    def vouches_for(self, file: ModelFile) -> bool:
        """Whether what was verified is what `file` asks for."""
        return self.git_blob == file.git_blob if file.git_blob else self.sha256 == file.sha256


@dataclass(slots=True)
class Manifest:
    """What is known about the files of one model folder, by their names."""

    files: dict[str, FileRecord] = field(default_factory=dict)


class State(enum.StrEnum):
    """How much of a model is in the cache."""

    READY = "ready"
    PARTIAL = "partial"
    DAMAGED = "damaged"
    ABSENT = "not pulled"


@dataclass(frozen=True, slots=True)
class Status:
    """State of a model, bytes that its folder takes, and the files that are missing or damaged."""

    state: State
    bytes: int
    missing: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


def models_folder(cache: Path) -> Path:
    """Where all models lie."""
    return cache / "models"


def model_folder(cache: Path, name: str) -> Path:
    """Where the model `name` lies. A name that could be a path is refused.

    Raises:
        UnknownModel: `name` is not a well-formed model name.
    """
    if not is_name(name):
        raise UnknownModel(
            "That is not a model name: one has lower-case letters, digits, dots and dashes, at most 64; "
            "`nemora models` lists them."
        )
    return models_folder(cache) / name


def model_names(cache: Path) -> list[str]:
    """Names of all model folders in the cache, sorted."""
    try:
        return sorted(p.name for p in models_folder(cache).iterdir() if is_name(p.name) and p.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FetchError(f"The model cache {models_folder(cache)} cannot be read: {error.strerror}.") from None


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model folder; an empty one if there is none or it is damaged (files are then hashed)."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise ValueError("too large")
        table = json.loads(path.read_bytes())
        if table["format"] != MANIFEST_FORMAT:
            raise ValueError("another format")
        return Manifest({name: _record(values) for name, values in table["files"].items() if is_inside(name)})
    except FileNotFoundError:
        return Manifest()
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        log.warning("manifest of a model is unreadable (%s); its files are hashed again", type(error).__name__)
        return Manifest()


def _record(values: dict[str, object]) -> FileRecord:
    sha256, origin, derived = values["sha256"], values["origin"], values.get("derived_from")
    size, mtime_ns, git_blob = values["size"], values["mtime_ns"], values.get("git_blob", "")
    if not (isinstance(sha256, str) and isinstance(origin, str) and isinstance(derived, str | None)):
        raise TypeError("a record's texts")
    if not (isinstance(size, int) and isinstance(mtime_ns, int) and isinstance(git_blob, str)):
        raise TypeError("a record's numbers")
    return FileRecord(sha256, size, mtime_ns, origin, derived, git_blob)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest atomically. On a read-only cache it is left as it is: files are then hashed each time."""
    table = {"format": MANIFEST_FORMAT, "files": {name: asdict(r) for name, r in sorted(manifest.files.items())}}
    try:
        write_atomically(folder / MANIFEST, (json.dumps(table, indent=1) + "\n").encode())
    except OSError as error:
        log.info("the manifest of a model cannot be written: %s", error.strerror)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a small file so that a reader sees all of it or none."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    try:
        with os.fdopen(handle, "wb") as sink:
            sink.write(data)
            flush_file(sink)
            os.fchmod(sink.fileno(), 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def record_file(
    folder: Path, name: str, sha256: str, origin: str, derived_from: str | None = None, git_blob: str = ""
) -> None:
    """Note in the manifest that the file `name` has been verified to have `sha256`, and `git_blob` if it is given."""
    stat = (folder / name).stat()
    manifest = read_manifest(folder)
    manifest.files[name] = FileRecord(sha256, stat.st_size, stat.st_mtime_ns, origin, derived_from, git_blob)
    write_manifest(folder, manifest)


def forget_file(folder: Path, name: str) -> None:
    """Note in the manifest that the file `name` is not, or no longer, verified."""
    manifest = read_manifest(folder)
    if manifest.files.pop(name, None) is not None:
        write_manifest(folder, manifest)


def sha256_of(path: Path) -> str:
    """Hash of a whole file, in hexadecimal."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def git_blob_of(path: Path) -> str:
    """Git's id of a whole file, in hexadecimal."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, lambda: git_blob_hash(os.fstat(source.fileno()).st_size)).hexdigest()


def is_unchanged(folder: Path, name: str, record: FileRecord) -> bool:
    """Whether the file still has the size and mtime of its record."""
    try:
        stat = (folder / name).stat()
    except OSError:
        return False
    return stat.st_size == record.size and stat.st_mtime_ns == record.mtime_ns


def is_whole(folder: Path, file: ModelFile, *, full: bool = False) -> bool:
    """Whether a file of a model is there with the right bytes. `full` hashes it even if it looks unchanged."""
    record = read_manifest(folder).files.get(file.name)
    if not full and record is not None and record.vouches_for(file) and is_unchanged(folder, file.name, record):
        return True
    path = folder / file.name
    try:
        right = path.stat().st_size == file.size and (not file.git_blob or git_blob_of(path) == file.git_blob)
        sha256 = sha256_of(path) if right else ""
        if not right or (not file.git_blob and sha256 != file.sha256):
            forget_file(folder, file.name)
            return False
        record_file(folder, file.name, sha256, record.origin if record else "copied", git_blob=file.git_blob)
    except OSError:
        return False
    return True


def status(cache: Path, entry: Entry, *, full: bool = False) -> Status:
    """What the cache holds of a model. `full` hashes every file, those that were derived here too."""
    folder = model_folder(cache, entry.name)
    missing = tuple(f.name for f in entry.files if not (folder / f.name).is_file())
    damaged = tuple(
        f.name for f in entry.files if (folder / f.name).is_file() and not is_whole(folder, f, full=full)
    ) + tuple(_damaged_derived(folder, full=full))
    if damaged:
        state = State.DAMAGED
    elif not missing:
        state = State.READY
    else:
        state = State.PARTIAL if folder_bytes(folder) else State.ABSENT
    return Status(state, folder_bytes(folder), missing, damaged)


def _damaged_derived(folder: Path, *, full: bool) -> Iterator[str]:
    for name, record in read_manifest(folder).files.items():
        path = folder / name
        if record.derived_from is None or not path.is_file():
            continue
        if (full or not is_unchanged(folder, name, record)) and sha256_of(path) != record.sha256:
            forget_file(folder, name)
            yield name


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder; links are not followed."""
    return sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


@contextlib.contextmanager
def lock(cache: Path, name: str, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock of a model's folder, against other processes and threads. `on_wait` is called before waiting.

    Raises:
        FetchError: the cache cannot be written.
    """
    path = cache / "locks" / f"{model_folder(cache, name).name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise FetchError(
            f"The model cache {cache} cannot be written ({error.strerror}); make it writable or free space."
        ) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait is not None:
                on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def remove(cache: Path, name: str) -> int:
    """Delete a model's folder; returns the bytes freed. A link is removed, what it points to is left.

    Raises:
        UnknownModel: the cache has no such model.
        FetchError: it cannot be deleted.
    """
    folder = model_folder(cache, name)
    if not folder.is_dir() and not folder.is_symlink():
        raise UnknownModel("The cache holds no model of that name; `nemora models` lists what it holds.")
    with lock(cache, name):
        try:
            if folder.is_symlink():
                folder.unlink()
                return 0
            freed = folder_bytes(folder)
            shutil.rmtree(folder)
        except OSError as error:
            raise FetchError(f"The model {name} cannot be removed: {error.strerror}.") from None
    return freed
