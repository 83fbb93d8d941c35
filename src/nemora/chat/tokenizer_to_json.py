"""A GGUF file's tokenizer as the files of a folder: the twin of `tokenizer_to_gguf.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import tokenizers
from tokenizers import decoders, models, processors

from nemora.chat.tokenizer_gguf import CONTROL, NORMAL, UNUSED, gguf_tokenizer, splittings
from nemora.weights.checkpoint import Checkpoint


def folder_tokenizer_files(checkpoint: Checkpoint) -> dict[str, str]:
    """Contents of tokenizer.json, tokenizer_config.json and generation_config.json; nothing without a tokenizer.

    A folder keeps the files that it has, so for one there is nothing either.

    Raises:
        UnsupportedCheckpoint, CorruptCheckpoint: as `gguf_tokenizer`.
    """
    keys = checkpoint.tokenizer_metadata
    if checkpoint.kind != "gguf" or "tokenizer.ggml.model" not in keys:
        return {}
    special = gguf_tokenizer(keys, checkpoint.path.name).special  # refuses what is not understood
    tokens: list[str] = keys["tokenizer.ggml.tokens"]
    settings = {"add_bos_token": special.add_bos, "tokenizer_class": "PreTrainedTokenizerFast"}
    for name, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown")):
        token_id = keys.get(f"tokenizer.ggml.{key}_token_id")
        if isinstance(token_id, int) and 0 <= token_id < len(tokens):
            settings[f"{name}_token"] = tokens[token_id]
    if checkpoint.chat_template is not None:
        settings["chat_template"] = checkpoint.chat_template
    bos = (tokens[special.bos_id], special.bos_id) if special.add_bos and special.bos_id is not None else None
    return {
        "tokenizer.json": _backend(keys, bos).to_str(pretty=False),
        "tokenizer_config.json": json.dumps(settings, indent=2, ensure_ascii=False) + "\n",
        "generation_config.json": json.dumps({"eos_token_id": sorted(special.eos_ids)}, indent=2) + "\n",
    }


def _backend(keys: Mapping[str, Any], bos: tuple[str, int] | None) -> tokenizers.Tokenizer:
    """All tokens with their ids; those that are not ordinary are added over the vocabulary, which keeps their ids."""
    tokens: list[str] = keys["tokenizer.ggml.tokens"]
    types: list[int] = keys.get("tokenizer.ggml.token_type", [NORMAL] * len(tokens))
    splitting = splittings()[keys["tokenizer.ggml.pre"]]
    vocabulary = {token: i for i, (token, kind) in enumerate(zip(tokens, types, strict=True)) if kind != UNUSED}
    merges = [(left, right) for left, right in (merge.split(" ") for merge in keys.get("tokenizer.ggml.merges", []))]
    backend = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=splitting.whole_words))
    backend.pre_tokenizer = splitting.pre_tokenizer
    backend.decoder = decoders.ByteLevel()
    for token, kind in zip(tokens, types, strict=True):
        if kind not in (NORMAL, UNUSED):
            backend.add_tokens([tokenizers.AddedToken(token, normalized=False, special=kind == CONTROL)])
    if bos is not None:
        backend.post_processor = processors.TemplateProcessing(single=f"{bos[0]} $A", special_tokens=[bos])
    return backend
