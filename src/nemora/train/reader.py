"""Training the model that reads every text: does its matter have to stay, what is it about, and what does it name?"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from nemora.train.authored import TOPICS, Example
from nemora.train.batches import Batch, batch_of, encoded, like_lengths, load_tokenizer
from nemora.train.encoder import Encoder, ReaderModel, read_config
from nemora.train.examples import Varied
from nemora.train.reader_loss import loss_of
from nemora.train.span_labels import LABELS

NEW_WEIGHTS = 5.0
"""How much faster the weights learn that begin at random: heads and shapes."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of a run. `layers`: how many of the encoder's are kept."""

    epochs: int = 3
    tokens_per_batch: int = 2048
    rate: float = 8e-5
    layers: int = 6
    warmup: float = 0.08
    decay: float = 0.05
    seed: int = 0
    generated: int = 8000
    """Texts from templates that an epoch sees, new ones each time."""


Report = Callable[[str, int, int], None]  # a line, steps done, steps in all


@dataclass
class Trainer:
    """One run. `model` is what comes out; `losses` are those of each step.

    `examples` are seen in every epoch, and with them what `more` gives for it.
    """

    folder: Path
    examples: Sequence[Example]
    recipe: Recipe
    more: Callable[[int], Sequence[Example]] = lambda epoch: ()
    losses: list[float] = field(default_factory=list)
    start: ReaderModel | None = None
    """A model to train further; without one, the published encoder with new heads."""

    def __post_init__(self) -> None:
        torch.manual_seed(self.recipe.seed)
        self.draw = random.Random(self.recipe.seed)
        self.tokenizer = load_tokenizer(self.folder / "tokenizer.json")
        self.model = self.start or self._new_model()

    def _new_model(self) -> ReaderModel:
        encoder = Encoder(read_config(self.folder, layers=self.recipe.layers))
        encoder.load_published(self.folder)
        return ReaderModel(encoder, len(TOPICS), len(LABELS))

    def train(self, report: Report) -> None:
        """All epochs."""
        varied = Varied(self.examples, self.draw)
        total = self.recipe.epochs * sum(1 for _ in self._batches([*self.examples, *self.more(0)]))
        optimiser = self._optimiser()
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: self._rate(step, total))
        self.model.train()
        for epoch in range(self.recipe.epochs):
            examples = [*self.examples, *self.more(epoch)]
            for batch in self._batches([varied.vary(example) for example in examples]):
                with torch.autocast("cpu", torch.bfloat16):
                    logits, labels = self.model(batch.ids, batch.mask, batch.shapes)
                loss = loss_of(logits.float(), labels.float(), batch)
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                self.losses.append(float(loss.detach()))
                if len(self.losses) % 20 == 0:
                    recent = sum(self.losses[-20:]) / 20
                    report(f"epoch {epoch + 1}, loss {recent:.3f}", len(self.losses), max(total, len(self.losses)))

    def _optimiser(self) -> torch.optim.Optimizer:
        """The word embeddings stay as they are: half of all weights, and few texts to learn rare words from."""
        model, rate = self.model, self.recipe.rate
        model.encoder.words.requires_grad_(False)
        new = [model.encoder.shapes, model.head, model.labels]
        begun = {id(parameter) for module in new for parameter in module.parameters()}
        learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
        groups = [
            {"params": [p for p in learned if id(p) not in begun], "lr": rate},
            {"params": [p for p in learned if id(p) in begun], "lr": (1 if self.start else NEW_WEIGHTS) * rate},
        ]
        return torch.optim.AdamW(groups, weight_decay=self.recipe.decay, betas=(0.9, 0.98), fused=True)

    def _rate(self, step: int, total: int) -> float:
        """Linear warm-up, then a cosine down to nearly nothing."""
        warm = max(1, int(total * self.recipe.warmup))
        if step < warm:
            return (step + 1) / warm
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, total - warm))))

    def _batches(self, examples: Sequence[Example]) -> Iterator[Batch]:
        """Texts of like length together, in random order."""
        rows = [(encoded(self.tokenizer, example.text), example) for example in examples]
        yield from map(batch_of, like_lengths(rows, self.recipe.tokens_per_batch, self.draw))
