"""What a token needs of a model at least: the bytes of weights that are read for it, and the multiplications."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nemora.models.base import Model, ModelConfig, Weights
from nemora.models.moe import MoESpec
from nemora.ops.weight import DecodedWeight, DenseWeight, JoinedRows, RoundedInputs, Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """A weight, or several: `read` are the bytes that a product takes in as the weight lies in memory, `stored` those
    of its stored form, which are fewer where a decoded copy is multiplied. `numbers` is how many numbers it has."""

    read: int = 0
    stored: int = 0
    numbers: int = 0

    def __add__(self, other: Bulk) -> Bulk:
        return Bulk(
            read=self.read + other.read, stored=self.stored + other.stored, numbers=self.numbers + other.numbers
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertGroup:
    """A layer's matrices of one name, of which a token takes `top_k`."""

    count: int
    top_k: int
    each: Bulk

    def taken(self, tokens: int) -> float:
        """Experts that some of the tokens take, if each takes its own evenly."""
        return self.top_k if tokens == 1 else self.count * (1 - (1 - self.top_k / self.count) ** tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a forward pass needs.

    `trunk` is all that every pass reads but experts, the head and the embedding; `row` is a row of the embedding.
    Attention over earlier positions and the recurrences are not counted as multiplications.
    """

    trunk: Bulk
    head: Bulk
    row: Bulk
    experts: tuple[ExpertGroup, ...] = ()

    def read_bytes(self, tokens: int = 1) -> int:
        """Of weights as they lie in memory, for one token of each of so many sequences."""
        parts = sum(group.taken(tokens) * group.each.read for group in self.experts)
        return round(self.trunk.read + self.head.read + tokens * self.row.read + parts)

    def stored_bytes(self, tokens: int = 1) -> int:
        """The same of weights as they are stored: what a pass that decodes nothing beforehand would read."""
        parts = sum(group.taken(tokens) * group.each.stored for group in self.experts)
        return round(self.trunk.stored + self.head.stored + tokens * self.row.stored + parts)

    def prompt_operations(self, tokens: int) -> int:
        """Multiplications and additions for a prompt, of which only the last token's logits are wanted."""
        experts = sum(group.top_k * group.each.numbers for group in self.experts)
        return 2 * tokens * (self.trunk.numbers + experts) + 2 * self.head.numbers


class WatchedWeights:
    """Hands on another's weights, and keeps what the model asked for; a `models.base.Weights`."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._matrices: dict[str, Weight] = {}
        self._experts: dict[str, Sequence[Weight]] = {}
        self._tensors: list[Tensor] = []

    @property
    def device(self) -> torch.device:
        return self._weights.device

    @property
    def dtype(self) -> torch.dtype:
        return self._weights.dtype

    @property
    def bytes(self) -> int:
        return self._weights.bytes

    def matrix(self, name: str, rows: int, columns: int) -> Weight:
        self._matrices[name] = self._weights.matrix(name, rows, columns)
        return self._matrices[name]

    def fused(self, parts: Sequence[tuple[str, int]], columns: int) -> Weight:
        fused = self._matrices["+".join(name for name, _ in parts)] = self._weights.fused(parts, columns)
        return fused

    def experts(self, name: str, count: int, rows: int, columns: int) -> Sequence[Weight]:
        self._experts[name] = self._weights.experts(name, count, rows, columns)
        return self._experts[name]

    def tensor(self, name: str, *shape: int) -> Tensor:
        self._tensors.append(self._weights.tensor(name, *shape))
        return self._tensors[-1]

    def kv_scales(self, name: str) -> tuple[float, float] | None:
        return self._weights.kv_scales(name)

    def work(self, model: Model) -> Work:
        """What a token needs of the model that was built of these weights, without its draft head."""
        embedding = self._matrices["embedding"]
        whole, rows = _bulk(embedding), embedding.shape[0]
        tied = "head" not in self._matrices
        return Work(
            trunk=sum((_bulk(self._matrices[name]) for name in self._matrices if name not in ENDS), self._small()),
            head=whole if tied else _bulk(self._matrices["head"]),
            row=Bulk() if tied else Bulk(read=whole.read // rows, stored=whole.stored // rows),
            experts=tuple(self._groups(model.config)),
        )

    def _small(self) -> Bulk:
        """Norms, routers and convolutions; the latter two are multiplied by."""
        numbers = sum(math.prod(tensor.shape) for tensor in self._tensors if tensor.dim() > 1)
        read = sum(tensor.nbytes for tensor in self._tensors)
        return Bulk(read=read, stored=read, numbers=numbers)

    def _groups(self, config: ModelConfig) -> Iterator[ExpertGroup]:
        for name, experts in self._experts.items():
            yield ExpertGroup(count=len(experts), top_k=_top_k(config, name), each=_bulk(experts[0]))


ENDS = frozenset({"embedding", "head"})


def _top_k(config: ModelConfig, name: str) -> int:
    """How many of a layer's experts a token takes."""
    layer = re.match(r"layers\.(\d+)\.", name)
    spec = getattr(config, "layers", ())[int(layer[1])] if layer else None
    if not isinstance(spec, MoESpec):
        raise ValueError(f"no layer of the config is the mixture of {name}")
    return spec.top_k


def _bulk(weight: Weight) -> Bulk:
    return Bulk(read=_read_bytes(weight), stored=_stored_bytes(weight), numbers=math.prod(weight.shape))


def _read_bytes(weight: Weight) -> int:
    match weight:
        case DenseWeight():
            return weight.tensor.nbytes
        case RoundedInputs():
            return _read_bytes(weight.weight)
        case JoinedRows():
            return sum(map(_read_bytes, weight.parts))
    return weight.bytes


def _stored_bytes(weight: Weight) -> int:
    match weight:
        case DecodedWeight():
            return weight.blocks.bytes
        case RoundedInputs():
            return _stored_bytes(weight.weight)
        case JoinedRows():
            return sum(map(_stored_bytes, weight.parts))
    return weight.bytes
