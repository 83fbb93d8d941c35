"""Fine-tuning with adapters, side by side with TRL and PEFT: the loss of each step, and the time that the steps take.

    python bench/sft_parity.py [--model smollm2-135m] [--data recipes/sft/data/support_desk.jsonl] [--steps 50]

Both sides read the same token ids in the same order, one conversation a step, begin with the same adapters, and train
in fp32 on the CPU with the same optimiser at a constant rate. A quantised file is decoded once, by Nemora, and given
to transformers as a folder. Exits with 1 if a step's losses differ by 0.001 or more.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from nemora.chat.template import ChatTemplate
from nemora.chat.tokenizer_source import load_tokenizer
from nemora.chat.tokenizer_to_json import folder_tokenizer_files
from nemora.ops.blocks import F32
from nemora.settings import load_settings
from nemora.train.chat_data import Sample, render_chats
from nemora.train.chat_file import read_chats
from nemora.train.load import load_parameters
from nemora.train.lora import Lora, LoraSpec
from nemora.train.peft_adapter import adapter_config, adapter_tensors, save_adapter
from nemora.weights.checkpoint import Checkpoint, open_checkpoint
from nemora.weights.fetch import resolve
from nemora.weights.load import plan_loading
from nemora.weights.save_folder import published_layout, save_folder
from sft_reference import our_losses, trl_losses

TOLERANCE = 1e-3
DATA = Path(__file__).parent.parent / "recipes" / "sft" / "data" / "support_desk.jsonl"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--out", type=Path, help="write the figures there as JSON, too")
    args = parser.parse_args()
    settings = load_settings(None)
    checkpoint = open_checkpoint(resolve(args.model, cache=settings.paths.cache, offline=settings.offline))
    found = compared(checkpoint, samples_of(checkpoint, args), args)
    show(found)
    if args.out is not None:
        args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(found["largest_difference"] >= TOLERANCE)


def samples_of(checkpoint: Checkpoint, args: argparse.Namespace) -> list[Sample]:
    """One for each step; a small file comes round again."""
    assert checkpoint.chat_template is not None
    tokenizer = load_tokenizer(checkpoint)
    template = ChatTemplate(checkpoint.chat_template, tokenizer)
    try:
        samples = render_chats(read_chats(args.data), template, tokenizer, longest=args.length).samples
    finally:
        template.close()
    return [samples[step % len(samples)] for step in range(args.steps)]


def compared(checkpoint: Checkpoint, samples: list[Sample], args: argparse.Namespace) -> dict[str, Any]:
    plan = plan_loading(checkpoint)
    lora = Lora(
        LoraSpec(rank=args.rank, alpha=2 * args.rank), plan.inventory, published_layout(checkpoint, plan.config)
    )
    parameters = load_parameters(checkpoint, trained=lora.trained, wrap=lora.wrap)
    how: dict[str, Any] = {"steps": args.steps, "batch": 1, "rate": args.rate}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        save_folder(checkpoint, folder / "model", format=F32, tokenizer=folder_tokenizer_files(checkpoint))
        save_adapter(adapter_tensors(lora), adapter_config(lora, "model"), folder / "adapter")
        began = time.perf_counter()
        theirs = trl_losses(folder / "model", samples, folder / "run", adapter=folder / "adapter", **how)
        between = time.perf_counter()
        ours = our_losses(parameters, samples, **how)
        ended = time.perf_counter()
    return {
        "model": args.model,
        "steps": args.steps,
        "rank": args.rank,
        "tokens": sum(len(sample.ids) for sample in samples),
        "threads": torch.get_num_threads(),
        "ours": ours,
        "theirs": theirs,
        "largest_difference": max(abs(one - other) for one, other in zip(ours, theirs, strict=True)),
        "seconds_ours": round(ended - between, 1),
        "seconds_theirs_with_loading": round(between - began, 1),
    }


def show(found: dict[str, Any]) -> None:
    table = Table("step", "ours", "TRL + PEFT", "difference", box=None)
    for step, (ours, theirs) in enumerate(zip(found["ours"], found["theirs"], strict=True), 1):
        table.add_row(str(step), f"{ours:.6f}", f"{theirs:.6f}", f"{ours - theirs:+.1e}")
    Console().print(table)
    sys.stdout.write(
        f"largest difference {found['largest_difference']:.1e} over {found['steps']} steps, {found['tokens']:,} "
        f"tokens; {found['seconds_ours']} s ours, {found['seconds_theirs_with_loading']} s theirs with loading\n"
    )


if __name__ == "__main__":
    sys.exit(main())
