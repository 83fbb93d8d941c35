"""A checkpoint for the fake model: 28 letters and three special tokens are its 31 ids. What is no letter is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nemora.weights.checkpoint import Checkpoint

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' }}{% endfor %}"
    "{{ '<|im_start|>' }}"
)
LETTERS = [chr(ord("a") + n) for n in range(26)] + ["Ġ", "Ċ"]


def letters_checkpoint(**changes: Any) -> Checkpoint:
    """One whose chat template is CHATML."""
    tokenizer = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *LETTERS],
        "tokenizer.ggml.token_type": [3, 3, 3] + [1] * 28,
        "tokenizer.ggml.merges": [],
        "tokenizer.ggml.eos_token_id": 2,
    }
    fields = {"tokenizer_metadata": tokenizer, "chat_template": CHATML, **changes}
    return Checkpoint(path=Path("fake.gguf"), kind="gguf", architecture="llama", metadata={}, file=None, **fields)  # type: ignore[arg-type]
