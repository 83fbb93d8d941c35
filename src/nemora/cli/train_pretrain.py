"""`nemora train pretrain`: a small hybrid from nothing, after a recipe."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from nemora.cli.stopped import stopped_run
from nemora.cli.threads import add_threads_argument, check_threads
from nemora.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of this kind of training."""
    parser.add_argument("--config", dest="recipe", type=Path, metavar="FILE", help="the recipe, a TOML file")
    parser.add_argument(
        "--data", type=Path, action="append", metavar="DIR", help="where its texts lie; may be repeated"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where checkpoints and the model go")
    parser.add_argument("--resume", action="store_true", help="go on in --out, where a run was stopped")
    add_threads_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Learn a vocabulary, train, and write OUT/model, its loss curve and its figures.

    Raises:
        UsageError: no recipe or texts, or OUT is there and --resume was not given.
        Stopped: Ctrl-C, while it trained.
    """
    if args.recipe is None or not args.data:
        raise UsageError(
            "Give --config FILE with a recipe and --data DIR with its texts: see recipes/hybrid/README.md."
        )
    if args.out.exists() != args.resume:
        raise UsageError("--out must be new, or with --resume the folder of a run that was stopped.")
    check_threads(args.threads)
    import torch
    from rich.console import Console

    from nemora.train.corpus import read_corpus
    from nemora.train.pretrain import MODEL, finish, new_run, write_vocabulary
    from nemora.train.progress import progress
    from nemora.train.recipe import read_recipe

    if args.threads:
        torch.set_num_threads(args.threads)
    console = Console(stderr=True)
    recipe = read_recipe(args.recipe)
    documents, missing = read_corpus(args.data, recipe.sets, recipe.seed)
    if missing:
        console.print(f"not in the --data folders, so left out: {', '.join(missing)}")
    write_vocabulary(args.out, documents, recipe)
    trainer = new_run(args.out, documents, recipe)
    trainer.resume()
    with progress(console, recipe.training.steps, done=trainer.done) as trainer.report:
        try:
            trainer.run()
        except KeyboardInterrupt:
            raise stopped_run(args.out) from None
    report = finish(trainer, documents, recipe)
    print(json.dumps(report, indent=1) if args.json else _summary(report, args.out / MODEL))
    return 0


def _summary(report: dict[str, Any], model: Path) -> str:
    every, run = report["held_out"]["all"], report["run"]
    return (
        f"{model}: held-out perplexity {every['perplexity']} over {every['tokens']:,} tokens, "
        f"{every['drafts_that_agree']:.0%} of drafts agree; {run['steps']} steps in {run['minutes']} minutes, "
        f"{run['tokens_per_second']:,} tokens/s. All figures are in report.json."
    )
