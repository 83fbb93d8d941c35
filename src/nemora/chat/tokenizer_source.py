"""Where a checkpoint keeps its tokenizer: in the keys of a GGUF file, or in a folder's tokenizer.json."""

from __future__ import annotations

from nemora.chat.tokenizer import Tokenizer
from nemora.chat.tokenizer_gguf import gguf_tokenizer
from nemora.chat.tokenizer_json import json_tokenizer
from nemora.weights.checkpoint import Checkpoint


def load_tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    """The checkpoint's own tokenizer.

    Raises:
        UnsupportedCheckpoint: it has none, or one of a kind that is not implemented.
        CorruptCheckpoint: it contradicts itself.
    """
    if checkpoint.kind == "gguf":
        return gguf_tokenizer(checkpoint.tokenizer_metadata, checkpoint.path.name)
    return json_tokenizer(checkpoint.tokenizer_files, checkpoint.path.name)
