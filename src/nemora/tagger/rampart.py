"""Rampart: a BERT token classifier (6 layers of 384, 17 types of personal data) on onnxruntime.

Windows run one at a time. Activations are quantised per call, so a batch would let one text change the
labels of another; on a CPU thread it would save about a tenth for very short texts and nothing for others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import tokenizers

from nemora.errors import CorruptCheckpoint
from nemora.privacy.protocols import TaggedSpan
from nemora.tagger.spans import Floats, Ints, Labels, decode, softmax
from nemora.tagger.windows import owned, pieces, windows

WINDOW_TOKENS = 96
"""Tokens of a window with its two special ones. The model has 512 positions, but was trained on short texts: with
windows that fill them it finds a tenth fewer street addresses in long texts, and takes longer."""
OVERLAP_TOKENS = 16
_MAX_CONFIG_BYTES = 1 << 20
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class RampartTagger:
    """A loaded Rampart; implements `privacy.protocols.Tagger`. Thread-safe.

    Args:
        model: the ONNX file.
        folder: holds `tokenizer.json` and `config.json`.
        threads: cores for one window.

    Raises:
        CorruptCheckpoint: a file is missing or damaged.
    """

    def __init__(self, model: Path, folder: Path, *, name: str = "rampart", threads: int = 1) -> None:
        self.name = name
        self._labels = Labels.of(_label_names(folder / "config.json"))
        self._tokenizer = load_tokenizer(folder / "tokenizer.json")
        self._session = load_session(model, threads)
        self._first = special_token(self._tokenizer, "[CLS]")
        self._last = special_token(self._tokenizer, "[SEP]")

    def tag(self, texts: Sequence[str]) -> list[list[TaggedSpan]]:
        """Spans of each text, sorted by start, not overlapping; offsets are code points."""
        return [self._tag_one(text) for text in texts]

    def _tag_one(self, text: str) -> list[TaggedSpan]:
        ids, words, offsets = tokenise(self._tokenizer, text)
        if not len(ids):
            return []
        ranges = windows(len(ids), WINDOW_TOKENS - 2, OVERLAP_TOKENS)
        probabilities = np.empty((len(ids), len(self._labels.types) * 2 + 1), dtype=np.float16)
        for (start, end), (first, last) in zip(ranges, owned(ranges), strict=True):
            probabilities[first:last] = self._classify(ids[start:end])[first - start : last - start]
        return decode(probabilities, words, offsets, self._labels)

    def _classify(self, ids: Ints) -> Floats:
        """Label probabilities of one window, [tokens, labels]."""
        row = np.concatenate(([self._first], ids, [self._last]))[None, :]
        feed = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        logits: Floats = self._session.run(["logits"], feed)[0]
        return softmax(logits[0, 1:-1])


def _label_names(path: Path) -> list[str]:
    """Label names by column, from config.json."""
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise ValueError("too large")
        table = json.loads(path.read_bytes())["id2label"]
        names = [table[str(i)] for i in range(len(table))]
        if not all(isinstance(name, str) for name in names):
            raise TypeError("not text")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise CorruptCheckpoint(
            "The tagger's config.json is missing or has no list of labels; pull the model again."
        ) from None
    return names


def tokenise(tokenizer: tokenizers.Tokenizer, text: str) -> tuple[Ints, Ints, Ints]:
    """Token ids [n], word numbers [n] and code point ranges [n, 2] of a text of any length."""
    readable = _LONE_SURROGATE.sub("\ufffd", text)
    ids, words, offsets = [], [], []
    next_word = 0
    for start, piece in pieces(readable):
        encoding = tokenizer.encode(piece, add_special_tokens=False)
        if not encoding.ids:
            continue
        ids.append(np.array(encoding.ids, dtype=np.int64))
        words.append(np.array(encoding.word_ids, dtype=np.int64) + next_word)
        offsets.append(np.array(encoding.offsets, dtype=np.int64) + start)
        next_word = int(words[-1][-1]) + 1
    if not ids:
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, nothing.reshape(0, 2)
    return np.concatenate(ids), np.concatenate(words), np.concatenate(offsets)


def special_token(tokenizer: tokenizers.Tokenizer, token: str) -> int:
    """The id of a token that every text is put between.

    Raises:
        CorruptCheckpoint: the tokenizer has none of that name.
    """
    found: int | None = tokenizer.token_to_id(token)
    if found is None:
        raise CorruptCheckpoint(f"The tagger's tokenizer.json has no {token} token; pull the model again.")
    return found


def load_tokenizer(path: Path) -> tokenizers.Tokenizer:
    """A tokenizer.json, for texts of any length.

    Raises:
        CorruptCheckpoint: it is missing or damaged.
    """
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - the library raises nothing more exact
        raise CorruptCheckpoint(
            f"The tagger's tokenizer.json is missing or damaged ({type(error).__name__}); pull the model again."
        ) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # "[SEP]" in a text is text
    return tokenizer


def load_session(model: Path, threads: int) -> onnxruntime.InferenceSession:
    """An ONNX file, ready to run.

    Raises:
        CorruptCheckpoint: it is missing or damaged.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # lengths differ from call to call
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - the library has a class for each of its failures
        raise CorruptCheckpoint(
            f"The tagger's ONNX file is missing or damaged ({type(error).__name__}); pull the model again."
        ) from None
