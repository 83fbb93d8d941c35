"""`nemora check`: what a checkpoint is, how it is stored, and all that is wrong with it, from its headers alone."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from nemora.cli.pull import meant
from nemora.models.config_reader import shown
from nemora.settings import Settings, load_settings
from nemora.weights.family_repository import published
from nemora.weights.fetch import resolve
from nemora.weights.hub import is_reference, parse_reference
from nemora.weights.progress import BarProgress, megabytes, progress_on

if TYPE_CHECKING:
    from nemora.weights.check import Report, Trial
    from nemora.weights.stored import Problem

NAME_COLUMNS = 14
SHOWN_PROBLEMS = 20  # of each kind, on a terminal
HEADINGS = {
    "settings": "cannot be used",
    "missing": "missing tensors",
    "unknown": "unknown tensors",
    "shape": "wrong shapes",
    "storage": "wrong storage",
    "running": "does not run",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a GGUF file, a folder, a known name, or hub:OWNER/REPO[@REVISION][:FILE.gguf], of which only headers "
        "are fetched",
    )
    parser.add_argument("--load", action="store_true", help="also load a sound model and run a few token ids")
    parser.add_argument("--json", action="store_true", help="print JSON, with every problem")


def run(args: argparse.Namespace) -> int:
    """Print the report; returns 1 if there is any problem.

    Raises:
        UnknownModel: there is no such model.
        FetchError: it has to be fetched first and cannot be.
    """
    settings = load_settings(args.config)
    # Headers are read of models too that do not fit here.
    name = published(args.model) if not args.load else meant(args.model, settings)
    if is_reference(name) and not args.load and not settings.offline:
        report = _of_the_hub(name, settings)
    else:
        report = _here(name, settings, load=args.load)
    if args.json:
        print(json.dumps(_plain(report), indent=2))
    else:
        _draw(report)
    return 1 if report.problems else 0


def _of_the_hub(name: str, settings: Settings) -> Report:
    reference = parse_reference(name)

    from nemora.weights.check import check_hub  # loads torch: a wrong name is said before

    return check_hub(reference, token=settings.hub_token, progress=progress_on(sys.stderr))


def _here(name: str, settings: Settings, *, load: bool) -> Report:
    path = resolve(name, cache=settings.paths.cache, offline=settings.offline, progress=progress_on(sys.stderr))

    from nemora.weights.check import check_path  # loads torch: a wrong name is said before

    if not load:
        return check_path(path)
    bar = BarProgress(sys.stderr) if sys.stderr.isatty() else None
    return _loaded(path, settings.local.device, bar)


def _loaded(path: Path, device: str, bar: BarProgress | None) -> Report:
    from nemora.weights.check import check_path

    if bar is None:
        return check_path(path, load=True, device=device)
    started = False

    def show(done: int, total: int) -> None:
        nonlocal started
        if not started:
            bar.start(f"loading {shown(path.name)}", total)
            started = True
        bar.advance(done)

    try:
        return check_path(path, load=True, device=device, progress=show)
    finally:
        bar.finish(ok=True)


def _plain(report: Report) -> dict[str, object]:
    plain = dataclasses.asdict(report)
    plain["problems"] = [
        {"kind": problem.kind, "tensor": problem.tensor or None, "message": problem.message}
        for problem in report.problems
    ]
    return plain


def _draw(report: Report) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for name, value in _facts(report):
        console.print(Text.assemble((f"{name:<{NAME_COLUMNS}}", "bold"), value))
    for heading, problems in _groups(report.problems):
        console.print(Text(f"\n{heading}: {len(problems):,}", style="bold red"))
        for problem in problems[:SHOWN_PROBLEMS]:
            console.print(f"  {problem.message}")
        if len(problems) > SHOWN_PROBLEMS:
            console.print(f"  and {len(problems) - SHOWN_PROBLEMS:,} more; --json has all")


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    yield "checkpoint", shown(report.name, 200)
    if report.kind:
        yield "kind", "GGUF file" if report.kind == "gguf" else "folder of safetensors"
        yield "architecture", shown(report.architecture)
    if report.parameters:
        yield "parameters", f"{report.parameters:,}"
        yield "draft head", _draft_head(report)
        yield "context", f"{report.context:,} tokens"
        yield "stored", megabytes(report.stored_bytes)
        yield "matrices", ", ".join(f"{count:,} {form}" for form, count in report.forms.items()) or "none"
    if report.trial is not None:
        yield "trial", _trial(report.trial)
    yield "problems", f"{len(report.problems):,}" if report.problems else "none"


def _draft_head(report: Report) -> str:
    match report.draft_head:
        case "present":
            return f"present, with {report.draft_parameters:,} of the parameters"
        case "missing":
            return "in the settings, but not in the files; the model runs without it"
        case _:
            return "none"


def _trial(trial: Trial) -> str:
    finite = "finite logits" if trial.finite else "logits that are not finite"
    return (
        f"loaded in {trial.load_seconds:.2f} s, read in {trial.forward_seconds:.2f} s, {finite}; weights "
        f"{megabytes(trial.model_bytes)}, peak {megabytes(trial.peak_bytes)}"
    )


def _groups(problems: tuple[Problem, ...]) -> Iterator[tuple[str, list[Problem]]]:
    """Problems of a kind, under a heading."""
    for kind, heading in HEADINGS.items():
        if found := [problem for problem in problems if problem.kind == kind]:
            yield heading, found
