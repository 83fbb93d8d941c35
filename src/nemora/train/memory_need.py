"""What fine-tuning will need of memory, before anything is loaded: a sum that a person can check.

Weights stay as they are stored. What is trained has four numbers in fp32: itself, its gradient and AdamW's two. For the
backward pass each matrix keeps its input and its output for every token; with `recompute` each layer keeps only what
goes in, and one layer at a time is computed again. A margin covers what is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from nemora.errors import UsageError
from nemora.models.attention import AttentionSpec
from nemora.models.base import ModelConfig
from nemora.models.inventory import Inventory
from nemora.models.llama_config import LlamaConfig
from nemora.models.mamba2 import Mamba2Spec
from nemora.models.moe import MoESpec
from nemora.models.nemotron_config import NemotronConfig
from nemora.models.nemotron_h_config import NemotronHConfig
from nemora.models.nemotron_nas_config import NemotronNASConfig
from nemora.ops.kernels import SSD_CHUNK
from nemora.train.loss import CHUNK
from nemora.weights.load import LoadPlan
from nemora.weights.names import split_number

FP32 = 4
TRAINED = 4 * FP32  # itself, gradient, two moments
ELEMENTWISE = 1.5  # norms, activations, rotated copies beside the matrices' inputs and outputs
MARGIN = 0.15


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes: of the weights as stored, of what is trained, of a pass, and of all with the margin."""

    weights: int
    trained: int
    activations: int

    @property
    def total(self) -> int:
        return int((self.weights + self.trained + self.activations) * (1 + MARGIN))


def memory_need(
    plan: LoadPlan,
    *,
    trained_numbers: int,
    keeps_weights: bool,
    tokens: int,
    row: int,
    recompute: bool,
) -> Need:
    """For passes of `tokens` tokens in rows of `row`.

    Args:
        trained_numbers: of the model or of the adapters.
        keeps_weights: the stored weights stay beside what is trained, as a base under adapters does.
    """
    layers = _layer_numbers(plan, row)
    kept = sum(layers.values())
    if recompute:
        kept = max(layers.values()) + len(layers) * _hidden(plan.inventory)
    head = 3 * min(tokens, CHUNK) * _rows(plan.inventory, "embedding")  # logits, their softmax and its gradient
    scores = max((2 * spec.heads * row for spec in _specs(plan.config) if isinstance(spec, AttentionSpec)), default=0)
    activations = FP32 * (tokens * (kept + scores) + head)
    return Need(plan.stored_bytes if keeps_weights else 0, TRAINED * trained_numbers, activations)


def refuse_what_does_not_fit(need: Need, available: int, advice: str) -> None:
    """Raise UsageError if it does not fit."""
    if need.total > available:
        raise UsageError(
            f"Training would need about {need.total / 1e9:.1f} GB ({need.weights / 1e9:.1f} weights, "
            f"{need.trained / 1e9:.1f} trained numbers with their optimiser, {need.activations / 1e9:.1f} for a pass) "
            f"and {available / 1e9:.1f} GB are free; {advice}."
        )


def _layer_numbers(plan: LoadPlan, row: int) -> dict[str, int]:
    """By a layer's number: what it keeps for each token, in numbers."""
    layers: dict[str, int] = {}
    for name, (rows, columns) in plan.inventory.matrices.items():
        _add(layers, name, int(ELEMENTWISE * (rows + columns)))
    specs = _specs(plan.config)
    chosen = {str(number): spec.top_k for number, spec in enumerate(specs) if isinstance(spec, MoESpec)}
    for name, (_, rows, columns) in plan.inventory.experts.items():
        _add(layers, name, int(ELEMENTWISE * (rows + columns)) * chosen.get(split_number(name)[1], 1))
    for number, spec in enumerate(specs):
        _add(layers, f"layers.{number}.", _mixing(spec, row))
    return layers or {"": 0}


def _specs(config: ModelConfig) -> tuple[object, ...]:
    """What mixes tokens, layer by layer, as far as the settings tell it in one of the family's ways."""
    match config:
        case NemotronHConfig():
            return config.layers
        case LlamaConfig() | NemotronConfig():
            return (config.attention,) * config.layers
        case NemotronNASConfig():
            return tuple(layer.attention for layer in config.layers)
    return ()


def _mixing(spec: object, row: int) -> int:
    """What mixing tokens keeps for each of them: the masked products within a chunk of the state space.

    Attention keeps no scores for the gradient; it makes those of one layer at a time.
    """
    if isinstance(spec, Mamba2Spec):
        return 4 * spec.heads * min(row, SSD_CHUNK) + 2 * spec.heads * spec.head_dim * spec.state_size // SSD_CHUNK
    return 0


def _add(layers: dict[str, int], name: str, numbers: int) -> None:
    if name.startswith("layers."):
        number = split_number(name)[1]
        layers[number] = layers.get(number, 0) + numbers


def _hidden(inventory: Inventory) -> int:
    return inventory.matrices["embedding"][1]


def _rows(inventory: Inventory, name: str) -> int:
    return inventory.matrices[name][0]
