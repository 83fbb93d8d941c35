"""From a checkpoint to a model that runs: check every name, shape and form, then read tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import torch

from nemora.errors import CorruptCheckpoint
from nemora.models.base import Model, ModelConfig, Weights
from nemora.models.config import GGUFHeader
from nemora.models.inventory import Inventory, take_inventory
from nemora.models.rope import MAX_ROTATED
from nemora.weights.architectures import Architecture, architecture_of
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.checkpoint_weights import CheckpointWeights, LoadProgress
from nemora.weights.device import check_device
from nemora.weights.memory import available_memory
from nemora.weights.names import Layout
from nemora.weights.packed_copy import open_copy
from nemora.weights.packing import Activations, activation_bits, packing
from nemora.weights.quantisation import Quantisation
from nemora.weights.stored import Described, Problem, TensorFinder
from nemora.weights.tensors import TensorFile

MARGIN = 1 << 30  # memory that decoded copies leave free beside the stored weights


def load_model(
    checkpoint: Checkpoint,
    *,
    device: str = "cpu",
    dtype: torch.dtype | None = None,
    decode_budget: int | None = None,
    mtp: bool = False,
    simulate_activations: bool = False,
    activations: Activations = "float32",
    packed_copy: Path | None = None,
    progress: LoadProgress | None = None,
    through: Callable[[Weights], Weights] | None = None,
) -> Model:
    """Build the checkpoint's model on `device`.

    Args:
        dtype: of activations; by default fp32 on the CPU and bf16 elsewhere.
        decode_budget: bytes that decoded copies of the weights may take. What has none is decoded anew in each matmul:
            slow, but it fits. By default half of the memory that is available and not needed for the stored weights.
        mtp: load the multi-token prediction head too, where there is one.
        simulate_activations: round inputs of quantised layers, and keys and values, as the published checkpoint's own
            kernels do. By default only weights are quantised, which is closer to the unquantised model.
        activations: how precisely matrices of 4- to 8-bit blocks meet them on the CPU. "float32": torch multiplies by
            decoded weights. Otherwise, where the native kernels are there, these multiply by what is stored and round
            activations: "int8", "int15", or as `packing.activation_bits` finds right for the model's size ("auto").
            Those of BF16, F16, FP8 and F32 they multiply by exact activations. Not together with
            `simulate_activations`.
        packed_copy: where one may lie (`packed_place`), to be mapped where matrices would be packed.
        progress: called after each tensor.
        through: what the model is to get its weights from instead, made of what reads them.

    Raises:
        CorruptCheckpoint: a tensor is missing or has a wrong shape, or a setting makes no sense.
        UnsupportedCheckpoint: an architecture, setting or tensor that is not implemented.
        UsageError: torch has no such device here.
    """
    check_device(device)
    plan = plan_loading(checkpoint)
    for problem in plan.problems():
        raise problem.error()
    on_cpu = device == "cpu"
    if activations != "float32" and simulate_activations:
        raise ValueError('activations are rounded as published only with activations="float32"')
    dtype = dtype or (torch.float32 if on_cpu else torch.bfloat16)
    budget = default_decode_budget(plan, device) if decode_budget is None else decode_budget
    bits = activation_bits(activations, plan.inventory.parameters) if on_cpu else None
    build = plan.builder(mtp=mtp)
    find_copy = None if packed_copy is None else partial(open_copy, packed_copy, checkpoint, plan.whole)
    weights = CheckpointWeights(
        checkpoint,
        plan.finder,
        take_inventory(build)[1],
        device=device,
        dtype=dtype,
        decode_budget=budget,
        simulate=simulate_activations,
        progress=progress,
        packing=bits and packing(plan.finder, bits, available_memory(device), find_copy),
    )
    model = build(weights if through is None else through(weights))
    weights.finish()
    return model


class Headers(Protocol):
    """What planning needs of a checkpoint, which may lie elsewhere: all but the tensors' numbers. See `Checkpoint`."""

    @property
    def kind(self) -> Literal["gguf", "safetensors"]: ...

    @property
    def architecture(self) -> str: ...

    @property
    def metadata(self) -> Mapping[str, Any]: ...

    @property
    def quantisation(self) -> Quantisation: ...

    @property
    def file(self) -> Described: ...


