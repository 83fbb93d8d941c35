"""Writes a quantised model in ModelOpt's layout: a folder of safetensors, as vLLM, SGLang and TensorRT-LLM read it.

A quantised module has `weight` and `weight_scale`, in NVFP4 also `weight_scale_2`; `quantisation.py` reads the two
declarations and `ops/` tells what the numbers mean. What is not quantised is copied to the byte.

Which engine loads what, as far as sources and threads of theirs tell; none was tried with these folders:

- FP8 has a static scale of each module's inputs, `input_scale`. All three want it, so it is never left out.
- NVFP4 with `input_scale` (W4A4) is what all three understand by NVFP4. On GPUs without FP4 units vLLM uses its weights
  only.
- NVFP4 without it is declared as W4A16_NVFP4. A recent vLLM reads that, and SGLang within mixed checkpoints; older ones
  refuse it by name. So a text to measure inputs on is worth giving.

Modules that engines fuse (q, k and v; gate and up) get one scale together. ModelOpt does so for NVFP4; its FP8 modules
have one each, which engines requantise to one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nemora import __version__
from nemora.errors import CorruptCheckpoint, UsageError
from nemora.ops import fp8
from nemora.ops.blocks import BF16, F32, FP8_E4M3, StoredMatrix
from nemora.ops.quantise import NVFP4_LEVELS, QUANTISERS, SMALLEST_NORMAL
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.progress import Progress
from nemora.weights.quantisation import NVFP4_GROUP
from nemora.weights.save_errors import QuantisationErrors, quantised
from nemora.weights.save_folder import (
    JSON_MARGIN,
    copy_settings,
    folder_form,
    folder_numbers,
    folder_shape,
    known_names,
)
from nemora.weights.save_recipe import ModelOptFormat, Recipe
from nemora.weights.save_safetensors import write_safetensors
from nemora.weights.save_source import Matrix, Source
from nemora.weights.save_tensors import Outgoing, need_room, reporting, written_whole
from nemora.weights.tensors import U8, TensorInfo

InputLargest = Mapping[tuple[str, int | None], float]
"""The largest magnitude that a module's inputs had, by the matrix's name and the expert's number."""

# Readers know the layout by this name. What wrote it is said beside it.
PRODUCER = {"name": "modelopt", "version": "0.43.0", "written_by": f"nemora {__version__}"}


