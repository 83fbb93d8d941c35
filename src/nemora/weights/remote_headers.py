"""What a model on the hub is, without its weights: its settings, and every tensor's name, type and shape.

Of a folder of safetensors files are read: the settings, the index, and the header of each file by a range request. Of a
GGUF file: its beginning, in growing pieces, until the header is whole. From servers that know no ranges nothing is read
beyond the header either.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nemora.errors import CorruptCheckpoint, FetchError
from nemora.models.config_reader import ConfigReader, shown
from nemora.weights.catalog import HubFile, ModelFile
from nemora.weights.digest import Digest
from nemora.weights.fetch_part import AccessRefused, SourceFailed
from nemora.weights.gguf import MAX_HEADER_BYTES as MAX_GGUF_HEADER_BYTES
from nemora.weights.gguf import GGUFHeader, HeaderCut
from nemora.weights.hub import DEFAULT_REVISION, Listing, Reference, list_repo, refused_by_hub
from nemora.weights.hub_entry import INDEX, hub_model, is_weights_name
from nemora.weights.progress import NoProgress, Progress
from nemora.weights.safetensors_header import LENGTH_BYTES, header_bytes, parse_header
from nemora.weights.sources_read import Reader
from nemora.weights.strict_json import parse_object

SINGLE = "model.safetensors"
QUANTISATION = "hf_quant_config.json"
MAX_SETTINGS_BYTES = 64 * 1024 * 1024
FIRST_BYTES = 128 * 1024
"""Read at once from each safetensors file: most headers are shorter."""
FIRST_GGUF_BYTES = 1024 * 1024
GROWTH = 4


@dataclass(frozen=True, slots=True)
class RemoteTensor:
    """A tensor of a file that is not here. `dtype` is the format's name of it; the last dimension lies together."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    stored_bytes: int

    @property
    def rows(self) -> int:
        """Rows when all dimensions but the last are taken as one."""
        return math.prod(self.shape[:-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCheckpoint:
    """A model on the hub, described like a `Checkpoint`.

    `metadata` is config.json or the GGUF metadata, `quantisation` is hf_quant_config.json where there is one.
    """

    reference: Reference
    commit: str
    kind: Literal["gguf", "safetensors"]
    architecture: str
    metadata: Mapping[str, Any]
    tensors: Mapping[str, RemoteTensor]
    quantisation: Mapping[str, Any] | None = None
    bytes_read: int = 0
    """Of files, over the network."""
    file_bytes: int = 0
    """Of all weight files, from their listed sizes."""


def open_remote(
    repo: str,
    revision: str = DEFAULT_REVISION,
    *,
    file: str | None = None,
    token: str | None = None,
    endpoint: str | None = None,
    progress: Progress | None = None,
    pause_seconds: float = 1.0,
) -> RemoteCheckpoint:
    """Describe a repository of the hub, or the GGUF `file` in it. `token` goes to the hub and nowhere else.

    Raises:
        UnknownModel: `repo` or `revision` is not well-formed.
        FetchError: the hub cannot be reached or refuses, or has no such model.
        CorruptCheckpoint: a header or setting is damaged, or they contradict each other or the listed sizes.
        UnsupportedCheckpoint: a sound file of a kind that is not implemented.
    """
    reference = Reference(repo, revision, file)
    listing = list_repo(repo, revision, token=token, endpoint=endpoint, pause_seconds=pause_seconds)
    hub_model(listing, reference)  # refuses what cannot be a model
    with Reader(token, pause_seconds=pause_seconds) as reader:
        remote = _Remote(reader, listing)
        return _open_gguf(remote, reference) if file is not None else _open_folder(remote, reference, progress)


class _Remote:
    """Reads from the files of one listing; what fails is one error that names the file."""

    def __init__(self, reader: Reader, listing: Listing) -> None:
        self.reader, self.listing = reader, listing

    def settings(self, name: str) -> Mapping[str, Any] | None:
        """A JSON file, verified by its hash; None if the repository has none of that name."""
        file = self.listing.file(name)
        if file is None:
            return None
        if file.size > MAX_SETTINGS_BYTES:
            raise CorruptCheckpoint(f"{name} has {file.size} bytes; at most {MAX_SETTINGS_BYTES} are possible.")
        text, digest = self.bytes(file, 0, file.size), Digest(file)
        digest.update(text)
        if not digest.is_right():
            raise FetchError(f"The hub serves other bytes of {name} of {self.listing.repo} than it lists; try again.")
        return parse_object(text, name, infinity=True)

    def bytes(self, file: ModelFile, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop` of a file."""
        (source,) = file.sources
        assert isinstance(source, HubFile)
        try:
            return self.reader.range(source.url, start, stop, file.size)
        except AccessRefused:
            raise refused_by_hub(source.repo) from None
        except SourceFailed as failure:
            raise FetchError(
                f"{shown(file.name)} of {source.repo} cannot be read from the hub: {failure}; try again later."
            ) from None


def _open_folder(remote: _Remote, reference: Reference, progress: Progress | None) -> RemoteCheckpoint:
    config = remote.settings("config.json")
    assert config is not None  # else it is refused before
    shards = _shards(remote)
    (progress or NoProgress()).note(f"{reference}: reading the headers of {len(shards)} files")
    tensors: dict[str, RemoteTensor] = {}
    for file, listed in shards:
        _add_shard(tensors, _read_header(remote, file), file.name, listed)
    return RemoteCheckpoint(
        reference=reference,
        commit=remote.listing.commit,
        kind="safetensors",
        architecture=ConfigReader(config, "config.json").text("model_type"),
        metadata=config,
        tensors=tensors,
        quantisation=remote.settings(QUANTISATION),
        bytes_read=remote.reader.bytes_read,
        file_bytes=sum(file.size for file, _ in shards),
    )


def _shards(remote: _Remote) -> list[tuple[ModelFile, frozenset[str] | None]]:
    """The safetensors files, each with the tensors that the index lists for it (None without an index)."""
    single = remote.listing.file(SINGLE)
    if single is not None:
        return [(single, None)]
    index = remote.settings(INDEX)
    if index is None:
        raise CorruptCheckpoint(f"{remote.listing.repo} has neither {SINGLE} nor {INDEX}; other files are not read.")
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CorruptCheckpoint(f"{INDEX} has no weight_map that says which file each tensor is in.")
    listed: dict[str, set[str]] = {}
    for tensor, name in weight_map.items():
        if not isinstance(name, str) or not is_weights_name(name):
            raise CorruptCheckpoint(f"{INDEX} puts {shown(tensor)!r} into something that is no file of this folder.")
        listed.setdefault(name, set()).add(tensor)
    files = {file.name: file for file in remote.listing.files}
    missing = sorted(listed.keys() - files.keys())
    if missing:
        raise CorruptCheckpoint(f"{INDEX} names {shown(missing[0])}, which {remote.listing.repo} does not have.")
    return [(files[name], frozenset(listed[name])) for name in sorted(listed)]


def _read_header(remote: _Remote, file: ModelFile) -> Mapping[str, RemoteTensor]:
    """The tensors of one safetensors file, from its header alone."""
    beginning = remote.bytes(file, 0, min(FIRST_BYTES, file.size))
    stop = LENGTH_BYTES + header_bytes(beginning, file.size, file.name)
    if stop > len(beginning):
        beginning += remote.bytes(file, len(beginning), stop)
    header = parse_header(beginning[LENGTH_BYTES:stop], file.size, file.name)
    return {name: RemoteTensor(name, t.dtype, t.shape, t.stop - t.start) for name, t in header.items()}


def _add_shard(
    tensors: dict[str, RemoteTensor], found: Mapping[str, RemoteTensor], file_name: str, listed: frozenset[str] | None
) -> None:
    if listed is not None and listed != found.keys():
        wrong = shown(min(listed ^ found.keys()))
        raise CorruptCheckpoint(f"{file_name} and {INDEX} disagree on where the tensor {wrong!r} is.")
    if not tensors.keys().isdisjoint(found):
        raise CorruptCheckpoint(f"The tensor {shown(min(tensors.keys() & found.keys()))!r} is in two files.")
    tensors.update(found)


def _open_gguf(remote: _Remote, reference: Reference) -> RemoteCheckpoint:
    file = remote.listing.file(reference.file or "")
    assert file is not None  # else it is refused before
    header = _read_gguf_header(remote, file)
    reader = ConfigReader(header.metadata, file.name)
    reader.refuse_unless("general.type", ["model"])
    reader.refuse_unless("split.count", [0, 1])
    return RemoteCheckpoint(
        reference=reference,
        commit=remote.listing.commit,
        kind="gguf",
        architecture=reader.text("general.architecture"),
        metadata=header.metadata,
        tensors={
            name: RemoteTensor(name, info.format.name, info.shape, info.stored_bytes)
            for name, info in header.tensors.items()
        },
        bytes_read=remote.reader.bytes_read,
        file_bytes=file.size,
    )


def _read_gguf_header(remote: _Remote, file: ModelFile) -> GGUFHeader:
    buffer, wanted = b"", FIRST_GGUF_BYTES
    while True:
        wanted = min(wanted, file.size, MAX_GGUF_HEADER_BYTES)
        buffer += remote.bytes(file, len(buffer), wanted)
        try:
            return GGUFHeader(buffer, shown(file.name), file.size)
        except HeaderCut:
            wanted *= GROWTH
