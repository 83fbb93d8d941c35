"""Make smollm2_reference.npz: what transformers computes from the starter model's GGUF file, in fp32.

    python tests/golden/make_smollm2_reference.py PATH/SmolLM2-135M-Instruct.Q4_1.gguf

needs the extra `reference` and the package gguf. Run it again only when the prompts below change; the file in the repository was made with
transformers 5.24.0 and torch 2.13.0 on one thread. For each prompt it stores the token ids and, at the listed positions, some logits, their
logsumexp and norm, and the eight largest.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

OUTPUT = Path(__file__).with_name("smollm2_reference.npz")

TEXTS = {
    "chat": "<|im_start|>system\nYou are terse.<|im_end|>\n<|im_start|>user\nWhat is the capital of France?<|im_end|>\n"
    "<|im_start|>assistant\nParis.<|im_end|>\n<|im_start|>user\nAnd of Italy?<|im_end|>\n<|im_start|>assistant\n",
    "prose": "It was a bright cold day in spring, and the clocks, which had never agreed, were striking eleven or thirteen.",
    "code": "def quicksort(items):\n    if len(items) <= 1:\n        return items\n    pivot = items[len(items) // 2]\n"
    "    return (\n        quicksort([x for x in items if x < pivot])\n",
    "scripts": "Größe, naïve façade, Ελληνικά, русский текст, 日本語のテスト, العربية, हिन्दी, 👩‍👩‍👧‍👦🇨🇭",
    "numbers": "3.14159265358979 1000000 -17 0x7fff 1e-9 2026-02-30T25:61:61Z 0000 99 98 97 96",
    "repeats": "the the the the the the the the the the the the the the the the the the the the the the the the",
    "space": "a\n\n\n\t\t   b    \r\n  c \u00a0 \u200b d",
    "one": "x",
}
LONG = 1536  # tokens of pseudo-random ids, to reach positions where a wrong rotation shows
LONG_STEP = 12


def prompts(tokenizer: AutoTokenizer) -> dict[str, list[int]]:
    ids = {name: tokenizer(text, add_special_tokens=False).input_ids for name, text in TEXTS.items()}
    ids["long"] = torch.randint(3, 49152, (LONG,), generator=torch.Generator().manual_seed(7)).tolist()
    return ids


def main(path: Path) -> None:
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    chosen = torch.randint(0, 49152, (24,), generator=torch.Generator().manual_seed(11))
    arrays: dict[str, np.ndarray] = {"chosen": chosen.numpy().astype(np.int32)}
    for name, ids in prompts(tokenizer).items():
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0]
        positions = torch.arange(0, len(ids), LONG_STEP if name == "long" else 1)
        rows = logits[positions]
        top = rows.topk(8)
        arrays |= {
            f"{name}.ids": np.array(ids, np.int32),
            f"{name}.positions": positions.numpy().astype(np.int32),
            f"{name}.chosen_logits": rows[:, chosen].numpy(),
            f"{name}.top_ids": top.indices.numpy().astype(np.int32),
            f"{name}.top_logits": top.values.numpy(),
            f"{name}.logsumexp": rows.logsumexp(-1).numpy(),
            f"{name}.norm": rows.norm(dim=-1).numpy(),
        }
    np.savez_compressed(OUTPUT, **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
