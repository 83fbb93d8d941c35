"""Folders as ModelOpt exports them: some modules in FP8 or NVFP4 with their scales, and the declaration of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from torch import Tensor

from nemora.ops.quantise import quantise_fp8, quantise_nvfp4

Choice = Callable[[str], str | None]


def chosen_by_kind(module: str) -> str | None:
    """As Nemotron 3 Super: experts in NVFP4, other feed-forward and Mamba projections in FP8, the rest plain."""
    if ".experts." in module:
        return "NVFP4"
    return "FP8" if module.endswith(("in_proj", "out_proj", "up_proj", "down_proj")) else None


def quantised(
    tensors: Mapping[str, Tensor], choose: Choice = chosen_by_kind
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors as they are stored, and the algorithm of each module that is quantised."""
    stored: dict[str, Tensor] = {}
    algorithms: dict[str, str] = {}
    for name, tensor in tensors.items():
        module = name.removesuffix(".weight")
        algorithm = choose(module) if tensor.dim() == 2 else None
        if algorithm is None:
            stored[name] = tensor.to(torch.bfloat16)
            continue
        algorithms[module] = algorithm
        matrix = quantise_fp8(tensor) if algorithm == "FP8" else quantise_nvfp4(tensor)
        stored[f"{module}.input_scale"] = torch.tensor(0.01)
        if matrix.scales is None:
            stored[name] = matrix.data.view(torch.float8_e4m3fn)
            stored[f"{module}.weight_scale"] = torch.tensor(matrix.scale)
        else:
            stored[name] = matrix.data
            stored[f"{module}.weight_scale"] = matrix.scales.view(torch.float8_e4m3fn)
            stored[f"{module}.weight_scale_2"] = torch.tensor(matrix.scale)
    return stored, algorithms


def declaration(algorithms: Mapping[str, str]) -> dict[str, Any]:
    """The contents of hf_quant_config.json."""
    layers = {
        module: {"quant_algo": algorithm} | ({"group_size": 16} if algorithm == "NVFP4" else {})
        for module, algorithm in algorithms.items()
    }
    quantization = {"quant_algo": "MIXED_PRECISION", "kv_cache_quant_algo": "FP8", "quantized_layers": layers}
    return {"producer": {"name": "modelopt", "version": "0.43.0"}, "quantization": quantization}


def write_modelopt_folder(
    path: Path,
    config: dict[str, Any],
    tensors: Mapping[str, Tensor],
    choose: Choice = chosen_by_kind,
    *,
    declared_in: Literal["hf_quant_config.json", "config.json"] = "hf_quant_config.json",
) -> Path:
    """Quantise and write a folder in one of the two ways in which they say how they are stored."""
    path.mkdir(parents=True, exist_ok=True)
    stored, algorithms = quantised(tensors, choose)
    said = declaration(algorithms)
    if declared_in == "config.json":
        layers = said["quantization"]["quantized_layers"]
        inner = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": layers, "ignore": []}
        config = config | {"quantization_config": inner}
    else:
        (path / "hf_quant_config.json").write_text(json.dumps(said))
    (path / "config.json").write_text(json.dumps(config))
    save_file(stored, path / "model.safetensors")
    return path
