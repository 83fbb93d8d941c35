"""What the number of tensors costs when a checkpoint is opened, checked and loaded: Nemotron 3 Super's layout, tiny.

    python bench/load_experts.py [--layers 40] [--experts 512]

By default as many tensors as Super has experts' matrices in NVFP4, four tensors each; matrices are 16 x 16, so that
reading their numbers takes no time. Prints one line a step.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor

from nemora.models.inventory import take_inventory
from nemora.models.nemotron_h import NemotronH
from nemora.models.nemotron_h_config import nemotron_h_config_from_hugging_face
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model, plan_loading
from nemora.weights.names_nemotron_h import NEMOTRON_H_HUGGING_FACE

WIDTH = 16
CONFIG: dict[str, Any] = {
    "model_type": "nemotron_h",
    "vocab_size": 32,
    "max_position_embeddings": 64,
    "hidden_size": 2 * WIDTH,
    "layer_norm_epsilon": 1e-5,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": WIDTH,
    "moe_latent_size": WIDTH,
    "moe_shared_expert_intermediate_size": WIDTH,
    "routed_scaling_factor": 5.0,
    "norm_topk_prob": True,
}
Result = TypeVar("Result")


def main() -> int:
    parser = argparse.ArgumentParser(description="Time to open, check and load a checkpoint of many small tensors.")
    parser.add_argument("--layers", type=int, default=40)
    parser.add_argument("--experts", type=int, default=512)
    args = parser.parse_args()
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
    )
    with tempfile.TemporaryDirectory() as folder:
        count = write(Path(folder), args.layers, args.experts)
        print(f"{args.layers} layers of {args.experts} experts: {count:,} tensors")
        measure(Path(folder))
    return 0


def measure(folder: Path) -> None:
    """Print how long each step takes."""
    checkpoint = timed("open", lambda: open_checkpoint(folder))
    plan = timed("plan", lambda: plan_loading(checkpoint))
    problems = timed("problems", lambda: list(plan.problems()))
    if problems:
        sys.exit(problems[0].message)
    timed("load", lambda: load_model(checkpoint, decode_budget=0))


def timed(name: str, step: Callable[[], Result]) -> Result:
    started = time.perf_counter()
    result = step()
    print(f"{name:<10} {time.perf_counter() - started:6.2f} s", flush=True)
    return result


def write(folder: Path, layers: int, experts: int) -> int:
    """Write the checkpoint; returns its number of tensors."""
    settings = CONFIG | {"hybrid_override_pattern": "E" * layers, "n_routed_experts": experts}
    config = nemotron_h_config_from_hugging_face(settings)
    _, inventory = take_inventory(lambda weights: NemotronH(config, weights))
    tensors: dict[str, Tensor] = {}
    quantised = {}
    for name, shape in (*inventory.matrices.items(), *inventory.tensors.items()):
        tensors[NEMOTRON_H_HUGGING_FACE.file_name(name, ())] = torch.zeros(shape)
    for name, (count, rows, columns) in inventory.experts.items():
        for number in range(count):
            weight = NEMOTRON_H_HUGGING_FACE.file_name(name, (), number)
            module = weight.removesuffix(".weight")
            quantised[module] = {"quant_algo": "NVFP4", "group_size": 16}
            tensors[weight] = torch.zeros(rows, columns // 2, dtype=torch.uint8)
            tensors[f"{module}.weight_scale"] = torch.ones(rows, columns // 16).to(torch.float8_e4m3fn)
            tensors[f"{module}.weight_scale_2"] = torch.ones(())
            tensors[f"{module}.input_scale"] = torch.ones(())
    said = {"quantization": {"quant_algo": "MIXED_PRECISION", "quantized_layers": quantised}}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "hf_quant_config.json").write_text(json.dumps(said))
    save_file(tensors, folder / "model.safetensors")
    return len(tensors)


if __name__ == "__main__":
    sys.exit(main())
