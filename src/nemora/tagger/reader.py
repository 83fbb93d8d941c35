"""The model that reads every text once: what it is about, whether that must stay on this machine, and what it names.

A sentence encoder of six layers with two heads; how it is trained: recipes/sensitivity/README.md; what runs it:
`window_model`. Windows run one at a time. onnxruntime quantises activations per call, so a batch would let one text
change another's answer; on a CPU thread it would save about a tenth for very short texts and nothing for others.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path

import numpy as np

from nemora.errors import CorruptCheckpoint
from nemora.tagger.spans import Floats, Ints
from nemora.tagger.tokens import SPECIAL_SHAPE, special_token
from nemora.tagger.window_model import Engine, open_model
from nemora.tagger.window_reader import HYBRID, TOKENIZER, WindowReader

MODEL = "model.onnx"
SHIPPED = "reader_model"


class TextReader(WindowReader):
    """An encoder.

    Args:
        folder: what `nemora train sensitivity` wrote.
        threads: cores for one window.
        engine: what runs it; "auto" is the fastest that there is.

    Raises:
        CorruptCheckpoint: a file is missing or damaged.
    """

    files = (MODEL, TOKENIZER)

    def __init__(self, folder: Path, *, threads: int = 1, engine: Engine = "auto") -> None:
        super().__init__(folder)
        self._model = open_model(folder / MODEL, threads=threads, engine=engine)
        self._first, self._last = (special_token(self._tokenizer, token) for token in ("[CLS]", "[SEP]"))

    def _forward(self, ids: Ints, forms: Ints, *, meaning: bool) -> tuple[Floats, Floats, Floats | None]:
        if meaning and not self._model.has_meaning:
            raise CorruptCheckpoint(
                "The model that reads requests cannot compare example sentences; train it anew, or use the shipped one."
            )
        row = np.concatenate(([self._first], ids, [self._last]))
        form = np.concatenate(([SPECIAL_SHAPE], forms, [SPECIAL_SHAPE]))
        logits, labels, hidden = self._model.encode(row, form, meaning=meaning)
        return logits, labels[1:-1], None if hidden is None else hidden[1:-1]


def load_reader(folder: str | None = None, *, threads: int = 1, engine: Engine = "auto") -> WindowReader:
    """The model in `folder`, an encoder or a hybrid, or the one that ships with Nemora; `engine` runs an encoder.

    Raises:
        CorruptCheckpoint: a file is missing or damaged.
    """
    if folder is not None and is_hybrid(Path(folder)):
        from nemora.tagger.hybrid_reader import HybridReader  # torch takes seconds and memory that the encoder saves

        return HybridReader(Path(folder))
    if folder is not None:
        return TextReader(Path(folder), threads=threads, engine=engine)
    with shipped_folder() as shipped:
        return TextReader(shipped, threads=threads, engine=engine)


def is_hybrid(folder: Path) -> bool:
    """Whether a model's folder is that of a hybrid."""
    return (folder / HYBRID[1]).is_file()


def shipped_folder() -> AbstractContextManager[Path]:
    """The folder of the model that ships with Nemora, for as long as the context lasts."""
    return resources.as_file(resources.files("nemora.tagger") / SHIPPED)
