"""A model that was trained from nothing as a folder in the published layout, as `transformers` and others load it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nemora.models.inventory import Inventory
from nemora.ops.blocks import BF16, F32, BlockFormat
from nemora.train.parameters import Parameters
from nemora.weights.architectures import architecture_of
from nemora.weights.names import Layout
from nemora.weights.save_folder import folder_numbers, folder_shape
from nemora.weights.save_safetensors import write_safetensors
from nemora.weights.save_tensors import Outgoing, written_whole
from nemora.weights.tensors import TensorInfo

KEPT_EXACT = "router_bias"  # checkpoints hold it in fp32, the rest in bf16


def publish(out: Path, settings: Mapping[str, Any], parameters: Parameters, files: Mapping[str, str]) -> None:
    """Write config.json, model.safetensors and `files`, by their names, into `out`, which must not exist.

    Args:
        settings: the contents of config.json.

    Raises:
        UsageError: `out` exists.
        ModelError: the disk is full or cannot be written.
    """
    architecture = architecture_of("safetensors", settings["model_type"])
    layout = architecture.layout(architecture.read_config(settings))
    with written_whole(out) as place:
        place.mkdir()
        for name, content in {**files, "config.json": json.dumps(settings, indent=2) + "\n"}.items():
            (place / name).write_text(content, encoding="utf-8")
        write_safetensors(place, list(_tensors(parameters, layout)), lambda size: None)


def _tensors(parameters: Parameters, layout: Layout) -> Iterator[Outgoing]:
    """All tensors, an expert's each under its own name, as in the published files."""
    inventory: Inventory = parameters.inventory
    for name in inventory.matrices:
        yield _outgoing(layout.file_name(name, ()), parameters.numbers(name))
    for name, (count, _, _) in inventory.experts.items():
        numbers = parameters.numbers(name)
        for expert in range(count):
            yield _outgoing(layout.file_name(name, (), expert), numbers[expert])
    for name in inventory.tensors:
        format = F32 if name.endswith(KEPT_EXACT) else BF16
        numbers = folder_numbers(name, parameters.numbers(name))
        shaped = numbers.view(folder_shape(name, tuple(numbers.shape)))
        yield _outgoing(layout.file_name(name, ()), shaped, format)


def _outgoing(file_name: str, numbers: Tensor, format: BlockFormat = BF16) -> Outgoing:
    stored = numbers.to(format.dtype or torch.float32).contiguous()
    info = TensorInfo(file_name, tuple(stored.shape), format)
    return Outgoing(info=info, pieces=lambda: [stored.view(-1).view(torch.uint8)])
