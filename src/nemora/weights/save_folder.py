"""Writes a model as a folder in the published layout: config.json, safetensors, and the files that text needs.

Numbers that were trained take the place of those in the checkpoint; everything else is copied to the byte.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nemora.errors import UnsupportedCheckpoint
from nemora.models.base import ModelConfig
from nemora.ops.blocks import BF16, F32, BlockFormat
from nemora.weights.architectures import architecture_of
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.names import Layout
from nemora.weights.progress import Progress
from nemora.weights.save_config import hugging_face_config
from nemora.weights.save_safetensors import write_safetensors
from nemora.weights.save_source import Matrix, Source
from nemora.weights.save_tensors import Outgoing, need_room, reporting, written_whole
from nemora.weights.tensors import TensorInfo

JSON_MARGIN = 1 << 26  # settings, tokenizer and headers, for the disk's sake

# What of a folder is no weight: settings of tokenizer and generation, templates, code that a config names, licences.
COPIED = re.compile(
    r"(?!\.).*\.(json|jinja|model|txt|tiktoken|py)|(LICENSE|LICENCE|NOTICE)(?!.*\.json).*", re.IGNORECASE
)
NOT_COPIED = re.compile(r"config\.json|hf_quant_config\.json|.*\.index\.json")
MAX_COPIED_BYTES = 1 << 26

# Layouts of which published checkpoints have the second spelling of names (`model.`), not the first (`backbone.`).
KEEPS_ITS_NAMES = ("nemotron_h_puzzle",)

# What a GGUF file calls an architecture, and config.json.
FOLDER_NAMES = {
    "llama": "llama",
    "nemotron_h": "nemotron_h",
    "nemotron_h_moe": "nemotron_h",
    "deci": "nemotron-nas",
    "nemotron": "nemotron",
}

Trained = Callable[[str], Tensor | None]
"""The trained numbers of a tensor by the model's name for it: [rows, columns], rows in the model's order; for experts
[count, rows, columns]; or a small one. None where nothing was trained."""


def save_folder(
    checkpoint: Checkpoint,
    out: Path,
    trained: Trained = lambda name: None,
    *,
    format: BlockFormat | None = None,
    tokenizer: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> None:
    """Write `out`, a folder that must not exist. Memory holds about one matrix at a time.

    Args:
        format: of all tensors, F32 or BF16. By default each keeps its own; matrices of a GGUF file become BF16.
        tokenizer: files for a source that is a GGUF file, by their names. A folder's own are copied.

    Raises:
        UsageError: `out` exists.
        UnsupportedCheckpoint: the checkpoint is a quantised folder, or has what is not implemented.
        CorruptCheckpoint: its tensors contradict its settings.
        ModelError: the disk is full or cannot be written.
    """
    source = Source(checkpoint)
    config, layout = folder_form(source)
    names = known_names(checkpoint)
    tensors = [tensor for name in source.names() for tensor in _tensors(source, name, layout, names, trained, format)]
    size = sum(tensor.info.stored_bytes for tensor in tensors)
    if format is not None:
        config = {key: value for key, value in config.items() if key not in ("torch_dtype", "dtype")}
        config["torch_dtype"] = {F32.name: "float32", BF16.name: "bfloat16"}[format.name]
    with written_whole(out) as place:
        need_room(out, size + JSON_MARGIN)
        place.mkdir()
        copy_settings(checkpoint, place, tokenizer or {})
        (place / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        with reporting(progress, out.name, size) as report:
            write_safetensors(place, tensors, report)


def _tensors(
    source: Source,
    name: str,
    layout: Layout,
    names: Collection[str],
    trained: Trained,
    format: BlockFormat | None,
) -> Iterator[Outgoing]:
    """One tensor, or one for each expert."""
    for matrix in source.matrices(name):
        stored = source.stored(matrix)
        kept = stored.format if stored.format.dtype is not None and stored.scale == 1.0 else BF16
        info = TensorInfo(layout.file_name(name, names, matrix.expert), (matrix.rows, matrix.columns), format or kept)
        yield Outgoing(info=info, pieces=_pieces(info, partial(_matrix, source, matrix, trained)))
    if name in source.inventory.tensors:
        there, folder = source.small_info(name), source.checkpoint.kind == "safetensors"
        shape = there.shape if folder else folder_shape(name, source.inventory.tensors[name])
        info = TensorInfo(layout.file_name(name, names), shape, format or (there.format if folder else F32))
        yield Outgoing(info=info, pieces=_pieces(info, partial(_small, source, name, trained)))


def _pieces(info: TensorInfo, numbers: Callable[[], Tensor]) -> Callable[[], Sequence[Tensor]]:
    dtype = info.format.dtype
    return lambda: [numbers().to(dtype or torch.float32).contiguous().view(-1).view(torch.uint8)]


def _matrix(source: Source, matrix: Matrix, trained: Trained) -> Tensor:
    numbers = trained(matrix.name)
    if numbers is None:
        return source.numbers(matrix)
    return numbers if matrix.expert is None else numbers[matrix.expert]


def _small(source: Source, name: str, trained: Trained) -> Tensor:
    numbers = trained(name)
    if numbers is not None:
        return folder_numbers(name, numbers)
    if source.checkpoint.kind == "safetensors":
        return source.file.read(source.small_info(name).name).decode()
    return folder_numbers(name, source.small(name))


def folder_form(source: Source) -> tuple[Mapping[str, Any], Layout]:
    """config.json's contents, and where tensors lie in a folder.

    Raises:
        UnsupportedCheckpoint: the source is a GGUF file whose settings config.json cannot express.
    """
    if source.checkpoint.kind == "safetensors":
        return source.checkpoint.metadata, source.plan.finder.layout
    config = hugging_face_config(source.config, draft=source.has_draft_head)
    return config, published_layout(source.checkpoint, source.config)


def published_layout(checkpoint: Checkpoint, config: ModelConfig) -> Layout:
    """Where the checkpoint's tensors lie in a folder, also if it is a GGUF file."""
    folder = checkpoint.kind == "safetensors"
    name = checkpoint.architecture if folder else FOLDER_NAMES[checkpoint.architecture]
    return architecture_of("safetensors", name).layout(config)


