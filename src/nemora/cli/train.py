"""`nemora train`: adapt what runs on this machine to texts of your own."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from nemora.cli import train_pretrain
from nemora.errors import UsageError
from nemora.settings import load_settings

ENCODER = "minilm-l6"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    hybrid = "a small hybrid from nothing, after a recipe"
    train_pretrain.add_arguments(
        kinds.add_parser("pretrain", help=hybrid, description=f"Train {hybrid}.", allow_abbrev=False)
    )
    topics = "the model that judges what a text is about"
    parser = kinds.add_parser("sensitivity", help=topics, description=f"Train {topics}.", allow_abbrev=False)
    parser.add_argument("--data", type=Path, action="append", metavar="DIR", help="labelled requests; may be repeated")
    parser.add_argument(
        "--public-data", type=Path, metavar="DIR", help="public labelled sets, as harmless and health texts"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the model is written")
    parser.add_argument("--epochs", type=int, default=4, metavar="N")
    parser.add_argument("--layers", type=int, default=6, metavar="N", help="layers of the encoder that are kept")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--threads", type=int, metavar="N", help="default: one per core")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Fetch the encoder if it must be, train, and write the model with its report.

    Raises:
        UsageError: no texts, or DIR is there already.
    """
    if args.what == "pretrain":
        return train_pretrain.run(args)
    if not args.data:
        raise UsageError("Give --data DIR with labelled requests; recipes/sensitivity/README.md says how they look.")
    if args.out.exists():
        raise UsageError("--out names something that exists already; a new folder was expected.")
    if args.epochs < 1 or args.layers < 1 or (args.threads is not None and args.threads < 1):
        raise UsageError("--epochs, --layers and --threads must be 1 or more.")
    import torch
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from nemora.train import sensitivity
    from nemora.train.topics import Recipe
    from nemora.weights.fetch import resolve
    from nemora.weights.progress import progress_on

    settings = load_settings(args.config)
    if args.threads:
        torch.set_num_threads(args.threads)
    console = Console(stderr=True)
    base = resolve(ENCODER, cache=settings.paths.cache, offline=settings.offline, progress=progress_on(sys.stderr))
    recipe = Recipe(epochs=args.epochs, layers=args.layers, seed=args.seed)
    split = sensitivity.gather(sensitivity.Sources(authored=tuple(args.data), public=args.public_data), args.seed)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("training", total=None)
        trainer = sensitivity.train(
            base,
            split,
            recipe,
            lambda text, done, total: bar.update(task, description=text, completed=done, total=total),
        )
    report = sensitivity.write(args.out, base, trainer, split)
    print(json.dumps(report, indent=1) if args.json else _summary(report, args.out))
    return 0


def _summary(report: dict[str, Any], out: Path) -> str:
    held_out = report["held_out"]
    kept, alarms = held_out["kept_of_those_that_must_stay"], held_out["kept_of_harmless"]
    return (
        f"{out}: of {kept['of']} held-out texts that must stay {kept['share']:.1%} are kept, of {alarms['of']} "
        f"harmless ones {alarms['share']:.1%}; AUC {held_out['auc']:.3f}. All figures are in report.json."
    )
