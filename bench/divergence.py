"""How far the fast path's next-token distributions lie from the readable twin's.

    python bench/divergence.py MODEL [--tokens 256] [--text FILE] [--activations auto] [--out FILE]

The twin is the model in torch, with decoded weights and 32-bit floats. The fast path is what `nemora serve` runs on
this processor. Both read the same tokens: of the file, if the model has a tokenizer, or random ids. Prints the mean and
the largest Kullback-Leibler divergence over the positions (nats, twin to fast path), and how often both choose the same
token. One model is loaded at a time, and the twin decodes each matrix anew where its copies have no room, so a large
model takes minutes.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import platform
from pathlib import Path
from typing import cast

import torch
from rich.console import Console

from nemora.chat.tokenizer_source import load_tokenizer
from nemora.weights.checkpoint import Checkpoint, open_checkpoint
from nemora.weights.load import load_model, plan_loading
from nemora.weights.packing import Activations


def main() -> None:
    parser = argparse.ArgumentParser(description="Kullback-Leibler divergence of the fast path from its twin.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--text", type=Path, help="read this file instead of random ids")
    parser.add_argument("--activations", default="auto", choices=["auto", "int8", "int15"])
    parser.add_argument("--out", type=Path, help="also write the JSON there")
    args = parser.parse_args()
    checkpoint = open_checkpoint(args.model)
    console = Console(stderr=True)
    ids = tokens(checkpoint, args.text, args.tokens)
    console.print(f"{args.model.name}: the twin reads {ids.shape[1]} tokens …")
    twin = distributions(checkpoint, ids, "float32")
    console.print("and the fast path …")
    fast = distributions(checkpoint, ids, cast(Activations, args.activations))
    found = json.dumps(
        {"model": args.model.name, **compare(twin, fast), "activations": args.activations, **circumstances()}
    )
    print(found)
    if args.out is not None:
        args.out.write_text(found + "\n", encoding="utf-8")


def tokens(checkpoint: Checkpoint, text: Path | None, count: int) -> torch.Tensor:
    """Token ids [1, count], or fewer if the text has fewer."""
    if text is not None:
        ids = load_tokenizer(checkpoint).encode(text.read_text(encoding="utf-8"))[:count]
        return torch.tensor(ids)[None]
    size = plan_loading(checkpoint).config.vocab_size
    return torch.randint(3, size, (1, count), generator=torch.Generator().manual_seed(0))


def distributions(checkpoint: Checkpoint, ids: torch.Tensor, activations: Activations) -> torch.Tensor:
    """Logarithms of the next token's probabilities, [tokens, vocabulary]."""
    gc.collect()
    model = load_model(checkpoint, activations=activations)
    with torch.inference_mode():
        logits: torch.Tensor = model.forward(ids, model.new_state(ids.shape[1]))
    return logits[0].log_softmax(-1)


def compare(twin: torch.Tensor, fast: torch.Tensor) -> dict[str, object]:
    """Divergence of each position: sum over tokens of p (log p - log q), p the twin's."""
    divergence = (twin.exp() * (twin - fast)).sum(-1)
    entropy = -(twin.exp() * twin).sum(-1)
    return {
        "tokens": len(divergence),
        "mean_divergence": float(f"{float(divergence.mean()):.3g}"),
        "largest_divergence": float(f"{float(divergence.max()):.3g}"),
        "same_choice": round(float((twin.argmax(-1) == fast.argmax(-1)).float().mean()), 4),
        "mean_entropy": round(float(entropy.mean()), 3),
    }


def circumstances() -> dict[str, object]:
    return {
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "system": f"{platform.system()} {platform.machine()}",
        "date": datetime.date.today().isoformat(),
    }


if __name__ == "__main__":
    main()
