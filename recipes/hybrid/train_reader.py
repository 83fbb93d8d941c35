"""The small hybrid learns to read requests, beside writing: recipes/hybrid/README.md.

    python recipes/hybrid/train_reader.py --data DIR --out DIR [--resume]

`--data` names the folder with the public sets. Stopped, a run goes on with --resume from its last checkpoint.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from nemora.train import sensitivity
from nemora.train.corpus import Document, read_corpus
from nemora.train.data import Tokens
from nemora.train.hybrid import HybridRecipe, finish, new_run
from nemora.train.loop import Report, Step
from nemora.train.pretrain import open_vocabulary
from nemora.train.reader import Recipe
from nemora.train.recipe import read_recipe
from nemora.train.vocabulary import encoded

HERE = Path(__file__).parent
REQUESTS = HERE.parent / "sensitivity"
START = HERE.parent.parent / "tests" / "data" / "nemora_tiny_hybrid"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the public sets")
    parser.add_argument("--start", type=Path, default=START, help="the folder of the model to train further")
    parser.add_argument("--out", type=Path, required=True, help="where checkpoints and the model go")
    parser.add_argument("--steps", type=int, default=HybridRecipe.steps)
    parser.add_argument("--resume", action="store_true", help="go on in --out, where a run was stopped")
    args = parser.parse_args()
    if args.out.exists() != args.resume:
        parser.error("--out must be new, or with --resume the folder of a run that was stopped")
    console = Console(stderr=True)
    language = read_recipe(HERE / "config.toml")
    documents, missing = read_corpus([REQUESTS, args.data], language.sets, language.seed)
    if missing:
        console.print(f"not in the --data folder, so left out: {', '.join(missing)}")
    split = sensitivity.gather(sensitivity.Sources(authored=(REQUESTS / "authored",), public=args.data), Recipe())
    tokenizer = open_vocabulary(args.start)

    def encode(document: Document) -> Tokens:
        return Tokens(encoded(document, tokenizer))

    recipe = HybridRecipe(steps=args.steps, decay=args.steps // 3)
    trainer = new_run(args.start, documents, encode, split, recipe, args.out, told_to(console))
    trainer.resume()
    trainer.run()
    finish(trainer, documents, split, args.start)
    return 0


def told_to(console: Console) -> Report:
    began = time.monotonic()

    def report(step: Step) -> None:
        if step.step % 10 == 0:
            losses = "  ".join(f"{name} {loss:.3f}" for name, loss in step.losses.items())
            console.print(f"{step.step}  {losses}  {step.seconds:.2f} s, {time.monotonic() - began:.0f} s in all")

    return report


if __name__ == "__main__":
    sys.exit(main())
