"""`nemora bench`: how fast a model reads and writes here, and which part that is of what the machine can do."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nemora.cli.threads import add_threads_argument, check_threads
from nemora.errors import UsageError
from nemora.settings import load_settings

if TYPE_CHECKING:
    from nemora.backends.local_model import LocalModel
    from nemora.engine.speed import DecodeCase
    from nemora.models.base import Weights
    from nemora.models.work import WatchedWeights
    from nemora.settings import Settings

PROMPT = 512
CONTEXTS = (0, 4096)
SEED = 0
MOST = 1 << 20
"""The largest number on the command line."""
MOST_BYTES = 64 << 20
"""Of a file of ids."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "model", metavar="MODEL", help="a name that `nemora models` lists, hub:OWNER/REPO, a folder or a GGUF file"
    )
    parser.add_argument("--prompt-ids", type=Path, metavar="FILE", help="read the token ids in a file")
    parser.add_argument("--prompt", type=int, metavar="N", help=f"or so many random ones (default: {PROMPT})")
    parser.add_argument("--gen", type=int, default=64, metavar="N", help="tokens to write (default: 64)")
    parser.add_argument("--context", metavar="N,N", help="after so many positions (default: 0,4096, where they fit)")
    parser.add_argument("--batch", default="1,4,8", metavar="N,N", help="sequences at once (default: 1,4,8)")
    add_threads_argument(parser, "of the processor (default: as the server)")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="runs of each kind (default: 3)")
    parser.add_argument("--device", metavar="NAME", help="cpu is the only one so far")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def run(args: argparse.Namespace) -> int:
    """Load the model, measure, print.

    Raises:
        UsageError: a number is out of range, or what is asked for does not fit the model.
        NemoraError: the model cannot be loaded or run.
    """
    batches = _numbers("--batch", args.batch, least=1)
    contexts = None if args.context is None else _numbers("--context", args.context, least=0)
    check_threads(args.threads)
    for option in ("prompt", "gen", "repeat"):
        _check(f"--{option}", getattr(args, option), least=1)
    if args.prompt is not None and args.prompt_ids is not None:
        raise UsageError("Give either --prompt or --prompt-ids.")
    ids = None if args.prompt_ids is None else _read_ids(args.prompt_ids)
    settings = load_settings(args.config)
    if (args.device or settings.local.device) != "cpu":
        raise UsageError("nemora bench measures on the processor only so far; give --device cpu.")

    from nemora.cli.bench_report import report_of
    from nemora.cli.bench_view import show
    from nemora.engine.speed import SpeedTest
    from nemora.ops.limits import LimitProbe
    from nemora.weights.resident import peak_resident

    model, watched = _load(args, settings)
    with model:
        test = SpeedTest(
            model=model.model,
            engine=model.engine,
            prompt=_prompt(ids, args.prompt, model),
            steps=args.gen,
            cases=_cases(_fitting(contexts, args.gen, model.context), batches),
            load_peak=peak_resident(),
        )
        probe = LimitProbe()
        with _bar(test.runs(args.repeat)) as progress:
            runs = test.run(args.repeat, probe.measure, progress)
        report = report_of(model, watched.work(model.model), test, runs, probe)
    if args.json:
        print(json.dumps(report))
    else:
        show(report)
    return 0


def _load(args: argparse.Namespace, settings: Settings) -> tuple[LocalModel, WatchedWeights]:
    """The model as the server loads it, and what it asked for."""
    from nemora.backends.local_model import LocalModel
    from nemora.models.work import WatchedWeights
    from nemora.weights.progress import progress_on

    watched: list[WatchedWeights] = []

    def watch(weights: Weights) -> WatchedWeights:
        watched.append(WatchedWeights(weights))
        return watched[-1]

    model = LocalModel.load(
        args.model,
        cache=settings.paths.cache,
        offline=settings.offline,
        context=settings.local.context,
        allow_longer_context=settings.local.allow_longer_context,
        kv_cache=settings.local.kv_cache,
        threads=args.threads or settings.local.threads,
        memory=settings.local.memory_bytes,
        prefix_cache=False,  # the prompt is to be read each time
        token=settings.hub_token,
        progress=progress_on(sys.stderr),
        through=watch,
    )
    return model, watched[-1]


def _numbers(option: str, text: str, *, least: int) -> list[int]:
    """Numbers separated by commas, each once, in their order."""
    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", text, re.ASCII):
        raise UsageError(f"{option} must be whole numbers separated by commas, such as 1,4.")
    numbers = list(dict.fromkeys(map(int, text.split(","))))
    for number in numbers:
        _check(option, number, least=least)
    return numbers


def _check(option: str, number: int | None, *, least: int) -> None:
    if number is not None and not least <= number <= MOST:
        raise UsageError(f"{option} must be from {least} to {MOST}.")


def _read_ids(file: Path) -> list[int]:
    """Numbers separated by commas or white space."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"The file of --prompt-ids cannot be read ({error.strerror}); name a readable file.") from None
    words = data.replace(b",", b" ").split()
    if len(data) > MOST_BYTES or not words or not all(word.isdigit() and len(word) <= 9 for word in words):
        raise UsageError("The file of --prompt-ids must hold token ids, separated by commas or white space.")
    return [int(word) for word in words]


def _prompt(ids: list[int] | None, wanted: int | None, model: LocalModel) -> list[int]:
    """The ids given, or random ones: as many as wanted, or as the context holds."""
    import torch

    room, vocabulary = model.context - 1, model.model.config.vocab_size
    if ids is not None and max(ids) >= vocabulary:
        raise UsageError(f"The file of --prompt-ids holds an id that is none of the model's, 0 to {vocabulary - 1}.")
    length = len(ids) if ids is not None else min(PROMPT, room) if wanted is None else wanted
    if length > room:
        raise UsageError(f"The prompt has {length} tokens, and the context of the model holds {room} and one more.")
    if ids is not None:
        return ids
    found: list[int] = torch.randint(vocabulary, (length,), generator=torch.Generator().manual_seed(SEED)).tolist()
    return found


def _fitting(contexts: list[int] | None, gen: int, room: int) -> list[int]:
    """The contexts that were asked for, which must fit, or the usual ones that do."""
    found = [context for context in CONTEXTS if context + gen <= room] if contexts is None else contexts
    if not found or max(found) + gen > room:
        raise UsageError(f"--context and --gen together must be at most the {room} tokens of the model's context.")
    return found


def _cases(contexts: Sequence[int], batches: Sequence[int]) -> list[DecodeCase]:
    """One sequence after each context, and several after the first."""
    from nemora.engine.speed import DecodeCase

    alone = [DecodeCase(context, 1) for context in contexts]
    return alone + [DecodeCase(contexts[0], batch) for batch in batches if batch > 1]


@contextmanager
def _bar(runs: int) -> Iterator[Callable[[str], None]]:
    """Told what runs next: shown on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task, begun = bar.add_task("", total=runs), 0

        def begins(what: str) -> None:
            nonlocal begun
            bar.update(task, description=what, completed=begun)
            begun += 1

        yield begins
