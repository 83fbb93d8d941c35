"""Writes a quantised model as a GGUF file, with llama.cpp's names, shapes and keys.

`q8_0` makes every matrix Q8_0. `q4_0` makes them Q4_0 but the output matrix, or the embedding where that is the output
matrix, which stays Q8_0; llama-quantize gives it a format of its own too (Q6_K). A row that is no whole number of
blocks of 32 is kept in F16, as llama-quantize does. Norms, routers, convolutions and the Mamba layers' small tensors
are F32. Experts are stacked, the draft head is the block after the last layer.

Written for llama.cpp and what is built on it; not tried there, only with the `gguf` package and our own reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from nemora.models.llama_config import LlamaConfig
from nemora.models.mamba2 import Mamba2Spec
from nemora.models.nemotron_h_config import NemotronHConfig
from nemora.models.nemotron_nas_config import NemotronNASConfig
from nemora.models.rope import rope_frequencies
from nemora.ops.blocks import F16, F32, Q4_0, Q8_0, BlockFormat, StoredMatrix
from nemora.ops.quantise import QUANTISERS
from nemora.weights.architectures import architecture_of
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.gguf_writer import GGUFWriter
from nemora.weights.names import Layout, split_number
from nemora.weights.progress import Progress
from nemora.weights.save_errors import QuantisationErrors, quantised
from nemora.weights.save_gguf_keys import gguf_keys
from nemora.weights.save_source import Matrix, Source
from nemora.weights.save_tensors import Outgoing, need_room, reporting, written_whole
from nemora.weights.tensors import TensorInfo

GGUFFormat = Literal["q8_0", "q4_0"]
BLOCK_FORMATS: Mapping[GGUFFormat, BlockFormat] = {"q8_0": Q8_0, "q4_0": Q4_0}
FILE_TYPES: Mapping[GGUFFormat, int] = {"q4_0": 2, "q8_0": 7}  # llama.cpp's numbers for "mostly" this
QUANTIZATION_VERSION = 2  # of ggml's block formats


def save_gguf(
    checkpoint: Checkpoint,
    out: Path,
    format: GGUFFormat,
    *,
    tokenizer: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> QuantisationErrors:
    """Write `out`, a file that must not exist. Memory holds about one matrix at a time.

    Args:
        tokenizer: the file's `tokenizer.` keys; without them only token ids can be used with it.

    Raises:
        UsageError: `out` exists.
        UnsupportedCheckpoint: the checkpoint is quantised in ModelOpt's way, or GGUF or this writer cannot express it.
        CorruptCheckpoint: its tensors contradict its settings, or hold what is no number.
        ModelError: the disk is full or cannot be written.
    """
    source = Source(checkpoint)
    architecture, keys = gguf_keys(source.config, draft=source.has_draft_head)
    metadata = {
        "general.architecture": architecture,
        "general.type": "model",
        "general.name": _name(checkpoint),
        "general.file_type": FILE_TYPES[format],
        "general.quantization_version": QUANTIZATION_VERSION,
        **{f"{architecture}.{key}": value for key, value in keys.items()},
        **(tokenizer or {}),
    }
    job = _Job(source, format, architecture_of("gguf", architecture).layout(source.config))
    writer = GGUFWriter(metadata, list(job.tensors()))
    with written_whole(out) as place:
        need_room(out, writer.bytes)
        with reporting(progress, out.name, writer.bytes) as report:
            writer.write(place, report)
    return job.errors


def _name(checkpoint: Checkpoint) -> str:
    """The model's name, by which its recommended sampling is known too."""
    name = checkpoint.metadata.get("general.name")
    if isinstance(name, str) and name:
        return name
    return checkpoint.path.stem if checkpoint.path.is_file() else checkpoint.path.resolve().name


