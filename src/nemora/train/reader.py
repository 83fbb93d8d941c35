"""Training the model that reads every text: does its matter have to stay, what is it about, and what does it name?"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from nemora.errors import UsageError
from nemora.tagger.window_reader import TOKENIZER
from nemora.train import checkpoint
from nemora.train.authored import TOPICS, Example
from nemora.train.batches import Batch, batch_of, cutting, encoded, like_lengths
from nemora.train.encoder import Encoder, ReaderModel, read_config
from nemora.train.examples import Varied
from nemora.train.other_scripts import Grown
from nemora.train.reader_loss import loss_of
from nemora.train.span_labels import LABELS

NEW_WEIGHTS = 5.0
"""How much faster the weights learn that begin at random, heads and shapes, and the words of other scripts."""
_ASCII = re.compile(r"[!-~]")
FOREIGN = re.compile("[\u0370-\u1dff\u3040-\ud7ff]")
"""A letter of another script than Latin."""


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
    generated: int = 14000
    """Texts from templates that an epoch sees, new ones each time."""
    other_scripts: bool = True
    """Whether words of other scripts than Latin are learned too."""
    words_only: bool = False
    """Whether nothing else is learned, from the texts that have such words: of all others the model keeps its answers
    to the bit. That new words can be learned for an encoder that stays as it is: Artetxe et al. 2020, arXiv:1910.11856.
    """


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
    run: Path | None = None
    """Where a checkpoint is written after each epoch; one that lies there is gone on from."""
    device: str = "cpu"
    """Where it learns; texts are drawn and cut into tokens on the CPU."""
    words: Grown | None = None
    """The vocabulary, if it is to be larger than that of `folder`."""

    def __post_init__(self) -> None:
        torch.manual_seed(self.recipe.seed)
        self.draw = random.Random(self.recipe.seed)
        self.words = self.words or Grown((self.folder / TOKENIZER).read_text(encoding="utf-8"), ())
        self.tokenizer = cutting(self.words.tokenizer)
        self.model = self.start or self._new_model()
        self.model.encoder.grow(self.words.parts)
        self.model.to(self.device)

    def _new_model(self) -> ReaderModel:
        encoder = Encoder(read_config(self.folder, layers=self.recipe.layers))
        encoder.load_published(self.folder)
        return ReaderModel(encoder, len(TOPICS), len(LABELS))

    def train(self, report: Report) -> None:
        """All epochs, or those that are left after the last checkpoint.

        Raises:
            UsageError: the checkpoint is of another recipe or other data.
            CorruptCheckpoint: it cannot be read.
        """
        varied = Varied(self.examples, self.draw)
        optimiser = self._optimiser()
        first, total = self._resumed(optimiser)
        total = total or self.recipe.epochs * sum(1 for _ in self._batches(self._told([*self.examples, *self.more(0)])))
        rates = [group["lr"] for group in optimiser.param_groups]
        self.model.train()
        report("training", len(self.losses), total)
        for epoch in range(first, self.recipe.epochs):
            examples = self._told([*self.examples, *self.more(epoch)])
            for batch in self._batches([varied.vary(example) for example in examples]):
                for group, rate in zip(optimiser.param_groups, rates, strict=True):
                    group["lr"] = rate * self._rate(len(self.losses), total)
                self._step(batch, optimiser)
                latest = self.losses[-20:]
                recent = sum(latest) / len(latest)
                report(f"epoch {epoch + 1}, loss {recent:.3f}", len(self.losses), max(total, len(self.losses)))
            self._save(epoch + 1, total, optimiser)

    def _told(self, examples: Sequence[Example]) -> Sequence[Example]:
        """Those that something is learned from."""
        if not self.recipe.words_only:
            return examples
        return [example for example in examples if FOREIGN.search(example.text)]

    def _step(self, batch: Batch, optimiser: torch.optim.Optimizer) -> None:
        batch = batch.to(self.device)
        # Without AVX-512 a CPU computes bf16 several times slower than fp32.
        enabled = self.device != "cpu" or torch.backends.cpu.get_cpu_capability() == "AVX512"
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=enabled):
            logits, labels = self.model(batch.ids, batch.mask, batch.shapes)
        loss = loss_of(logits.float(), labels.float(), batch)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        optimiser.step()
        self.losses.append(float(loss.detach()))  # waits for the device

    def _save(self, epochs: int, total: int, optimiser: torch.optim.Optimizer) -> None:
        if self.run is not None:
            state = {"epochs": epochs, "total": total, "losses": self.losses, "draw": self.draw.getstate()}
            checkpoint.save(self.run, epochs, self.model, optimiser, {**state, **self._begun_with()}, keep=1)

    def _resumed(self, optimiser: torch.optim.Optimizer) -> tuple[int, int]:
        """Epochs that are done, and steps in all; 0, 0 at the beginning."""
        saved = checkpoint.checkpoints(self.run) if self.run is not None else []
        if not saved:
            return 0, 0
        state = checkpoint.load(saved[-1], self.model, optimiser)
        if any(state.get(key) != value for key, value in self._begun_with().items()):
            raise UsageError("The run was begun with another recipe or other data; give the same, or begin anew.")
        version, numbers, spare = state["draw"]
        self.draw.setstate((version, tuple(numbers), spare))
        self.losses = list(state["losses"])
        return int(state["epochs"]), int(state["total"])

    def _begun_with(self) -> dict[str, object]:
        words = self.model.encoder.config.vocabulary
        return {"recipe": asdict(self.recipe), "examples": len(self.examples), "words": words}

    def _optimiser(self) -> torch.optim.Optimizer:
        """Word embeddings stay as they are, but for those of other scripts, which the published model hardly knows:
        they are half of all weights, and there are few texts to learn rare words from."""
        model, rate = self.model, self.recipe.rate
        words = model.encoder.words.weight
        words.requires_grad_(self.recipe.other_scripts)
        new = [model.encoder.shapes, model.head, model.labels]
        begun = {id(parameter) for module in new for parameter in module.parameters()}
        learned = [p for p in model.parameters() if p.requires_grad and p is not words]
        if self.recipe.words_only:
            for parameter in learned:
                parameter.requires_grad_(False)
            learned = []
        groups: list[dict[str, object]] = [
            {"params": [p for p in learned if id(p) not in begun], "lr": rate},
            {"params": [p for p in learned if id(p) in begun], "lr": (1 if self.start else NEW_WEIGHTS) * rate},
        ]
        if self.recipe.other_scripts:
            rows = self._other_scripts().to(self.device)
            words.register_hook(lambda gradient: gradient * rows)
            groups.append({"params": [words], "lr": NEW_WEIGHTS * rate, "weight_decay": 0.0})
        return torch.optim.AdamW(groups, weight_decay=self.recipe.decay, betas=(0.9, 0.98), fused=True)

    def _other_scripts(self) -> Tensor:
        """1 for each word without a sign of ASCII, else 0: [vocabulary, 1]."""
        rows = torch.zeros(self.model.encoder.config.vocabulary, 1)
        for word, number in self.tokenizer.get_vocab().items():
            sign = word.removeprefix("##")
            rows[number] = bool(FOREIGN.match(sign)) if self.recipe.words_only else not _ASCII.search(sign)
        return rows

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
