"""Writes tensors as a folder's safetensors: one file, or shards of at most 5 GB and their index.

A file is the length of its header, the header (JSON: type, shape and place of each tensor), and the tensors' bytes. The
safetensors library wants all tensors of a file in memory before it writes; here each is made when its turn comes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from nemora.weights.safetensors import FORMATS, INDEX, SINGLE
from nemora.weights.save_tensors import Outgoing, Report, new_file

MAX_SHARD_BYTES = 5 * 10**9
TYPE_NAMES = {format.name: name for name, format in FORMATS.items()}


def write_safetensors(folder: Path, tensors: Sequence[Outgoing], report: Report) -> None:
    """Write the tensors into an existing folder, in their order.

    Raises:
        ValueError: a tensor of a type that safetensors does not have, or two of one name.
    """
    if len({tensor.info.name for tensor in tensors}) != len(tensors):
        raise ValueError("two tensors have one name")
    shards = _shards(tensors)
    names = [f"model-{number + 1:05}-of-{len(shards):05}.safetensors" for number in range(len(shards))]
    if len(shards) == 1:
        names = [SINGLE]
    for name, shard in zip(names, shards, strict=True):
        _write_file(folder / name, shard, report)
    if len(shards) > 1:
        total = sum(tensor.info.stored_bytes for tensor in tensors)
        places = {tensor.info.name: name for name, shard in zip(names, shards, strict=True) for tensor in shard}
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _shards(tensors: Sequence[Outgoing]) -> list[list[Outgoing]]:
    """Runs of tensors; a tensor that is larger than a shard has one for itself."""
    shards: list[list[Outgoing]] = [[]]
    size = 0
    for tensor in tensors:
        if shards[-1] and size + tensor.info.stored_bytes > MAX_SHARD_BYTES:
            shards.append([])
            size = 0
        shards[-1].append(tensor)
        size += tensor.info.stored_bytes
    return shards


def _write_file(path: Path, tensors: Sequence[Outgoing], report: Report) -> None:
    # The metadata is what transformers asks for before it reads a file.
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    tensors = _aligned(tensors)
    for tensor in tensors:
        info = tensor.info
        if info.format.name not in TYPE_NAMES:
            raise ValueError(f"{info.name} is {info.format.name}, which safetensors does not have")
        end = offset + info.stored_bytes
        shape = [] if tensor.scalar else list(info.shape)
        header[info.name] = {"dtype": TYPE_NAMES[info.format.name], "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with new_file(path) as sink:
        sink.write(len(text).to_bytes(8, "little"))
        sink.write(text)
        for tensor in tensors:
            tensor.write(sink, report)


def _aligned(tensors: Sequence[Outgoing]) -> list[Outgoing]:
    """An order in which each tensor begins at a multiple of its type's size, as some readers want it.

    That is the order given, but that the few whose bytes are no multiple of the widest type come last, wide ones first.
    Those that were made together stay together.
    """
    widest = max(format.bytes for format in FORMATS.values())
    odd = [tensor for tensor in tensors if tensor.info.stored_bytes % widest]
    even = [tensor for tensor in tensors if tensor.info.stored_bytes % widest == 0]
    return even + sorted(odd, key=lambda tensor: -tensor.info.format.bytes)
