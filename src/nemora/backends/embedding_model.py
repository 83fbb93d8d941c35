"""A model that turns texts into vectors, in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tokenizers
import torch
from torch import Tensor

from nemora.errors import ContextLengthExceeded, CorruptCheckpoint, ModelError, NemoraError, UnsupportedField
from nemora.models.encoder import Encoder, mean_pooled
from nemora.weights.catalog import CATALOG
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.encoders import load_encoder
from nemora.weights.fetch import resolve

if TYPE_CHECKING:
    from nemora.weights.progress import Progress

MOST_CONTEXT = 8192
"""Tokens of a text where nothing else is set: attention both ways takes memory as their square."""
BATCH_TOKENS = 4096
"""Most tokens of one forward pass, padding included; a longer text goes alone."""
PREFIXES: Mapping[str, Mapping[str, str]] = {"llama_bidirec": {"query": "query: ", "passage": "passage: "}}
"""What stands before a text, by architecture and by what the text is: as the models were trained (NVIDIA's cards)."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """`vectors` [texts, size], fp32 on the CPU, each of length 1, and the `tokens` of all texts."""

    vectors: Tensor
    tokens: int


class EmbeddingModel:
    """A loaded encoder with its tokenizer. Safe to use from several threads.

    Args:
        context: most tokens of a text, what the tokenizer adds included; 0: what the model was made for, and no more
            than `MOST_CONTEXT`.
    """

    def __init__(
        self,
        name: str,
        encoder: Encoder,
        tokenizer: tokenizers.Tokenizer,
        *,
        context: int = 0,
        prefixes: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.context = min(context or MOST_CONTEXT, encoder.config.context_length)
        self._encoder = encoder
        self._tokenizer = tokenizer
        self._prefixes = prefixes or {}

    @classmethod
    def load(
        cls,
        model: str,
        *,
        cache: Path,
        device: str = "cpu",
        context: int = 0,
        offline: bool = False,
        token: str | None = None,
        progress: Progress | None = None,
    ) -> EmbeddingModel:
        """Load `minilm-l6`, `hub:OWNER/REPO` or a folder with config.json, tokenizer.json and safetensors.

        Raises:
            UnknownModel: neither in the catalog nor a path.
            ModelError: it cannot be fetched, read or run; the subclass says which.
        """
        path = resolve(model, cache=cache, offline=offline, progress=progress, token=token)
        checkpoint = open_checkpoint(path)
        encoder = load_encoder(checkpoint, device=device)
        name = model if model in CATALOG else path.resolve().name
        prefixes = PREFIXES.get(checkpoint.architecture)
        return cls(name, encoder, _tokenizer(path), context=context, prefixes=prefixes)

    @property
    def size(self) -> int:
        """Numbers of a vector."""
        return self._encoder.config.hidden_size

    def embed(
        self, texts: Sequence[str], *, kind: str | None = None, check: Callable[[], None] = lambda: None
    ) -> Embedded:
        """The texts' vectors. What stands beside a text changes its vector by rounding at most.

        Args:
            kind: what the texts are, for models that are told: `query` or `passage`.
            check: called before each forward pass; what it raises ends the work.

        Raises:
            UnsupportedField: the model is not told `kind`.
            ContextLengthExceeded: a text is too long.
            ModelError: the model fails.
        """
        if kind is not None and kind not in self._prefixes:
            raise UnsupportedField(f"The model {self.name} does not tell kinds of texts apart.", param="/input_type")
        prefix = self._prefixes[kind] if kind is not None else ""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch([prefix + text for text in texts])]
        for index, each in enumerate(ids):
            if len(each) > self.context:
                raise ContextLengthExceeded(
                    f"The text has {len(each)} tokens, and the context is {self.context} tokens; cut it into parts.",
                    param=f"/input/{index}",
                )
        vectors = torch.empty(len(ids), self.size)
        for batch in _batches([len(each) for each in ids]):
            check()
            vectors[batch] = self._vectors([ids[index] for index in batch])
        return Embedded(vectors, sum(map(len, ids)))

    def _vectors(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """[texts, size] of one forward pass."""
        longest = max(map(len, ids))
        padded = torch.zeros(len(ids), longest, dtype=torch.long)
        there = torch.zeros(len(ids), longest, dtype=torch.bool)
        for row, each in enumerate(ids):
            padded[row, : len(each)] = torch.tensor(each)
            there[row, : len(each)] = True
        try:
            with torch.inference_mode():
                pooled = mean_pooled(self._encoder.encode(padded, there), there.to(self._encoder.device))
                return pooled.to("cpu", copy=True)
        except NemoraError:
            raise
        except Exception as error:  # noqa: BLE001 - torch raises RuntimeError for nearly everything
            raise ModelError(f"The embedding model failed with {type(error).__name__}.") from None


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """The texts' numbers in batches of like lengths, so that little of one is padding."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        # The last one of a batch is its longest.
        if batches and lengths[index] * (len(batches[-1]) + 1) <= BATCH_TOKENS:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _tokenizer(folder: Path) -> tokenizers.Tokenizer:
    """The folder's tokenizer, which adds its special tokens to a text of any length."""
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # noqa: BLE001 - the library raises bare Exception
        raise CorruptCheckpoint(
            f"tokenizer.json of {folder.name} is missing or damaged ({type(error).__name__}); fetch the model again."
        ) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
