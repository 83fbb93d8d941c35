"""Makes the checkpoints in `modelopt/`: random tiny models, quantised and exported by nvidia-modelopt itself, on a CPU.

Run in an environment of its own, with nvidia-modelopt 0.47.0, transformers 5.24.0, requests and accelerate:

    python tests/golden/make_modelopt_reference.py

`logits.npz` holds, for the same ids, what modelopt says the quantised model computes. For FP8 it simulates the layers
with rounded inputs, keys and values. Its NVFP4 simulation needs CUDA, so for NVFP4 the exported weights are decoded by
its own `NVFP4QTensor` and put into transformers' model.
"""

from __future__ import annotations

import copy
import math
import shutil
from pathlib import Path
from typing import Any

import modelopt.torch.quantization as mtq
import numpy as np
import torch
from modelopt.torch.export import export_hf_checkpoint
from modelopt.torch.export.unified_export_hf import requantize_resmooth_fused_llm_layers
from modelopt.torch.quantization.qtensor import NVFP4QTensor
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM, NemotronHConfig, NemotronHForCausalLM

OUT = Path(__file__).parent / "modelopt"
IDS = torch.randint(3, 96, (2, 24), generator=torch.Generator().manual_seed(0))
SIZES = {
    "vocab_size": 96,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 128,
    "tie_word_embeddings": False,
}
HYBRID = {
    "layers_block_type": ["linear_attention", "moe", "full_attention", "mlp"],
    "intermediate_size": 96,
    "ssm_state_size": 16,
    "mamba_num_heads": 8,
    "mamba_head_dim": 16,
    "n_groups": 2,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 48,
    "moe_shared_expert_intermediate_size": 64,
    "routed_scaling_factor": 2.5,
    "chunk_size": 16,
}


def new_model(kind: str) -> Any:
    torch.manual_seed(0)
    if kind == "llama":
        config = LlamaConfig(**SIZES, num_hidden_layers=2, intermediate_size=128, architectures=["LlamaForCausalLM"])
        model = LlamaForCausalLM(config)
    else:
        model = NemotronHForCausalLM(NemotronHConfig(**SIZES, **HYBRID, architectures=["NemotronHForCausalLM"]))
        for layer in model.model.layers:
            if hasattr(layer.mixer, "time_step_limit"):
                layer.mixer.time_step_limit = (0.0, math.inf)  # none, as in every published model
    for parameter in model.parameters():
        if parameter.dim() >= 2:
            torch.nn.init.normal_(parameter, std=1.2 / parameter.shape[-1] ** 0.5)
    return model.eval()


def logits(model: Any) -> np.ndarray:
    with torch.inference_mode():
        return model(IDS[:1]).logits.float().numpy()


def make_fp8(kind: str) -> np.ndarray:
    model = new_model(kind).float()
    scheme = mtq.utils.update_quant_cfg_with_kv_cache_quant(
        copy.deepcopy(mtq.FP8_DEFAULT_CFG), mtq.FP8_KV_CFG["quant_cfg"]
    )
    model = mtq.quantize(model, scheme, lambda quantised: quantised(IDS))
    requantize_resmooth_fused_llm_layers(model)  # as the export does: one scale for q, k and v
    simulated = logits(model)
    export_hf_checkpoint(model, export_dir=OUT / f"{kind}-fp8")
    return simulated


def make_nvfp4(kind: str) -> np.ndarray:
    model = mtq.quantize(new_model(kind).bfloat16(), mtq.NVFP4_DEFAULT_CFG, lambda quantised: quantised(IDS))
    folder = OUT / f"{kind}-nvfp4"
    export_hf_checkpoint(model, export_dir=folder)
    decoded = new_model(kind).float()
    decoded.load_state_dict(stacked(decode(load_file(folder / "model.safetensors"))))
    return logits(decoded)


def decode(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    plain = {}
    for name, tensor in tensors.items():
        if tensor.dtype == torch.uint8:
            module = name.removesuffix(".weight")
            packed = NVFP4QTensor(torch.Size((tensor.shape[0], tensor.shape[1] * 2)), torch.float32, tensor)
            plain[name] = packed.dequantize(
                scale=tensors[f"{module}.weight_scale"],
                double_scale=tensors[f"{module}.weight_scale_2"],
                block_sizes={-1: 16},
            )
        elif not name.endswith(("_scale", "_scale_2")):
            plain[name] = tensor.float()
    return plain


def stacked(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Names as transformers has them in memory."""
    named: dict[str, torch.Tensor] = {}
    experts: dict[str, list[torch.Tensor]] = {}
    for name, tensor in tensors.items():
        name = name.replace("backbone.", "model.")
        if ".experts." in name:
            before, after = name.split(".experts.")
            experts.setdefault(f"{before}.experts.{after.split('.')[1]}", []).append(tensor)
        else:
            named[name] = tensor
    return named | {name: torch.stack(parts) for name, parts in experts.items()}


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    results = {"llama-fp8": make_fp8("llama"), "hybrid-fp8": make_fp8("hybrid"), "hybrid-nvfp4": make_nvfp4("hybrid")}
    np.savez_compressed(OUT / "logits.npz", ids=IDS[:1].numpy(), **results)
    for folder in results:
        (OUT / folder / "generation_config.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