@dataclass
class _Job:
    """What is to be written of one source."""

    source: Source
    format: GGUFFormat
    layout: Layout

    def __post_init__(self) -> None:
        self.errors = QuantisationErrors()
        self.tied = bool(getattr(self.source.config, "tied_head", False))

    def tensors(self) -> Iterator[Outgoing]:
        for name in self.source.names():
            if name == "head" and self.tied:  # a copy of the embedding; without it readers take that
                continue
            yield self._small(name) if name in self.source.inventory.tensors else self._matrices(name)
        factors = _rope_factors(self.source)
        if factors is not None:
            yield _plain("rope_freqs.weight", tuple(factors.shape), lambda: factors)

    def _matrices(self, name: str) -> Outgoing:
        """A matrix, or all experts' matrices of that name as one tensor."""
        matrices = self.source.matrices(name)
        shape: tuple[int, ...] = (matrices[0].rows, matrices[0].columns)
        if matrices[0].expert is not None:
            shape = (len(matrices), *shape)
        info = TensorInfo(self._file_name(name), shape, self._format_of(matrices[0]))

        def pieces() -> Iterable[Tensor]:
            return (self._made(matrix, info.format) for matrix in matrices)

        return Outgoing(info=info, pieces=pieces)

    def _format_of(self, matrix: Matrix) -> BlockFormat:
        is_output = matrix.name == ("embedding" if self.tied else "head")
        wanted = Q8_0 if is_output else BLOCK_FORMATS[self.format]
        return F16 if matrix.columns % wanted.size else wanted

    def _made(self, matrix: Matrix, format: BlockFormat) -> Tensor:
        """A matrix's bytes."""
        numbers = self.source.numbers(matrix)
        quantise = QUANTISERS[format.name.lower()] if format is not F16 else _to_half
        stored = quantised(matrix, numbers, quantise)
        self.errors.add(matrix, numbers, stored)
        head_dim = self.layout.place(matrix.name).interleaved
        return interleaved(stored.data, matrix.rows // head_dim) if head_dim else stored.data

    def _small(self, name: str) -> Outgoing:
        restore = self.layout.place(name).restore

        def numbers() -> Tensor:
            kept = self.source.small(name)
            return kept if restore is None else restore(kept)

        return _plain(self._file_name(name), _shape_of(self.source, name), numbers)

    def _file_name(self, name: str) -> str:
        return self.layout.file_name(name, ())


def _plain(name: str, shape: tuple[int, ...], numbers: Callable[[], Tensor]) -> Outgoing:
    """A small tensor in F32."""
    return Outgoing(
        info=TensorInfo(name, shape, F32), pieces=lambda: [numbers().float().contiguous().view(torch.uint8)]
    )


def _shape_of(source: Source, name: str) -> tuple[int, ...]:
    """A small tensor's shape as llama.cpp has it: A and D are columns, the gated norm has a row for each group."""
    shape = source.inventory.tensors[name]
    kind = split_number(name)[0]
    if kind.endswith((".mamba.a", ".mamba.d")):
        return *shape, 1
    if kind.endswith(".mamba.norm"):
        assert isinstance(source.config, NemotronHConfig)
        spec = source.config.layers[int(split_number(name)[1])]
        assert isinstance(spec, Mamba2Spec)
        return spec.groups, shape[0] // spec.groups
    return shape


def _to_half(numbers: Tensor) -> StoredMatrix:
    half = numbers.half()
    if not half.isfinite().all():
        raise ValueError("a number is not finite or too large for fp16")
    return StoredMatrix(F16, half.contiguous().view(torch.uint8))


def interleaved(data: Tensor, heads: int) -> Tensor:
    """Reorder rows of bytes from halves of each head to (2i, 2i + 1) pairs; `split_halves` undoes it."""
    rows, row_bytes = data.shape
    return data.view(heads, 2, rows // heads // 2, row_bytes).transpose(1, 2).reshape(rows, row_bytes)


def _rope_factors(source: Source) -> Tensor | None:
    """RoPE scaling as GGUF carries it: divisors of the frequencies."""
    config = source.config
    if not isinstance(config, LlamaConfig | NemotronNASConfig) or config.rope_scaling is None:
        return None
    if isinstance(config.rope_scaling, tuple):
        return torch.tensor(config.rope_scaling)
    plain = rope_frequencies(config.head_dim, config.rope_theta, None)
    return plain / rope_frequencies(config.head_dim, config.rope_theta, config.rope_scaling)
