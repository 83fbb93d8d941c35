"""What makes a checkpoint this one and no other: its settings, its tensors' places and samples, its vocabulary.

Not a proof against somebody who alters a weight on purpose: of each tensor only the first bytes are read, so that a
large model is known again in a second. A model that was trained further, quantised or exchanged has another identity.
"""

from __future__ import annotations

import hashlib
import json

from nemora.weights.catalog import CATALOG, STARTER
from nemora.weights.checkpoint import Checkpoint

SAMPLE_BYTES = 4096
"""Read of each tensor."""


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


def is_starter(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint is the small model that ships as the starter, under whatever name, by its bytes."""
    published = [file for name in STARTER for file in CATALOG[name].files]
    path = checkpoint.path
    if not path.is_file() or path.stat().st_size not in {file.size for file in published}:
        return False
    with path.open("rb") as data:
        found = hashlib.file_digest(data, "sha256").hexdigest()
    return found in {file.sha256 for file in published}
