"""How far a model's answers move when keys and values are kept in fewer bits.

    python bench/kv_cache.py [MODEL] [--tokens 1024] [--text FILE]

MODEL is a folder or a GGUF file, by default the project's own tiny hybrid. A text is read in chunks, once in each form.
Prints for each the bytes of a position, the mean KL divergence from float32 (natural logarithm), and how many of the
likeliest next tokens are others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from nemora.chat.tokenizer_source import load_tokenizer
from nemora.models.base import Model
from nemora.ops.kv_format import KVCache
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model

ROOT = Path(__file__).parent.parent
FORMS: tuple[KVCache, ...] = ("float32", "bfloat16", "q8", "fp8")
CHUNK = 128


@torch.inference_mode()
def log_chances(model: Model, ids: Tensor, form: KVCache) -> Tensor:
    """[tokens, vocab], after each token of ids [1, tokens]."""
    state = model.new_state(ids.shape[1], kv_cache=form)
    rows = [model.forward(part, state)[0] for part in ids.split(CHUNK, dim=1)]
    return torch.cat(rows).float().log_softmax(-1)


def main() -> None:
    parser = argparse.ArgumentParser(description="How far answers move when keys and values take fewer bits.")
    parser.add_argument("model", nargs="?", type=Path, default=ROOT / "tests" / "data" / "nemora_tiny_hybrid")
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--text", type=Path, default=ROOT / "docs" / "policy.md")
    args = parser.parse_args()
    checkpoint = open_checkpoint(args.model)
    model, tokenizer = load_model(checkpoint), load_tokenizer(checkpoint)
    ids = torch.tensor([tokenizer.encode(args.text.read_text(encoding="utf-8"))[: args.tokens]])
    exact = log_chances(model, ids, "float32")
    print(f"{args.model.name}, {ids.shape[1]} tokens of {args.text.name}")
    print(f"{'form':<10}{'bytes/position':>15}{'KL':>11}{'other likeliest':>17}")
    for form in FORMS:
        found = log_chances(model, ids, form)
        divergence = float((exact.exp() * (exact - found)).sum(-1).mean())
        others = int((found.argmax(-1) != exact.argmax(-1)).sum())
        size = model.new_state(1, kv_cache=form).bytes_per_position
        print(f"{form:<10}{size:>15,}{divergence:>11.1e}{others:>17,}")


if __name__ == "__main__":
    main()
