"""A sentence encoder of the BERT kind (Devlin et al. 2019, arXiv:1810.04805), in PyTorch, to be fine-tuned.

It reads the published weights of all-MiniLM-L6-v2: 6 layers of 384. `export.py` writes what is trained here for
onnxruntime.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from nemora.tagger.tokens import SHAPES


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Sizes of an encoder."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    width: int
    positions: int
    eps: float


def read_config(folder: Path, *, layers: int | None = None) -> EncoderConfig:
    """From a published config.json; `layers` keeps only the first of them."""
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return EncoderConfig(
        vocabulary=values["vocab_size"],
        hidden=values["hidden_size"],
        layers=min(layers or values["num_hidden_layers"], values["num_hidden_layers"]),
        heads=values["num_attention_heads"],
        width=values["intermediate_size"],
        positions=values["max_position_embeddings"],
        eps=values["layer_norm_eps"],
    )


class Encoder(nn.Module):
    """Token ids, a mask (1: a token, 0: padding) and shapes, all [batch, seq], to [batch, seq, hidden].

    Shapes (`tagger.tokens.shapes`) say how a token is written, which its id does not. They begin at nothing, so an
    encoder whose weights were just loaded is the published one.
    """

    def __init__(self, config: EncoderConfig, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.config = config
        self.words = nn.Embedding(config.vocabulary, config.hidden)
        self.positions = nn.Embedding(config.positions, config.hidden)
        self.shapes = nn.Embedding(SHAPES, config.hidden)
        nn.init.zeros_(self.shapes.weight)
        self.norm = nn.LayerNorm(config.hidden, config.eps)
        self.layers = nn.ModuleList(EncoderLayer(config, dropout) for _ in range(config.layers))
        self.dropout = SharedDropout(dropout)

    def forward(self, ids: Tensor, mask: Tensor, shapes: Tensor) -> Tensor:
        x = self.words(ids) + self.positions.weight[: ids.shape[1]] + self.shapes(shapes)
        x = self.dropout(self.norm(x))
        for layer in self.layers:
            x = layer(x, mask)
        out: Tensor = x
        return out

    def grow(self, parts: Sequence[Sequence[int]]) -> None:
        """Further words, each at first the mean of the old ones that it was read as."""
        if not parts:
            return
        old = self.words.weight.detach()
        new = torch.stack([old[list(part)].mean(0) for part in parts])
        self.words = nn.Embedding.from_pretrained(torch.cat((old, new)), freeze=False)
        self.config = replace(self.config, vocabulary=len(self.words.weight))

    def load_published(self, folder: Path) -> None:
        """Take the weights of a published model; the segment embedding, always the first, goes into the positions."""
        tensors = {
            name.removeprefix("bert."): tensor.float()
            for name, tensor in load_file(folder / "model.safetensors").items()
        }
        with torch.no_grad():
            self.words.weight.copy_(tensors["embeddings.word_embeddings.weight"])
            segment = tensors["embeddings.token_type_embeddings.weight"][0]
            self.positions.weight.copy_(tensors["embeddings.position_embeddings.weight"] + segment)
            _copy(self.norm, tensors, "embeddings.LayerNorm")
            for index, layer in enumerate(self.layers):
                assert isinstance(layer, EncoderLayer)
                layer.load_published(tensors, f"encoder.layer.{index}")


class SharedDropout(nn.Module):
    """Dropout of whole channels of a text, alike for all its tokens (Gal and Ghahramani 2016, arXiv:1512.05287).

    On a CPU drawing one number for each channel of each token takes a sixth of a step.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """[batch, seq, hidden] of the same."""
        if not self.training or not self.share:
            return x
        kept = x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(1 - self.share)
        return x * (kept / (1 - self.share))


class EncoderLayer(nn.Module):
    """Attention to both sides, then a feed-forward network; each is added and then normalised."""

    def __init__(self, config: EncoderConfig, dropout: float) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.hidden, 3 * config.hidden)
        self.output = nn.Linear(config.hidden, config.hidden)
        self.attention_norm = nn.LayerNorm(config.hidden, config.eps)
        self.up = nn.Linear(config.hidden, config.width)
        self.down = nn.Linear(config.width, config.hidden)
        self.norm = nn.LayerNorm(config.hidden, config.eps)
        self.dropout = SharedDropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, seq, hidden = x.shape
        q, k, v = self.qkv(x).view(batch, seq, 3, self.heads, hidden // self.heads).permute(2, 0, 3, 1, 4)
        scores = (q / math.sqrt(hidden // self.heads)) @ k.transpose(-1, -2)
        scores = scores + (1 - mask[:, None, None, :].to(scores.dtype)) * -1e4
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, seq, hidden)
        x = self.attention_norm(x + self.dropout(self.output(mixed)))
        out: Tensor = self.norm(x + self.dropout(self.down(F.gelu(self.up(x)))))
        return out

    def load_published(self, tensors: dict[str, Tensor], name: str) -> None:
        """Take one layer's published weights."""
        parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        self.qkv.weight.copy_(torch.cat([tensors[f"{part}.weight"] for part in parts]))
        self.qkv.bias.copy_(torch.cat([tensors[f"{part}.bias"] for part in parts]))
        _copy(self.output, tensors, f"{name}.attention.output.dense")
        _copy(self.attention_norm, tensors, f"{name}.attention.output.LayerNorm")
        _copy(self.up, tensors, f"{name}.intermediate.dense")
        _copy(self.down, tensors, f"{name}.output.dense")
        _copy(self.norm, tensors, f"{name}.output.LayerNorm")


class ReaderModel(nn.Module):
    """An encoder with two heads. Of a text: one number for "must stay" and one for each topic, [batch, 1 + topics]. Of
    each token: one for each label of a span, [batch, seq, labels].

    The first head reads the mean over the tokens beside the largest value of each channel: one sensitive sentence in a
    long text is lost in a mean.
    """

    def __init__(self, encoder: Encoder, topics: int, labels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(2 * encoder.config.hidden, 1 + topics)
        self.labels = nn.Linear(encoder.config.hidden, labels)
        nn.init.constant_(self.labels.bias[0], 4.0)  # most tokens are in no span

    def forward(self, ids: Tensor, mask: Tensor, shapes: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.encoder(ids, mask, shapes).float()
        there = mask[..., None].float()
        mean = (hidden * there).sum(1) / there.sum(1)
        largest = hidden.masked_fill(there == 0, torch.finfo(torch.float32).min).amax(1)
        logits: Tensor = self.head(torch.cat((mean, largest), dim=-1))
        labels: Tensor = self.labels(hidden)
        return logits, labels

    def named(self) -> Iterator[tuple[str, nn.Parameter]]:
        """What is trained, by name; `checkpoint` asks for it."""
        return ((name, parameter) for name, parameter in self.named_parameters() if parameter.requires_grad)


def _copy(module: nn.Linear | nn.LayerNorm, tensors: dict[str, Tensor], name: str) -> None:
    module.weight.copy_(tensors[f"{name}.weight"])
    module.bias.copy_(tensors[f"{name}.bias"])
