"""`nemora quantize`: write a model in a smaller published format, and say what that cost."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from nemora.cli.pull import meant
from nemora.errors import UsageError
from nemora.settings import load_settings
from nemora.weights.family import FAMILY

if TYPE_CHECKING:
    from nemora.backends.perplexity import Perplexity
    from nemora.core import Json
    from nemora.models.base import Model
    from nemora.settings import Settings
    from nemora.weights.checkpoint import Checkpoint
    from nemora.weights.save_errors import KindError, QuantisationErrors
    from nemora.weights.save_modelopt import InputLargest

FORMATS = ("nvfp4", "fp8", "q8_0", "q4_0")
DEFAULT_CONTEXT = 512
MAX_TEXT_BYTES = 1 << 28
WIDTH = 120  # of the table where no terminal says how wide it is


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "model", metavar="MODEL", help="a name that `nemora models` lists, a folder or a file; not quantised, or GGUF"
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="a new folder (nvfp4, fp8) or a new GGUF file")
    parser.add_argument("--format", required=True, choices=FORMATS, help="what to make of the matrices")
    parser.add_argument(
        "--text",
        type=Path,
        metavar="FILE",
        help="measure perplexity on this text before and after; nvfp4 and fp8 take the range of inputs from it",
    )
    parser.add_argument(
        "--context", type=int, metavar="N", default=DEFAULT_CONTEXT, help=f"tokens of a window ({DEFAULT_CONTEXT})"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Write OUT; print the error of each kind of matrix, and the perplexity before and after.

    Raises:
        UsageError: OUT exists, fp8 without --text, or --text is no text.
        NemoraError: the model cannot be read or OUT not be written.
    """
    from nemora.weights.save_tensors import refuse_existing

    refuse_existing(args.out)
    if args.format == "fp8" and args.text is None:
        raise UsageError("--format fp8 needs --text FILE: FP8 checkpoints hold the range of every module's inputs.")
    if args.context < 2:
        raise UsageError("--context must be at least 2 tokens.")
    text = _read(args.text) if args.text is not None else None
    settings = load_settings(args.config)
    checkpoint = _opened(args.model, settings)
    save = _writer(checkpoint, args)
    ids = None if text is None else _ids(checkpoint, text)

    inputs: InputLargest | None = None
    before = after = None
    if ids is not None:
        before, inputs = _measure_source(checkpoint, ids, args.context, settings)
    with _stopped_by_sigterm():
        errors = save(inputs)
    if ids is not None:
        after = _measure_result(args.out, ids, args.context, settings)
    if args.json:
        print(json.dumps(_as_json(args, errors, before, after), indent=2))
    else:
        _print(args, errors, before, after)
    return 0


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the work as ^C does, so that nothing half-written stays; otherwise it would end the process."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:  # a pipe too, whose size nobody knows
            text = file.read(MAX_TEXT_BYTES + 1)
        if len(text) > MAX_TEXT_BYTES:
            raise UsageError(f"--text has more than {MAX_TEXT_BYTES:,} bytes; give a part of it.")
        return text.decode()
    except OSError as error:
        raise UsageError(f"--text cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise UsageError("--text is not UTF-8.") from None


def _opened(model: str, settings: Settings) -> Checkpoint:
    import torch

    from nemora.weights.checkpoint import open_checkpoint
    from nemora.weights.fetch import resolve
    from nemora.weights.progress import progress_on

    if settings.local.threads:
        torch.set_num_threads(settings.local.threads)
    if model in FAMILY:
        model = f"{model}:bf16"  # not what fits here: what is quantised already cannot be quantised
    path = resolve(
        meant(model, settings),
        cache=settings.paths.cache,
        offline=settings.offline,
        progress=progress_on(sys.stderr),
        token=settings.hub_token,
    )
    return open_checkpoint(path)


def _ids(checkpoint: Checkpoint, text: str) -> list[int]:
    """The text's tokens, after the one that texts begin with where the model wants that."""
    from nemora.chat.tokenizer_source import load_tokenizer

    tokenizer = load_tokenizer(checkpoint)
    special = tokenizer.special
    first = [special.bos_id] if special.add_bos and special.bos_id is not None else []
    ids = first + tokenizer.encode(text)
    if len(ids) < 2:
        raise UsageError("--text has less than two tokens.")
    return ids


def _measure_source(
    checkpoint: Checkpoint, ids: list[int], context: int, settings: Settings
) -> tuple[Perplexity, InputLargest]:
    """Perplexity of the model as it is, and how large the inputs of its matrices were."""
    from nemora.weights.save_calibration import load_watched

    model, inputs = load_watched(checkpoint, device=settings.local.device)
    return _perplexity(model, ids, context, "before"), inputs


def _measure_result(out: Path, ids: list[int], context: int, settings: Settings) -> Perplexity:
    """Perplexity of what was written; inputs are rounded too, where it says how: so engines will compute it."""
    from nemora.weights.checkpoint import open_checkpoint
    from nemora.weights.load import load_model

    model = load_model(open_checkpoint(out), device=settings.local.device, simulate_activations=True)
    return _perplexity(model, ids, context, "after")


def _perplexity(model: Model, ids: list[int], context: int, when: str) -> Perplexity:
    from nemora.backends.perplexity import perplexity

    def report(done: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\rperplexity {when}: {done:,} of {len(ids):,} tokens" + "\n" * (done == len(ids)))
            sys.stderr.flush()

    return perplexity(model, ids, context=min(context, model.config.context_length), progress=report)


def _writer(checkpoint: Checkpoint, args: argparse.Namespace) -> Callable[[InputLargest | None], QuantisationErrors]:
    """What writes OUT. Whatever cannot be written is refused here, before perplexity is measured for hours."""
    from nemora.weights.progress import progress_on
    from nemora.weights.save_source import Source

    progress = progress_on(sys.stderr, "writing")
    source = Source(checkpoint)
    if args.format in ("nvfp4", "fp8"):
        from nemora.chat.tokenizer_to_json import folder_tokenizer_files
        from nemora.weights.save_modelopt import save_modelopt

        files = folder_tokenizer_files(checkpoint)
        return lambda inputs: save_modelopt(
            checkpoint, args.out, args.format, inputs=inputs, tokenizer=files, progress=progress
        )
    from nemora.chat.tokenizer_to_gguf import gguf_tokenizer_keys
    from nemora.weights.save_gguf import save_gguf
    from nemora.weights.save_gguf_keys import gguf_keys

    gguf_keys(source.config, draft=source.has_draft_head)
    keys = gguf_tokenizer_keys(checkpoint, source.config.vocab_size)
    return lambda _: save_gguf(checkpoint, args.out, args.format, tokenizer=keys, progress=progress)


def _as_json(
    args: argparse.Namespace, errors: QuantisationErrors, before: Perplexity | None, after: Perplexity | None
) -> dict[str, Json]:
    kinds: list[Json] = [
        {
            "kind": kind.kind,
            "format": kind.format.removeprefix("MODELOPT_"),
            "matrices": kind.matrices,
            "relative_error": kind.relative,
            "largest_relative_error": kind.largest,
            "largest_of": kind.largest_name,
        }
        for kind in errors.kinds.values()
    ]
    answer: dict[str, Json] = {"out": str(args.out), "format": args.format, "bytes": _size(args.out), "errors": kinds}
    if before is not None and after is not None:
        measured = {"tokens": before.tokens, "context": args.context, "before": before.value, "after": after.value}
        answer["perplexity"] = {**measured}
    return answer


def _print(
    args: argparse.Namespace, errors: QuantisationErrors, before: Perplexity | None, after: Perplexity | None
) -> None:
    from rich.console import Console
    from rich.table import Table

    from nemora.weights.progress import megabytes

    table = Table("matrices of", "number", "format", "‖W−Q‖²/‖W‖²", "largest", "of", box=None, pad_edge=False)
    for kind in errors.kinds.values():
        table.add_row(*_row(kind))
    width = None if sys.stdout.isatty() else WIDTH
    Console(file=sys.stdout, width=width, markup=False, highlight=False).print(table)
    print(f"{args.out}: {megabytes(_size(args.out))}")
    if before is not None and after is not None:
        change = after.value / before.value - 1
        print(
            f"perplexity {before.value:.4f} before, {after.value:.4f} after ({change:+.2%}), over {before.tokens:,} "
            f"tokens in windows of {args.context}"
        )


def _row(kind: KindError) -> tuple[str, ...]:
    relative, largest = f"{kind.relative:.3e}", f"{kind.largest:.3e}"
    return kind.kind, str(kind.matrices), kind.format.removeprefix("MODELOPT_"), relative, largest, kind.largest_name


def _size(out: Path) -> int:
    return sum(path.stat().st_size for path in out.iterdir()) if out.is_dir() else out.stat().st_size