def save_modelopt(
    checkpoint: Checkpoint,
    out: Path,
    format: ModelOptFormat,
    *,
    inputs: InputLargest | None = None,
    tokenizer: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> QuantisationErrors:
    """Write `out`, a folder that must not exist. Memory holds about one module at a time.

    A GGUF file can be the source too: what is not quantised then becomes BF16 where it is in blocks.

    Args:
        inputs: of every module, see `save_calibration`. Required for fp8; nvfp4 is weight-only without it.
        tokenizer: files for a source that is a GGUF file, by their names. A folder's own are copied.

    Raises:
        UsageError: fp8 without inputs, or `out` exists.
        UnsupportedCheckpoint: the checkpoint is quantised already, or has what is not implemented.
        CorruptCheckpoint: its tensors contradict its settings, or hold what is no number.
        ModelError: the disk is full or cannot be written.
    """
    if format == "fp8" and inputs is None:
        raise UsageError(
            "FP8 checkpoints hold the range of every module's inputs, which needs a text to measure; give --text FILE."
        )
    job = _Job(Source(checkpoint), format, inputs)
    tensors = list(job.tensors())
    size = sum(tensor.info.stored_bytes for tensor in tensors)
    with written_whole(out) as place:
        need_room(out, size + JSON_MARGIN)
        place.mkdir()
        job.write_settings(place, tokenizer or {})
        with reporting(progress, out.name, size) as report:
            write_safetensors(place, tensors, report)
    return job.errors


@dataclass
class _Job:
    """What is to be written of one source."""

    source: Source
    format: ModelOptFormat
    inputs: InputLargest | None

    def __post_init__(self) -> None:
        self.recipe = Recipe(self.source.inventory, self.format)
        self.errors = QuantisationErrors()
        self._made: tuple[tuple[Matrix, ...], list[StoredMatrix]] = ((), [])
        self._known_names = known_names(self.source.checkpoint)
        self.config, self.layout = folder_form(self.source)

    def tensors(self) -> Iterator[Outgoing]:
        """All tensors, those that are made together side by side."""
        done: set[str] = set()
        for name in self.source.names():
            if name in done:
                continue
            if name in self.source.inventory.tensors:
                yield self._copied_small(name)
                continue
            fused = self.recipe.fused(name)
            done.update(fused)
            for matrices in zip(*(self.source.matrices(part) for part in fused), strict=True):
                yield from self._module(matrices)

    def _module(self, matrices: tuple[Matrix, ...]) -> Iterator[Outgoing]:
        """One matrix, or those that share a scale."""
        for index, matrix in enumerate(matrices):
            if all(self.recipe.quantises(member) for member in matrices):
                yield from self._quantised(matrices, index)
            else:
                yield self._copied(matrix)

    def _quantised(self, matrices: tuple[Matrix, ...], index: int) -> Iterator[Outgoing]:
        matrix, name = matrices[index], self.file_name(matrices[index])
        module = name.removesuffix(".weight")

        def stored() -> StoredMatrix:
            return self._make(matrices)[index]

        if self.format == "fp8":
            weight = TensorInfo(name, (matrix.rows, matrix.columns), FP8_E4M3)
            yield Outgoing(info=weight, pieces=lambda: [stored().data])
            yield _number(f"{module}.weight_scale", lambda: stored().scale)
        else:
            weight = TensorInfo(name, (matrix.rows, matrix.columns // 2), U8)
            scales = TensorInfo(f"{module}.weight_scale", (matrix.rows, matrix.columns // NVFP4_GROUP), FP8_E4M3)
            yield Outgoing(info=weight, pieces=lambda: [stored().data])
            yield Outgoing(info=scales, pieces=lambda: _scales_of(stored()))
            yield _number(f"{module}.weight_scale_2", lambda: stored().scale)
        if self.inputs is not None:
            yield _number(f"{module}.input_scale", partial(self._input_scale, self.inputs, matrix))

    def _make(self, matrices: tuple[Matrix, ...]) -> list[StoredMatrix]:
        """The matrices quantised under one scale; kept until others are asked for."""
        if self._made[0] != matrices:
            parts = [self.source.numbers(matrix) for matrix in matrices]
            whole = quantised(matrices[0], parts[0] if len(parts) == 1 else torch.cat(parts), QUANTISERS[self.format])
            made, start = [], 0
            for matrix, part in zip(matrices, parts, strict=True):
                made.append(whole.slice(start, start + matrix.rows))
                self.errors.add(matrix, part, made[-1])
                start += matrix.rows
            self._made = (matrices, made)
        return self._made[1]

    def _input_scale(self, inputs: InputLargest, matrix: Matrix) -> float:
        """max|x| / 448, or / 2688. An expert that no token came to has the widest range of its fellows."""
        key = (matrix.name, matrix.expert)
        fellows = (value for (name, _), value in inputs.items() if name == matrix.name)
        largest = inputs[key] if key in inputs or matrix.expert is None else max(fellows, default=0.0)
        if not math.isfinite(largest):
            raise CorruptCheckpoint(f"The inputs of {matrix.name} were not finite on the text given.")
        levels = fp8.MAX if self.format == "fp8" else NVFP4_LEVELS
        return max(largest / levels, SMALLEST_NORMAL) if largest else 1.0

    def _copied(self, matrix: Matrix) -> Outgoing:
        """A matrix as it lies in the source, or in BF16 if it lies there in blocks."""
        stored = self.source.stored(matrix)
        plain = stored.format.dtype is not None and stored.scale == 1.0
        info = TensorInfo(self.file_name(matrix), (matrix.rows, matrix.columns), stored.format if plain else BF16)

        def pieces() -> Sequence[Tensor]:
            stored = self.source.stored(matrix)
            return [stored.data if plain else stored.decode(torch.bfloat16).view(torch.uint8)]

        return Outgoing(info=info, pieces=pieces)

    def _copied_small(self, name: str) -> Outgoing:
        there = self.source.small_info(name)
        file_name = self.layout.file_name(name, self._known_names)
        if self.source.checkpoint.kind == "safetensors":
            info = TensorInfo(file_name, there.shape, there.format)
            return Outgoing(info=info, pieces=lambda: [self.source.file.read(there.name).data])
        info = TensorInfo(file_name, folder_shape(name, self.source.inventory.tensors[name]), F32)
        return Outgoing(info=info, pieces=lambda: [folder_numbers(name, self.source.small(name)).view(torch.uint8)])

    def file_name(self, matrix: Matrix) -> str:
        """The published name: one for each expert, whatever the source has."""
        return self.layout.file_name(matrix.name, self._known_names, matrix.expert)

    def write_settings(self, folder: Path, tokenizer: Mapping[str, str]) -> None:
        """All files but the weights."""
        copy_settings(self.source.checkpoint, folder, tokenizer)
        quantisation = self.declaration()
        config = {**self.config, "quantization_config": config_declaration(quantisation)}
        _write_json(folder / "hf_quant_config.json", {"producer": PRODUCER, "quantization": quantisation})
        _write_json(folder / "config.json", config)

    def declaration(self) -> dict[str, Any]:
        """`quantization` in hf_quant_config.json."""
        algorithm = "FP8" if self.format == "fp8" else "W4A16_NVFP4" if self.inputs is None else "NVFP4"
        group = {"group_size": NVFP4_GROUP} if self.format == "nvfp4" else {}
        excluded = {"quant_algo": algorithm, "kv_cache_quant_algo": None, **group}
        return {**excluded, "exclude_modules": sorted(set(self._excluded()))}

    def _excluded(self) -> Iterator[str]:
        """Modules that stay as they are: embedding, convolutions and routers too, which engines look up like others.

        The draft head's layers are named as wholes, as ModelOpt does it.
        """
        inventory, layout = self.source.inventory, self.layout
        for name in [*inventory.matrices, *inventory.experts]:
            names = [(self.file_name(m), self.recipe.quantises(m)) for m in self.source.matrices(name)]
            yield from (_excluded_name(file_name) for file_name, quantises in names if not quantises)
        for name in inventory.tensors:
            if name.endswith((".conv", ".router")):
                yield _excluded_name(layout.file_name(name, self._known_names))
        if "head" not in inventory.matrices:
            yield _excluded_name(layout.file_name("head", self._known_names))  # tied to the embedding


def _excluded_name(file_name: str) -> str:
    draft = re.match(r"mtp\.layers\.\d+", file_name)
    return f"{draft[0]}*" if draft else file_name.removesuffix(".weight")


def config_declaration(quantisation: Mapping[str, Any]) -> dict[str, Any]:
    """`quantization_config` in config.json: the same, in the other spelling."""
    bits = 8 if quantisation["quant_algo"] == "FP8" else 4
    group = {"group_size": quantisation["group_size"]} if "group_size" in quantisation else {}
    numbers = {"dynamic": False, "num_bits": bits, "type": "float", **group}
    inputs = {} if quantisation["quant_algo"] == "W4A16_NVFP4" else {"input_activations": numbers}
    return {
        "config_groups": {"group_0": {**inputs, "weights": numbers, "targets": ["Linear"]}},
        "ignore": quantisation["exclude_modules"],
        "quant_algo": quantisation["quant_algo"],
        "producer": PRODUCER,
        "quant_method": "modelopt",
    }


def _number(name: str, value: Any) -> Outgoing:
    """A scale: one fp32 number."""

    def pieces() -> Sequence[Tensor]:
        return [torch.tensor([value()], dtype=torch.float32).view(torch.uint8)]

    return Outgoing(info=TensorInfo(name, (1,), F32), pieces=pieces, scalar=True)


def _scales_of(stored: StoredMatrix) -> Iterable[Tensor]:
    assert stored.scales is not None
    return [stored.scales]


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
