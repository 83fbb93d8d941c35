"""LoRA: a matrix stays as it is and learns a correction of low rank. Hu et al. 2021 (arXiv:2106.09685)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nemora.errors import UsageError
from nemora.models.inventory import Inventory
from nemora.ops.weight import BlockWeight, Weight
from nemora.train.parameters import whole
from nemora.weights.names import Layout, split_number

NOT_ADAPTED = ("embedding", "head", "mtp.", "mamba.output")
"""Parts of names of matrices that get no adapter.

Embedding and head are large and often one tensor; a draft head follows the trunk's words, whatever they are. PEFT
refuses the output matrix of Mamba layers, because fused kernels read it past the module that would add the correction;
what PEFT cannot load is not made here. Experts are no modules in transformers, but parts of one tensor: none either.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSpec:
    """W x becomes W x + alpha / rank · B A dropout(x), with A [rank, columns] and B [rows, rank].

    `targets` are the published names of the matrices that get an adapter, as in PEFT: q_proj, up_proj, in_proj …;
    empty means all but `NOT_ADAPTED`.
    """

    rank: int
    alpha: float
    dropout: float = 0.0
    targets: frozenset[str] = frozenset()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rank < 1 or not self.alpha > 0 or not 0 <= self.dropout < 1:
            raise UsageError("LoRA needs a rank of at least 1, an alpha above 0 and a dropout from 0 to below 1.")


class LoraWeight(nn.Module):
    """A weight with its correction, whose two matrices are trained.

    A is drawn as a linear layer's weights are (Kaiming uniform with a = √5, as PEFT does it: within ± 1 / √columns) and
    B is zero, so at first nothing is corrected.
    """

    def __init__(self, base: Weight, spec: LoraSpec, generator: torch.Generator) -> None:
        super().__init__()
        self.base, self.spec = base, spec
        rows, columns = base.shape
        bound = 1 / math.sqrt(columns)
        self.lora_a = nn.Parameter(torch.empty(spec.rank, columns).uniform_(-bound, bound, generator=generator))
        self.lora_b = nn.Parameter(torch.zeros(rows, spec.rank))

    @property
    def shape(self) -> tuple[int, int]:
        return self.base.shape

    @property
    def bytes(self) -> int:
        return self.base.bytes + self.lora_a.nbytes + self.lora_b.nbytes

    def matmul(self, x: Tensor) -> Tensor:
        drops = self.training and torch.is_grad_enabled()  # not in an evaluation between two steps
        seen = F.dropout(x.to(self.lora_a.dtype), self.spec.dropout, drops)
        correction = F.linear(F.linear(seen, self.lora_a), self.lora_b) * self.scale
        return self.base.matmul(x) + correction.to(x.dtype)

    def rows(self, ids: Tensor) -> Tensor:
        raise TypeError("an embedding has no adapter")

    @property
    def scale(self) -> float:
        return self.spec.alpha / self.spec.rank

    @torch.no_grad()
    def correction(self) -> Tensor:
        """What is added to the matrix: [rows, columns], fp32. Where it is sharded, all processes must ask."""
        return self.scale * (whole(self.lora_b).float() @ whole(self.lora_a).float())


class FrozenBlocks:
    """Stored blocks that are not trained. Gradients pass through, and what they need is decoded again, not kept.

    Plain autograd would keep each matrix in decoded form until the backward pass: the whole model.
    """

    def __init__(self, blocks: BlockWeight) -> None:
        self.blocks = blocks

    @property
    def shape(self) -> tuple[int, int]:
        return self.blocks.shape

    @property
    def bytes(self) -> int:
        return self.blocks.bytes

    def matmul(self, x: Tensor) -> Tensor:
        product: Tensor = _BlockMatmul.apply(x, self.blocks)  # type: ignore[no-untyped-call]
        return product

    def rows(self, ids: Tensor) -> Tensor:
        return self.blocks.rows(ids)


class _BlockMatmul(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, blocks: BlockWeight) -> Tensor:
        ctx.blocks = blocks
        return blocks.matmul(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.blocks.transposed_matmul(gradients[0]), None


class Lora:
    """Puts adapters on a model's matrices: `wrap` is what `Parameters` calls for each.

    `modules` has, for each matrix that gets one, the path of its module in transformers. The base is not trained.

    Raises:
        UsageError: a target is no matrix of this model, or cannot have an adapter.
    """

    def __init__(self, spec: LoraSpec, inventory: Inventory, layout: Layout) -> None:
        self.spec = spec
        self.modules = _chosen(module_paths(inventory, layout), spec.targets)
        self.weights: dict[str, LoraWeight] = {}
        self._generator = torch.Generator().manual_seed(spec.seed)

    def wrap(self, name: str, weight: Weight) -> Weight:
        base = FrozenBlocks(weight) if type(weight) is BlockWeight else weight
        if name not in self.modules:
            return base
        self.weights[name] = LoraWeight(base, self.spec, self._generator)
        return self.weights[name]

    @staticmethod
    def trained(name: str) -> bool:
        """Nothing of the model itself."""
        return False

    @property
    def targets(self) -> list[str]:
        """The last parts of the modules' paths, as PEFT's `target_modules` has them."""
        return sorted({path.rpartition(".")[2] for path in self.modules.values()})

    def merged(self, numbers: Callable[[str], Tensor]) -> Callable[[str], Tensor | None]:
        """What `save_folder` takes: each adapted matrix with its correction added; `numbers` gives it without."""

        def sum_of(name: str) -> Tensor | None:
            if name not in self.weights:
                return None
            base = numbers(name)
            return base.float() + self.weights[name].correction().to(base.device)

        return sum_of

    def parameters_of(self, inventory: Inventory) -> int:
        """How many numbers the adapters have."""
        return sum(self.spec.rank * sum(inventory.matrices[name]) for name in self.modules)


def module_paths(inventory: Inventory, layout: Layout) -> dict[str, str]:
    """By a matrix's name the path of its module in transformers, for all that can have an adapter.

    There every family is called `model.` within its language model, also where published files say `backbone.`.
    """
    paths = {}
    for name in inventory.matrices:
        if not any(part in name for part in NOT_ADAPTED):
            pattern, number = split_number(name)
            names = layout.places[pattern].names
            published = next((known for known in names if known.startswith("model.")), names[0])
            paths[name] = published.replace("{n}", number).removesuffix(".weight")
    return paths


def _chosen(paths: Mapping[str, str], targets: Collection[str]) -> dict[str, str]:
    there = {path.rpartition(".")[2] for path in paths.values()}
    unknown = set(targets) - there
    if unknown:
        raise UsageError(
            f"{len(unknown)} of the targets name no matrix that can have an adapter; this model has "
            f"{', '.join(sorted(there))}."
        )
    return {name: path for name, path in paths.items() if not targets or path.rpartition(".")[2] in targets}
