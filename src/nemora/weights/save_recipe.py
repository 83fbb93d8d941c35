"""Which modules a ModelOpt checkpoint quantises, after the recipes that NVIDIA published with its own.

Of the hybrids (ModelOpt's `mamba_moe` presets): experts, shared experts, dense MLPs and the Mamba projections; not
attention, the router, the latent projections, the draft head, embeddings or the output matrix. NVFP4 spares the Mamba
layer just before each attention layer too, as Nemotron 3 Nano's release does. Of models without Mamba layers: every
linear module but the output matrix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from nemora.models.inventory import Inventory
from nemora.ops.blocks import FP8_E4M3, MODELOPT_NVFP4
from nemora.weights.save_source import Matrix

ModelOptFormat = Literal["fp8", "nvfp4"]
BLOCK_FORMATS = {"fp8": FP8_E4M3, "nvfp4": MODELOPT_NVFP4}
NEVER = re.compile(r"embedding|head|mtp\..*")
NEVER_IN_HYBRIDS = re.compile(r"layers\.\d+\.(attention\.\w+|moe\.(to|from)_latent)")

# Modules that engines fuse into one must have one scale.
FUSED = (("attention.q", "attention.k", "attention.v"), ("mlp.gate", "mlp.up"))


class Recipe:
    """What is quantised to `format` in a model with that inventory."""

    def __init__(self, inventory: Inventory, format: ModelOptFormat) -> None:
        self.inventory = inventory
        self.block = BLOCK_FORMATS[format].size
        self.hybrid = any(name.endswith("mamba.input") for name in inventory.matrices)
        self.spared = frozenset(self._before_attention()) if format == "nvfp4" else frozenset()

    def quantises(self, matrix: Matrix) -> bool:
        """Whether that module is stored in the format."""
        if NEVER.fullmatch(matrix.name) or matrix.columns % self.block:
            return False
        if self.hybrid and NEVER_IN_HYBRIDS.fullmatch(matrix.name):
            return False
        return ".".join(matrix.name.split(".")[:2]) not in self.spared

    def fused(self, name: str) -> tuple[str, ...]:
        """The names of matrices that share a scale with that one, itself included, in the model's order."""
        for parts in FUSED:
            for part in parts:
                if name.endswith(f".{part}"):
                    prefix = name.removesuffix(part)
                    return tuple(prefix + other for other in parts if prefix + other in self.inventory.matrices)
        return (name,)

    def _before_attention(self) -> Iterator[str]:
        """Mamba layers whose next layer is attention, by the model's names."""
        for name in self.inventory.matrices:
            found = re.fullmatch(r"layers\.(\d+)\.mamba\.input", name)
            if found and f"layers.{int(found[1]) + 1}.attention.q" in self.inventory.matrices:
                yield f"layers.{found[1]}"
