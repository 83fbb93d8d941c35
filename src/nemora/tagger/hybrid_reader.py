"""The model that reads every text as a hybrid of the Nemotron kind, on the project's own ops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from nemora.errors import CorruptCheckpoint
from nemora.models.nemotron_h import NemotronH
from nemora.tagger.hybrid import both_ways, load_heads, side_by_side, words_of
from nemora.tagger.spans import Floats, Ints
from nemora.tagger.tokens import tokenise
from nemora.tagger.window_reader import HYBRID, WindowReader
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model


class HybridReader(WindowReader):
    """A published hybrid with heads beside it, from `recipes/hybrid/train_reader.py`; on as many cores as torch uses.

    Raises:
        CorruptCheckpoint: a file is missing or damaged, or the folder's model is no hybrid.
    """

    files = HYBRID

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        model = load_model(open_checkpoint(folder))
        if not isinstance(model, NemotronH):
            raise CorruptCheckpoint("The model that reads requests is no hybrid of the Nemotron kind; install it anew.")
        self._model = model
        sizes = len(self.settings.topics), 2 * len(self.settings.labels.types) + 1
        self._heads = load_heads(folder / HYBRID[1], model.config.hidden_size, *sizes)

    def _tokens(self, text: str) -> tuple[Ints, Ints, Ints]:
        ids, words, offsets = tokenise(self._tokenizer, text)
        return (ids, *words_of(text, words, offsets)) if len(ids) else (ids, words, offsets)

    @torch.inference_mode()
    def _forward(self, ids: Ints, forms: Ints, *, meaning: bool) -> tuple[Floats, Floats, Floats | None]:
        counts = torch.tensor([len(ids)])
        rows = both_ways(torch.from_numpy(np.ascontiguousarray(ids))[None], counts)
        hidden = self._model.read(rows, self._model.new_state(rows.shape[1], batch=2))
        beside = side_by_side(hidden, counts)
        logits, labels = self._heads(beside, counts)
        return logits[0].numpy(), labels[0].numpy(), beside[0].float().numpy() if meaning else None
