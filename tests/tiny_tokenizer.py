"""A folder's tokenizer, small: all bytes, a few merges, special tokens; text cut in each of three ways."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nemora.chat.tokenizer import byte_symbols
from nemora.weights.checkpoint import Checkpoint

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKUP = ["<think>", "</think>"]
MERGES = ["h e", "l l", "he ll", "hell o", "Ġ w", "Ġw o", "1 2", "( H"]
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
VOCABULARY = [*byte_symbols(), *("".join(merge.split(" ")) for merge in MERGES)]
SIZE = len(VOCABULARY) + len(SPECIAL) + len(MARKUP) + 5
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
CUTS: dict[str, dict[str, Any]] = {
    "gpt-2": {**BYTES, "use_regex": True},
    "smollm": {
        "type": "Sequence",
        "pretokenizers": [{"type": "Digits", "individual_digits": True}, {**BYTES, "use_regex": True}],
    },
    "llama-bpe": {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": "Isolated", "invert": False},
            {**BYTES, "use_regex": False},
        ],
    },
}


def tokenizer_folder(
    path: Path, cut: str = "gpt-2", *, bos: bool = True, pairs: bool = False, **changes: Any
) -> Checkpoint:
    """A checkpoint that is only a tokenizer."""
    single: list[Any] = [{"Sequence": {"id": "A", "type_id": 0}}]
    if bos:
        single.insert(0, {"SpecialToken": {"id": "<|im_start|>", "type_id": 0}})
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    table: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": len(VOCABULARY) + n, "content": token, "special": token in SPECIAL, **plain}
            for n, token in enumerate([*SPECIAL, *MARKUP])
        ],
        "normalizer": None,
        "pre_tokenizer": CUTS[cut],
        "post_processor": {"type": "TemplateProcessing", "single": single, "pair": [], "special_tokens": {}},
        "decoder": {**BYTES, "use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": {token: n for n, token in enumerate(VOCABULARY)},
            "merges": [merge.split(" ") for merge in MERGES] if pairs else MERGES,
            "ignore_merges": cut == "llama-bpe",
        },
        **changes,
    }
    files = {
        "tokenizer.json": table,
        "tokenizer_config.json": {"eos_token": {"content": "<|im_end|>"}, "bos_token": "<|im_start|>"},
        "generation_config.json": {"eos_token_id": [len(VOCABULARY), len(VOCABULARY) + 2]},
    }
    for name, content in files.items():
        (path / name).write_text(json.dumps(content))
    return Checkpoint(
        path=path,
        kind="safetensors",
        architecture="llama",
        metadata={},
        file=None,  # type: ignore[arg-type]
        tokenizer_files={name: path / name for name in files},
        chat_template=TEMPLATE,
    )
