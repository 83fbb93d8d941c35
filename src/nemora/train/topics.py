"""Training the topic model: does a text's matter have to stay on this machine, and what is it about?"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tokenizers
import torch
import torch.nn.functional as F
from torch import Tensor

from nemora.train.authored import TOPICS, Example
from nemora.train.encoder import Encoder, TopicModel, read_config
from nemora.train.examples import Varied

MAX_TOKENS = 256
TOPIC_WEIGHT = 0.4


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of a run. `layers`: how many of the encoder's are kept."""

    epochs: int = 4
    tokens_per_batch: int = 4096
    rate: float = 7e-5
    layers: int = 6
    warmup: float = 0.08
    decay: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids and mask [rows, seq]; `stays` [rows]; `topics` [rows, topics], nan where they are not known."""

    ids: Tensor
    mask: Tensor
    stays: Tensor
    topics: Tensor


Report = Callable[[str, int, int], None]  # a line, steps done, steps in all


@dataclass
class Trainer:
    """One run. `model` is what comes out; `losses` are those of each step."""

    folder: Path
    examples: Sequence[Example]
    recipe: Recipe
    losses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        torch.manual_seed(self.recipe.seed)
        self.draw = random.Random(self.recipe.seed)
        self.tokenizer = load_tokenizer(self.folder / "tokenizer.json")
        encoder = Encoder(read_config(self.folder, layers=self.recipe.layers))
        encoder.load_published(self.folder)
        self.model = TopicModel(encoder, len(TOPICS))

    def train(self, report: Report) -> None:
        """All epochs."""
        varied = Varied(self.examples, self.draw)
        steps_each = len(list(self._batches(list(self.examples))))
        total = steps_each * self.recipe.epochs
        self.model.encoder.words.requires_grad_(False)  # half of all weights, and few texts to learn rare words from
        learned = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        optimiser = torch.optim.AdamW(
            learned, lr=self.recipe.rate, weight_decay=self.recipe.decay, betas=(0.9, 0.98), fused=True
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: self._rate(step, total))
        self.model.train()
        for epoch in range(self.recipe.epochs):
            for batch in self._batches([varied.vary(example) for example in self.examples]):
                with torch.autocast("cpu", torch.bfloat16):
                    logits = self.model(batch.ids, batch.mask)
                loss = loss_of(logits.float(), batch)
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                self.losses.append(float(loss.detach()))
                if len(self.losses) % 20 == 0:
                    recent = sum(self.losses[-20:]) / 20
                    report(f"epoch {epoch + 1}, loss {recent:.3f}", len(self.losses), max(total, len(self.losses)))

    def _rate(self, step: int, total: int) -> float:
        """Linear warm-up, then a cosine down to nearly nothing."""
        warm = max(1, int(total * self.recipe.warmup))
        if step < warm:
            return (step + 1) / warm
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, total - warm))))

    def _batches(self, examples: Sequence[Example]) -> Iterator[Batch]:
        """Texts of like length together, in random order."""
        encoded = [(self.tokenizer.encode(example.text).ids, example) for example in examples]
        encoded.sort(key=lambda pair: len(pair[0]) * (0.9 + 0.2 * self.draw.random()))
        groups: list[list[tuple[list[int], Example]]] = [[]]
        for pair in encoded:
            if groups[-1] and (len(groups[-1]) + 1) * len(pair[0]) > self.recipe.tokens_per_batch:
                groups.append([])
            groups[-1].append(pair)
        self.draw.shuffle(groups)
        for group in groups:
            yield batch_of(group)


def load_tokenizer(path: Path) -> tokenizers.Tokenizer:
    """The encoder's tokenizer, cutting at MAX_TOKENS."""
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    return tokenizer


def batch_of(rows: Sequence[tuple[list[int], Example]]) -> Batch:
    """Rows padded to the longest."""
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    topics = torch.full((len(rows), len(TOPICS)), math.nan)
    for row, (tokens, example) in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
        if example.topics is not None:
            topics[row] = torch.tensor([float(topic in example.topics) for topic in TOPICS])
    stays = torch.tensor([float(example.stays) for _, example in rows])
    return Batch(ids, mask, stays, topics)


def loss_of(logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of "stays", and, for texts that stay, of which topic they are about; several share it evenly."""
    loss = F.binary_cross_entropy_with_logits(logits[:, 0], batch.stays)
    told = (batch.stays == 1) & (batch.topics.sum(1) > 0)  # not where a topic is nan
    if told.any():
        shares = batch.topics[told] / batch.topics[told].sum(1, keepdim=True)
        loss = loss + TOPIC_WEIGHT * F.cross_entropy(logits[told, 1:], shares)
    return loss
