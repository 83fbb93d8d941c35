"""`nemora train sensitivity`: train the model that reads every request, or adapt it to labels of your own."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TextIO, TypeVar

from nemora.cli.stopped import Stopped
from nemora.cli.threads import add_threads_argument, check_threads
from nemora.errors import UsageError
from nemora.settings import Settings, load_settings
from nemora.train.log_lines import now_and_then

ENCODER = "minilm-l6"
SHIPPED = "shipped"
Report = Callable[[str, int, int], None]
T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "--data", type=Path, action="append", metavar="FILE", help="labelled requests, .jsonl or folders; repeatable"
    )
    parser.add_argument(
        "--from",
        dest="start",
        metavar="MODEL",
        help="fine-tune `shipped` or a model's folder; else train from the encoder",
    )
    parser.add_argument(
        "--requests",
        type=Path,
        metavar="DIR",
        help="with --from: what to rehearse and validate on; default: the recipe's",
    )
    parser.add_argument(
        "--public-data", type=Path, metavar="DIR", help="public labelled sets, as harmless and health texts"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the model is written")
    parser.add_argument(
        "--warm-start",
        metavar="MODEL",
        help="begin with the weights of `shipped` or a model's folder, and train on all",
    )
    parser.add_argument(
        "--runs", type=int, default=1, metavar="N", help="train so often from --warm-start, and keep the mean weights"
    )
    parser.add_argument("--batch-tokens", type=int, metavar="N", help="tokens of a step; default: 2048")
    parser.add_argument("--rate", type=float, metavar="R", help="learning rate; default: 8e-5")
    parser.add_argument("--resume", action="store_true", help="go on after the last whole epoch")
    parser.add_argument("--epochs", type=int, metavar="N", help="default: 3")
    parser.add_argument("--generated", type=int, metavar="N", help="texts from templates in each epoch; default: 14000")
    parser.add_argument(
        "--words-only", action="store_true", help="learn only the words of other scripts than Latin, and all else stays"
    )
    parser.add_argument("--layers", type=int, default=6, metavar="N", help="layers of the encoder that are kept")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    add_threads_argument(parser)
    parser.add_argument("--device", default="cpu", metavar="NAME", help="cpu (default), cuda or mps")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Train, or fine-tune, and write the model with its report.

    Raises:
        UsageError: no texts, DIR is there already, or an adapted model lost recall.
        Stopped: Ctrl-C, without --from.
    """
    if not args.data:
        raise UsageError("Give --data with labelled requests; recipes/sensitivity/README.md says how they look.")
    if args.out.exists():
        raise UsageError("--out names something that exists already; a new folder was expected.")
    if any(number is not None and number < 1 for number in _counts(args)):
        raise UsageError("--epochs, --runs, --batch-tokens, --generated and --layers must be 1 or more.")
    check_threads(args.threads)
    if args.rate is not None and not 0 < args.rate < 1:
        raise UsageError("--rate must lie between 0 and 1.")
    if args.words_only and not args.warm_start:
        raise UsageError("--words-only needs --warm-start: a model whose other weights stay.")
    if args.start is not None and (args.resume or args.generated or args.warm_start or args.rate):
        raise UsageError("--resume, --generated, --warm-start and --rate are for training anew; leave out --from.")
    if args.start is not None and (args.device != "cpu" or args.runs > 1 or args.batch_tokens):
        raise UsageError("--from trains once on the CPU, in minutes; leave out --device, --runs and --batch-tokens.")
    if args.start is not None and args.public_data is not None:
        raise UsageError("--public-data is for training from the encoder; leave it out with --from.")
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    report = _resumable(args) if args.start is None else _adapted(args)
    if args.json:
        print(json.dumps(report, indent=1))
    else:
        print(_summary(report, args.out) if args.start is None else _comparison(report, args.out))
    return 0


def _resumable(args: argparse.Namespace) -> dict[str, Any]:
    unfinished = _unfinished(args)
    try:
        return _from_encoder(args, unfinished)
    except KeyboardInterrupt:
        if unfinished.exists():
            raise Stopped("Stopped; --resume goes on after the last whole epoch.") from None
        raise Stopped("Stopped before an epoch was whole; there is nothing to go on with.") from None