@dataclass(frozen=True)
class LoadPlan:
    """What a checkpoint's model needs and where that lies; nothing is read yet."""

    checkpoint: Headers
    architecture: Architecture
    config: ModelConfig
    finder: TensorFinder
    inventory: Inventory
    """Of all that the checkpoint has: with the draft head, if it has one."""

    def builder(self, *, mtp: bool) -> Callable[[Any], Model]:
        """What makes the model of weights."""
        return partial(_build, self.architecture, self.config, mtp and has_draft_head(self.finder))

    @property
    def whole(self) -> Callable[[Any], Model]:
        """What makes the model of weights with all that the checkpoint has."""
        return self.builder(mtp=True)

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the checkpoint's tensors."""
        if getattr(self.config, "tied_head", False):
            yield from _head_copy(self.checkpoint.file, self.finder.layout, self.inventory)
        yield from self.finder.problems(self.inventory)

    @property
    def stored_bytes(self) -> int:
        """Bytes of all tensors in the files."""
        return sum(info.stored_bytes for info in self.finder.tensors.values())


def plan_loading(checkpoint: Headers) -> LoadPlan:
    """Read the settings and find out what the model needs.

    Raises: as `load_model`, but for what is wrong with tensors.
    """
    architecture = architecture_of(checkpoint.kind, checkpoint.architecture)
    config = read_config(checkpoint, architecture)
    finder = TensorFinder(checkpoint.file, architecture.layout(config), checkpoint.quantisation)
    build = partial(_build, architecture, config, has_draft_head(finder))
    return LoadPlan(checkpoint, architecture, config, finder, take_inventory(build)[1])


def _build(architecture: Architecture, config: ModelConfig, mtp: bool, weights: Any) -> Model:
    return architecture.build(config, weights, mtp)


def read_config(checkpoint: Headers, architecture: Architecture) -> ModelConfig:
    """The settings of a checkpoint of either kind."""
    if checkpoint.kind == "safetensors":
        return architecture.read_config(checkpoint.metadata)
    shapes = {name: info.shape for name, info in checkpoint.file.tensors.items()}
    header = GGUFHeader(metadata=checkpoint.metadata, shapes=shapes, rope_factors=_frequency_factors(checkpoint.file))
    return architecture.read_config(header)


def has_draft_head(finder: TensorFinder) -> bool:
    """Whether the files hold a multi-token prediction head: some tools drop it when they save a model again."""
    if "mtp.join" not in finder.layout.places:
        return False
    return finder.layout.file_name("mtp.join", finder.tensors) in finder.tensors


def default_decode_budget(plan: LoadPlan, device: str) -> int:
    """Half of the memory that is available, but never what the stored weights themselves need."""
    available = available_memory(device)
    return max(0, min(available // 2, available - plan.stored_bytes - MARGIN))


def _frequency_factors(file: Described) -> tuple[float, ...] | None:
    """The RoPE scaling that a GGUF file may carry as a tensor: divisors of the frequencies.

    Of a file that is not here only their number is known; then they are ones.
    """
    name = "rope_freqs.weight"
    if name not in file.tensors:
        return None
    shape = file.tensors[name].shape
    if len(shape) != 1 or shape[0] > MAX_ROTATED // 2:
        raise CorruptCheckpoint(f"Tensor {name} is no list of RoPE frequency factors: it has the shape {list(shape)}.")
    return tuple(file.read(name).decode()[0].tolist()) if isinstance(file, TensorFile) else (1.0,) * shape[0]


def _head_copy(file: Described, layout: Layout, inventory: Inventory) -> Iterator[Problem]:
    """A tied head may be stored nevertheless, but then it must be the embedding, as far as that can be read."""
    tensors = file.tensors
    head, embedding = layout.file_name("head", tensors), layout.file_name("embedding", tensors)
    if head not in tensors or embedding not in tensors:
        return
    inventory.matrices["head"] = inventory.matrices["embedding"]
    if isinstance(file, TensorFile) and not torch.equal(file.read(head).data, file.read(embedding).data):
        message = f"tie_word_embeddings is true, but {head} and {embedding} differ."
        yield Problem("storage", head, message)
