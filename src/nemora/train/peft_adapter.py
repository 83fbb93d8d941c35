"""Writes trained adapters as PEFT reads them: adapter_config.json and adapter_model.safetensors.

`peft.PeftModel.from_pretrained(model, folder)` loads the folder onto the transformers model of the same base.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from nemora.train.lora import Lora
from nemora.train.parameters import whole
from nemora.weights.save_tensors import need_room, written_whole

MARGIN = 1 << 20
PREFIX = "base_model.model."
"""PEFT names its own two wrappers before the module's path."""


def save_adapter(tensors: Mapping[str, Tensor], config: Mapping[str, Any], out: Path) -> None:
    """Write `out`, a folder that must not exist, of `adapter_tensors` and `adapter_config`.

    Raises:
        UsageError: `out` exists.
        ModelError: the disk is full or cannot be written.
    """
    with written_whole(out) as place:
        need_room(out, sum(tensor.nbytes for tensor in tensors.values()) + MARGIN)
        place.mkdir()
        save_file(dict(tensors), place / "adapter_model.safetensors", metadata={"format": "pt"})
        text = place / "adapter_config.json"
        text.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        # The library writes for its own user only; here who may read is for the umask to say.
        (place / "adapter_model.safetensors").chmod(text.stat().st_mode & 0o777)


def adapter_tensors(lora: Lora) -> dict[str, Tensor]:
    """A and B of every adapter by PEFT's names, fp32. Where they are sharded, all processes must ask."""
    tensors: dict[str, Tensor] = {}
    for name, weight in lora.weights.items():
        module = PREFIX + lora.modules[name]
        tensors[f"{module}.lora_A.weight"] = whole(weight.lora_a).float().cpu().contiguous()
        tensors[f"{module}.lora_B.weight"] = whole(weight.lora_b).float().cpu().contiguous()
    return tensors


def adapter_config(lora: Lora, base: str) -> dict[str, Any]:
    """What PEFT must know; `base` is the model that the adapter belongs to. Everything else is PEFT's default."""
    return {
        "base_model_name_or_path": base,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "lora_alpha": int(lora.spec.alpha) if float(lora.spec.alpha).is_integer() else lora.spec.alpha,
        "lora_dropout": lora.spec.dropout,
        "peft_type": "LORA",
        "r": lora.spec.rank,
        "target_modules": lora.targets,
        "task_type": "CAUSAL_LM",
    }
