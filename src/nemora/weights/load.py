"""From a checkpoint to a model that runs: check every name and shape, then read tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.base import Model, Shapes
from nemora.models.config import LlamaConfig, llama_config_from_gguf, llama_config_from_hugging_face
from nemora.models.config_reader import shown
from nemora.models.llama import Llama, llama_shapes
from nemora.ops.blocks import StoredMatrix
from nemora.ops.weight import BlockWeight, Weight
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.memory import available_memory
from nemora.weights.names import LLAMA_GGUF, LLAMA_HUGGING_FACE, Layout
from nemora.weights.tensors import TensorFile

MAX_FREQUENCIES = 1 << 12  # half of the largest head size there could be

LoadProgress = Callable[[int, int], None]  # stored bytes read so far, and of all


def load_model(
    checkpoint: Checkpoint,
    *,
    device: str = "cpu",
    decode_budget: int | None = None,
    progress: LoadProgress | None = None,
) -> Model:
    """Build the checkpoint's model on `device`.

    Args:
        decode_budget: bytes that fp32 copies of the weights may take. A model that needs more is decoded anew in each
            matmul: slow, but it fits. By default half of the memory that is available now.
        progress: called after each tensor.

    Raises:
        CorruptCheckpoint: a tensor is missing or has a wrong shape, or a setting makes no sense.
        UnsupportedCheckpoint: an architecture, setting or tensor that is not implemented.
    """
    if checkpoint.architecture != "llama":
        raise UnsupportedCheckpoint(
            f"{checkpoint.path.name} has the architecture {shown(checkpoint.architecture)}; only llama is implemented."
        )
    config = llama_config(checkpoint)
    layout = LLAMA_GGUF if checkpoint.kind == "gguf" else LLAMA_HUGGING_FACE
    shapes = llama_shapes(config)
    check_tensors(checkpoint, layout, shapes, config)
    if decode_budget is None:
        decode_budget = available_memory(device) // 2
    decoded_bytes = sum(4 * torch.Size(shape).numel() for shape in shapes.values())
    weights = CheckpointWeights(
        checkpoint, layout, config, shapes, device=device, decode=decoded_bytes <= decode_budget, progress=progress
    )
    return Llama(config, weights)


def llama_config(checkpoint: Checkpoint) -> LlamaConfig:
    """The settings of a Llama checkpoint of either kind."""
    if checkpoint.kind == "safetensors":
        return llama_config_from_hugging_face(checkpoint.metadata)
    tensors = checkpoint.file.tensors
    embedding = LLAMA_GGUF.file_name("embedding")
    if embedding not in tensors:
        raise CorruptCheckpoint(f"{checkpoint.path.name} lacks the tensor {embedding}.")
    return llama_config_from_gguf(
        checkpoint.metadata,
        vocab_size=tensors[embedding].shape[0],
        tied_head=LLAMA_GGUF.file_name("head") not in tensors,
        frequency_factors=_frequency_factors(checkpoint.file),
    )


def _frequency_factors(file: TensorFile) -> tuple[float, ...] | None:
    """The RoPE scaling that a GGUF file may carry as a tensor: divisors of the frequencies."""
    name = "rope_freqs.weight"
    if name not in file.tensors:
        return None
    shape = file.tensors[name].shape
    if len(shape) != 1 or shape[0] > MAX_FREQUENCIES:
        raise CorruptCheckpoint(f"Tensor {name} is no list of RoPE frequency factors: it has the shape {list(shape)}.")
    return tuple(file.read(name).decode()[0].tolist())


def check_tensors(checkpoint: Checkpoint, layout: Layout, shapes: Shapes, config: LlamaConfig) -> None:
    """Refuse a checkpoint that lacks a tensor, has one too many, or one of another shape than the config asks for."""
    tensors = checkpoint.file.tensors
    names = {layout.file_name(name): name for name in shapes}
    for file_name, name in names.items():
        if file_name not in tensors:
            raise CorruptCheckpoint(f"{checkpoint.path.name} lacks the tensor {file_name}.")
        found, expected = tensors[file_name].shape, shapes[name]
        if found != expected:
            raise CorruptCheckpoint(
                f"Tensor {file_name} of {checkpoint.path.name} has the shape {list(found)}; its settings ask for "
                f"{list(expected)}."
            )
    if config.tied_head:
        names |= _head_copy(checkpoint, layout)
    for file_name in tensors:
        if file_name not in names and not layout.is_ignored(file_name):
            raise UnsupportedCheckpoint(
                f"{checkpoint.path.name} has the tensor {shown(file_name)}, for which this architecture has no place."
            )


def _head_copy(checkpoint: Checkpoint, layout: Layout) -> dict[str, str]:
    """A tied head may be stored nevertheless, but then it must be the embedding."""
    head, embedding = layout.file_name("head"), layout.file_name("embedding")
    if head not in checkpoint.file.tensors:
        return {}
    if not torch.equal(checkpoint.file.read(head).data, checkpoint.file.read(embedding).data):
        raise CorruptCheckpoint(f"tie_word_embeddings is true, but {head} and {embedding} differ.")
    return {head: "embedding"}


class CheckpointWeights:
    """Hands out a checkpoint's weights by the model's names; a `models.base.Weights`."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        layout: Layout,
        config: LlamaConfig,
        shapes: Shapes,
        *,
        device: str,
        decode: bool,
        progress: LoadProgress | None,
    ) -> None:
        self.checkpoint = checkpoint
        self.layout = layout
        self.config = config
        self.device = device
        self.decode = decode
        self.progress = progress
        tensors = checkpoint.file.tensors
        self.bytes_total = sum(tensors[layout.file_name(name)].stored_bytes for name in shapes)
        self.bytes_read = 0

    def matrix(self, *names: str) -> Weight:
        blocks = BlockWeight([self._read(name) for name in names])
        return blocks.decoded() if self.decode else blocks

    def vector(self, name: str) -> Tensor:
        return self._read(name).decode()[0].clone()

    def _read(self, name: str) -> StoredMatrix:
        file_name = self.layout.file_name(name)
        stored = self.checkpoint.file.read(file_name)
        heads_field = self.layout.heads_field(name)
        if heads_field is not None:
            stored = split_halves(stored, getattr(self.config, heads_field))
        if self.device != "cpu":
            stored = StoredMatrix(stored.format, stored.data.to(self.device))
        self.bytes_read += self.checkpoint.file.tensors[file_name].stored_bytes
        if self.progress is not None:
            self.progress(self.bytes_read, self.bytes_total)
        return stored


def split_halves(stored: StoredMatrix, heads: int) -> StoredMatrix:
    """Reorder the rows of each head from (2i, 2i + 1) pairs to halves. Rows move whole, whatever their format."""
    rows, row_bytes = stored.data.shape
    pairs = stored.data.view(heads, rows // heads // 2, 2, row_bytes)
    return StoredMatrix(stored.format, pairs.transpose(1, 2).reshape(rows, row_bytes))