def _from_encoder(args: argparse.Namespace, unfinished: Path) -> dict[str, Any]:
    from nemora.train import sensitivity
    from nemora.train.reader import Recipe
    from nemora.weights.device import check_device

    check_device(args.device)
    recipe = Recipe(
        epochs=args.epochs or Recipe.epochs,
        layers=args.layers,
        seed=args.seed,
        generated=args.generated or Recipe.generated,
        rate=args.rate or Recipe.rate,
        words_only=args.words_only,
        tokens_per_batch=args.batch_tokens or Recipe.tokens_per_batch,
    )
    split = sensitivity.gather(sensitivity.Sources(authored=tuple(args.data), public=args.public_data), recipe)
    with _opened(args.warm_start) as start:
        base = start or _encoder(load_settings(args.config))
        trainer = _with_progress(
            lambda report: sensitivity.train_mean(
                base, split, recipe, report, runs=args.runs, run=unfinished, start=start, device=args.device
            )
        )
        line = sensitivity.line_in(start) if args.words_only and start is not None else None
        report = sensitivity.write(args.out, trainer, split, args.runs, line)
    shutil.rmtree(unfinished, ignore_errors=True)
    return report


def _counts(args: argparse.Namespace) -> tuple[int | None, ...]:
    return args.layers, args.epochs, args.generated, args.runs, args.batch_tokens


def _encoder(settings: Settings) -> Path:
    """The published encoder, fetched once."""
    from nemora.weights.fetch import resolve
    from nemora.weights.progress import progress_on

    paths = settings.paths
    return resolve(ENCODER, cache=paths.cache, offline=settings.offline, progress=progress_on(sys.stderr))


def _opened(model: str | None) -> AbstractContextManager[Path | None]:
    """The folder that a name or a path stands for."""
    from nemora.tagger.reader import shipped_folder

    return shipped_folder() if model == SHIPPED else nullcontext(None if model is None else Path(model))


def _unfinished(args: argparse.Namespace) -> Path:
    """Where the run's checkpoints lie until the model is written: beside it."""
    folder: Path = args.out.with_name(f"{args.out.name}.unfinished")
    if folder.exists() and not args.resume:
        raise UsageError(f"{folder.name} holds a run that was stopped; give --resume to go on with it, or remove it.")
    if args.resume and not folder.exists():
        raise UsageError(f"--resume needs {folder.name}, which a run that was stopped leaves beside --out.")
    return folder


def _adapted(args: argparse.Namespace) -> dict[str, Any]:
    """The shipped model, or another, fine-tuned on own requests."""
    from nemora.train import adapt
    from nemora.train.own_requests import read_own, shipped_requests

    recipe = adapt.rounds(adapt.ADAPTING, epochs=args.epochs, seed=args.seed)
    data = adapt.gather(read_own(args.data), args.requests or shipped_requests())
    with _opened(args.start) as start:
        assert start is not None
        trainer = _with_progress(lambda report: adapt.adapt(start, data, recipe, report))
        return adapt.write(args.out, start, trainer, data)


def _with_progress(train: Callable[[Report], T]) -> T:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    if not console.is_terminal:
        return train(_logged(sys.stderr))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("training", total=None)
        return train(lambda text, done, total: bar.update(task, description=text, completed=done, total=total))


def _logged(file: TextIO) -> Report:
    """Tells of the beginning and then every half minute: for a log."""
    tell = now_and_then(lambda line: print(line, file=file, flush=True))
    return lambda text, done, total: tell(f"{text}, step {done} of {total}")


def _comparison(report: dict[str, Any], out: Path) -> str:
    rows = [f"{'held-out requests':<24}{'before':>9}{'after':>9}"]
    for name, words in (("own", "own"), ("validation", "recipe")):
        for key, what in (("kept_of_those_that_must_stay", "kept"), ("kept_of_harmless", "false alarms")):
            old, new = (report[when][name][key].get("share") for when in ("before", "after"))
            if old is not None:
                rows.append(f"{f'{words}, {what}':<24}{old:>9.1%}{new:>9.1%}")
        old, new = (report[when][name]["spans"].get("recall") for when in ("before", "after"))
        if old is not None:
            rows.append(f"{f'{words}, spans found':<24}{old:>9.1%}{new:>9.1%}")
    return "\n".join([*rows, f'Use it: model = "{out.resolve()}" under [inspection]. All figures are in report.json.'])


def _summary(report: dict[str, Any], out: Path) -> str:
    held_out = report["held_out"]
    kept, alarms = held_out["kept_of_those_that_must_stay"], held_out["kept_of_harmless"]
    return (
        f"{out}: of {kept['of']} held-out texts that must stay {kept['share']:.1%} are kept, of {alarms['of']} "
        f"harmless ones {alarms['share']:.1%}; AUC {held_out['auc']:.3f}. All figures are in report.json."
    )
