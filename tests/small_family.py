"""Small vocabularies with the markup of each generation of the family."""

from __future__ import annotations

from nemora.chat.tokenizer import Tokenizer, byte_symbols
from nemora.chat.tokenizer_gguf import gguf_tokenizer

SPECIAL = {
    "chatml": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    "nano2": ["<s>", "<SPECIAL_10>", "<SPECIAL_11>", "<SPECIAL_12>"],
    "llama": ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
}
MERGES = ["h e", "l l", "he ll", "hell o", "Ġ w", "Ġw o", "1 2"]
MARKUP = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<TOOLCALL>", "</TOOLCALL>"]


def keys(generation: str) -> dict[str, object]:
    """The tokenizer's keys in a GGUF file."""
    special, symbols = SPECIAL[generation], list(byte_symbols())
    merged = ["".join(merge.split(" ")) for merge in MERGES]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": [*special, *MARKUP, *symbols, *merged],
        "tokenizer.ggml.token_type": [3] * len(special) + [4] * len(MARKUP) + [1] * (len(symbols) + len(merged)),
        "tokenizer.ggml.merges": list(MERGES),
        "tokenizer.ggml.eos_token_id": len(special) - 1,
    }


def family_tokenizer(generation: str) -> Tokenizer:
    return gguf_tokenizer(keys(generation), "small.gguf")
