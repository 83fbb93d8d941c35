"""What makes a checkpoint this one and no other: its settings, its tensors' places and samples, its vocabulary.

Not a proof against somebody who alters a weight on purpose: of each tensor only the first bytes are read, so that a
large model is known again in a second. A model that was trained further, quantised or exchanged has another identity.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from nemora.weights.catalog import CATALOG, STARTER
from nemora.weights.checkpoint import Checkpoint

SAMPLE_BYTES = 4096
"""Read of each tensor."""
FILE_SAMPLES = 16
"""Of each file, beside its beginning and its end."""
FILE_START = 1 << 16
"""Bytes at a file's beginning, where headers are."""


def identity_of(checkpoint: Checkpoint) -> str:
    """A sha256, in hexadecimal, over architecture, settings, chat template, tokenizer and samples of all tensors."""
    digest = hashlib.sha256()

    def add(*parts: bytes) -> None:
        for part in parts:
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)

    add(checkpoint.architecture.encode(), (checkpoint.chat_template or "").encode())
    add(json.dumps(dict(checkpoint.metadata), sort_keys=True, default=repr).encode())
    for name, path in sorted(checkpoint.tokenizer_files.items()):
        add(name.encode(), path.read_bytes())
    for name, info in sorted(checkpoint.file.tensors.items()):
        rows = checkpoint.file.read(name).data
        add(name.encode(), repr(info.shape).encode(), info.format.name.encode())
        add(rows.reshape(-1)[:SAMPLE_BYTES].numpy().tobytes())
    return digest.hexdigest()


def files_identity(checkpoint: Checkpoint) -> str:
    """A sha256, in hexadecimal, over sizes, times of change and samples of the files that the weights are read from.

    It is the same wherever the files lie, and costs milliseconds. Files that were copied without their times have
    another one.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for name, path in _weight_files(checkpoint):
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            digest.update(json.dumps([name, found.st_size, found.st_mtime_ns]).encode())
            for offset, size in _samples(found.st_size):
                digest.update(os.pread(file.fileno(), size, offset))
    return digest.hexdigest()


def _weight_files(checkpoint: Checkpoint) -> Iterator[tuple[str, Path]]:
    """What settings and weights are read from; a GGUF file's name says nothing."""
    path = checkpoint.path
    if checkpoint.kind == "gguf":
        yield "", path
        return
    for file in sorted([*path.glob("*.safetensors"), *path.glob("*.index.json"), *path.glob("*config.json")]):
        yield file.name, file


def _samples(length: int) -> Iterator[tuple[int, int]]:
    """Offsets and sizes."""
    yield 0, FILE_START
    for number in range(1, FILE_SAMPLES + 1):
        yield max(0, length * number // FILE_SAMPLES - SAMPLE_BYTES), SAMPLE_BYTES


def is_starter(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint is the small model that ships as the starter, under whatever name, by its bytes."""
    published = [file for name in STARTER for file in CATALOG[name].files]
    path = checkpoint.path
    if not path.is_file() or path.stat().st_size not in {file.size for file in published}:
        return False
    with path.open("rb") as data:
        found = hashlib.file_digest(data, "sha256").hexdigest()
    return found in {file.sha256 for file in published}
