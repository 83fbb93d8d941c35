"""The encoders that are implemented, and how one is built of a checkpoint folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from nemora.errors import UnsupportedCheckpoint
from nemora.models.base import Weights
from nemora.models.bert import Bert
from nemora.models.bert_config import bert_config_from_hugging_face
from nemora.models.config_reader import shown
from nemora.models.encoder import Encoder
from nemora.models.inventory import take_inventory
from nemora.models.llama_config import llama_encoder_config
from nemora.models.llama_encoder import LlamaEncoder
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.checkpoint_weights import CheckpointWeights
from nemora.weights.device import check_device
from nemora.weights.memory import available_memory
from nemora.weights.names import Layout
from nemora.weights.names_bert import BERT_HUGGING_FACE
from nemora.weights.names_llama import LLAMA_ENCODER
from nemora.weights.stored import TensorFinder


@dataclass(frozen=True, slots=True)
class EncoderArchitecture:
    """How one is read: its config.json, the model of that config and weights, and its tensors' names."""

    read_config: Callable[[Mapping[str, Any]], Any]
    build: Callable[[Any, Weights], Encoder]
    layout: Layout


ENCODERS: Mapping[str, EncoderArchitecture] = {
    "bert": EncoderArchitecture(bert_config_from_hugging_face, Bert, BERT_HUGGING_FACE),
    "llama_bidirec": EncoderArchitecture(llama_encoder_config, LlamaEncoder, LLAMA_ENCODER),
}
"""By `model_type` in config.json."""


def load_encoder(checkpoint: Checkpoint, *, device: str = "cpu", dtype: torch.dtype | None = None) -> Encoder:
    """Build the checkpoint's encoder on `device`.

    Args:
        dtype: of activations; by default fp32 on the CPU and bf16 elsewhere.

    Raises:
        CorruptCheckpoint: a tensor is missing or has a wrong shape, or a setting makes no sense.
        UnsupportedCheckpoint: an architecture, setting or tensor that is not implemented.
        UsageError: torch has no such device here.
    """
    check_device(device)
    architecture = ENCODERS.get(checkpoint.architecture) if checkpoint.kind == "safetensors" else None
    if architecture is None:
        raise UnsupportedCheckpoint(
            f"The checkpoint has the architecture {shown(checkpoint.architecture)}, which makes no embeddings; "
            f"a folder of {' or '.join(ENCODERS)} was expected."
        )
    build = partial(architecture.build, architecture.read_config(checkpoint.metadata))
    inventory = take_inventory(build)[1]
    finder = TensorFinder(checkpoint.file, architecture.layout, checkpoint.quantisation)
    for problem in finder.problems(inventory):
        raise problem.error()
    weights = CheckpointWeights(
        checkpoint,
        finder,
        inventory,
        device=device,
        dtype=dtype or (torch.float32 if device == "cpu" else torch.bfloat16),
        decode_budget=available_memory(device) // 2,
        simulate=False,
        progress=None,
    )
    return build(weights)
