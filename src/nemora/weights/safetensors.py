"""Folders in the published layout: config.json beside one model.safetensors, or several and their index.

The safetensors library maps the files and checks their headers: each range lies within the file and on no other tensor.
Weights in pickled formats are never read, and no code from the folder is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.config_reader import shown
from nemora.ops.blocks import BF16, F16, F32, FP8_E4M3, StoredMatrix
from nemora.weights.strict_json import parse_object
from nemora.weights.tensors import U8, TensorInfo

FORMATS = {"F32": F32, "F16": F16, "BF16": BF16, "F8_E4M3": FP8_E4M3, "U8": U8}
MAX_JSON_BYTES = 64 * 1024 * 1024
MAX_FILES = 1 << 12
MAX_DIMENSIONS = 8  # torch itself knows 64

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


class SafetensorsFolder:
    """An open folder: `config` as read from config.json, `tensors` described, their bytes mapped.

    Raises:
        CorruptCheckpoint: a file is missing or damaged, or the index contradicts the files.
        UnsupportedCheckpoint: a tensor has a type that is not implemented.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.config = read_json_object(path / "config.json")
        self.tensors: dict[str, TensorInfo] = {}
        self._paths: dict[str, Path] = {}
        self._files: dict[Path, Any] = {}
        self._seen: dict[Path, tuple[int, ...]] = {}
        shards = _shards(path)
        for file_name, listed in shards.items():
            self._add(path / file_name, listed)

    def read(self, name: str) -> StoredMatrix:
        """The named tensor's bytes in place, as rows; a vector is one row."""
        info = self.tensors[name]
        path = self._paths[name]
        if path not in self._files:
            self._files[path] = _open(path)
            if _identity(path) != self._seen[path]:
                raise CorruptCheckpoint(f"{path.name} was replaced while it was read; load the model again.")
        try:
            tensor: torch.Tensor = self._files[path].get_tensor(name)
        except SafetensorError as error:
            raise CorruptCheckpoint(f"{path.name} is damaged: {shown(str(error), 200)}.") from None
        return StoredMatrix(info.format, tensor.reshape(info.rows, -1).view(torch.uint8))

    def let_go(self) -> None:
        """See `TensorFile`. A mapping ends with the last tensor that lies in it."""
        self._files.clear()

    def _add(self, path: Path, listed: frozenset[str] | None) -> None:
        """Open one file; `listed` are the tensors that the index says it has."""
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise CorruptCheckpoint(f"{path.name} is not a file.")
        file = self._files[path] = _open(path)
        self._seen[path] = _identity(path)
        names: list[str] = file.keys()
        if listed is not None and listed != set(names):
            wrong = shown(min(listed.symmetric_difference(names)))
            raise CorruptCheckpoint(f"{path.name} and {INDEX} disagree on where the tensor {wrong!r} is.")
        for name in names:
            if name.rpartition(".")[2] in COUNTS:
                continue
            if name in self.tensors:
                raise CorruptCheckpoint(f"The tensor {shown(name)!r} is in two files.")
            self.tensors[name] = _describe(file, name)
            self._paths[name] = path


def _identity(path: Path) -> tuple[int, ...]:
    """What changes when a file is replaced or written to; nothing of a file that is gone."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _open(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise CorruptCheckpoint(f"{path.name} is damaged or missing: {shown(str(error), 200)}.") from None


COUNTS = frozenset({"position_ids"})
"""Tensors that old versions of transformers saved beside the weights: whole numbers from 0, which nobody reads."""


def _describe(file: Any, name: str) -> TensorInfo:
    view = file.get_slice(name)
    return describe(name, view.get_dtype(), tuple(view.get_shape()))


def describe(name: str, dtype: str, shape: tuple[int, ...]) -> TensorInfo:
    """A tensor as a file's header has it.

    Raises:
        CorruptCheckpoint: it has no numbers, or more dimensions than are possible.
        UnsupportedCheckpoint: its type is not implemented.
    """
    if dtype not in FORMATS:
        raise UnsupportedCheckpoint(
            f"Tensor {shown(name)} has the type {shown(dtype)}; "
            f"in safetensors only {', '.join(FORMATS)} are implemented."
        )
    if len(shape) > MAX_DIMENSIONS:
        raise CorruptCheckpoint(f"Tensor {shown(name)!r} has {len(shape)} dimensions; {MAX_DIMENSIONS} are possible.")
    if 0 in shape:
        raise CorruptCheckpoint(f"Tensor {shown(name)!r} has no numbers in it.")
    return TensorInfo(name, shape or (1,), FORMATS[dtype])  # a scale may be a number without dimensions


def _shards(path: Path) -> dict[str, frozenset[str] | None]:
    """The files to open, each with the tensors that the index lists for it (None without an index)."""
    if (path / SINGLE).exists():
        return {SINGLE: None}
    if not (path / INDEX).exists():
        raise CorruptCheckpoint(f"{path.name} has neither {SINGLE} nor {INDEX}; other weight files are not read.")
    weight_map = read_json_object(path / INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CorruptCheckpoint(f"{INDEX} has no weight_map that says which file each tensor is in.")
    shards: dict[str, set[str]] = {}
    for tensor, file_name in weight_map.items():
        if not _is_plain_file_name(file_name):
            raise CorruptCheckpoint(f"{INDEX} puts {shown(tensor)!r} into something that is no file of this folder.")
        shards.setdefault(file_name, set()).add(tensor)
    if len(shards) > MAX_FILES:
        raise CorruptCheckpoint(f"{INDEX} names {len(shards)} files; at most {MAX_FILES} are possible.")
    return {file_name: frozenset(tensors) for file_name, tensors in shards.items()}


def _is_plain_file_name(name: Any) -> bool:
    """Whether `name` can only mean a file in this very folder."""
    return (
        isinstance(name, str)
        and name.endswith(".safetensors")
        and name.isprintable()
        and len(name) <= 255
        and not any(character in name for character in "/\\:")
    )


def read_json_object(path: Path) -> Mapping[str, Any]:
    """A JSON file that holds an object. Duplicate keys are refused.

    Raises:
        CorruptCheckpoint: it is missing, too large, or not such a file.
    """
    try:
        size = path.stat().st_size
        if size > MAX_JSON_BYTES:
            raise CorruptCheckpoint(f"{path.name} has {size} bytes; at most {MAX_JSON_BYTES} are possible.")
        return parse_object(path.read_bytes(), path.name, infinity=True)
    except OSError:
        raise CorruptCheckpoint(f"{path.parent.name} has no readable {path.name}.") from None