def known_names(checkpoint: Checkpoint) -> Collection[str]:
    """Names that a folder written of the checkpoint keeps; the others are the published ones."""
    return checkpoint.file.tensors if checkpoint.architecture in KEEPS_ITS_NAMES else {}


def folder_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A small tensor's shape in a folder: a convolution has one channel a group."""
    return (shape[0], 1, shape[1]) if name.endswith(".mamba.conv") else shape


def folder_numbers(name: str, tensor: Tensor) -> Tensor:
    """A small tensor's numbers in a folder: log(−A) for A."""
    return (torch.log(-tensor) if name.endswith(".mamba.a") else tensor).contiguous()


def copy_settings(checkpoint: Checkpoint, folder: Path, tokenizer: Mapping[str, str]) -> None:
    """All files but the weights and what describes them: a folder's own, or `tokenizer` for a GGUF file.

    Raises:
        UnsupportedCheckpoint: a settings file is larger than any is.
    """
    origin = checkpoint.path
    if origin.is_file():
        for name, content in tokenizer.items():
            (folder / name).write_text(content, encoding="utf-8")
    for path in sorted(origin.iterdir()) if origin.is_dir() else []:
        if COPIED.fullmatch(path.name) and not NOT_COPIED.fullmatch(path.name) and path.is_file():
            if path.stat().st_size > MAX_COPIED_BYTES:
                raise UnsupportedCheckpoint(
                    f"{path.name} has more than {MAX_COPIED_BYTES} bytes, which no settings file has; move it away."
                )
            shutil.copyfile(path, folder / path.name)
