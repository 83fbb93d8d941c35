"""nemora judge calibrate: measure a local model on labelled texts, and write down from where on it raises a class.

Nothing of a text is printed or stored.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nemora.cli.eval_place import as_it_is
from nemora.cli.eval_rows import Row, files_in, gather, left_out
from nemora.cli.eval_score import wilson
from nemora.errors import RequestError, UsageError
from nemora.privacy.calibration import Calibration, calibrate
from nemora.privacy.protocols import Judge
from nemora.privacy.questions import QUESTIONS, evidence, questions_id
from nemora.privacy.segment import segments
from nemora.server.judge import LocalJudge, identity_of, load_model_to_judge, refuse_starter
from nemora.settings import load_settings
from nemora.weights.cache import write_atomically

WINDOW = 1000
"""Characters of a text that are judged at once, as the windows of a request are."""
MOST_WINDOWS = 8
"""Of one text; what follows is left out."""
LEAST = 8
SECONDS = 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("calibrate", help="measure a model, and write its calibration", allow_abbrev=False)
    one.add_argument("model", help="a name that `nemora models` lists, hub:OWNER/REPO, a folder or a file")
    one.add_argument("--data", nargs="+", type=Path, required=True, metavar="FILE", help="labelled rows, as for eval")
    one.add_argument("--out", type=Path, required=True, metavar="FILE", help="the calibration, for inspection.judge")
    one.add_argument("--recall", type=float, default=0.9, metavar="SHARE", help="of the private texts to raise (0.9)")


def run(args: argparse.Namespace) -> int:
    if not 0.5 <= args.recall <= 1:
        raise UsageError("--recall must be from 0.5 to 1.")
    if args.out.is_dir() or not args.out.parent.is_dir():
        raise UsageError("--out must name a file in a folder that exists; make the folder first.")
    settings = load_settings(args.config)
    gathered = gather(files_in(args.data))
    if left := left_out(gathered.unread, gathered.unknown_class):
        print(left)
    rows = [row for row in gathered.rows if row.private is not None]
    reference = str(Path(args.model).resolve()) if Path(args.model).exists() else args.model
    with load_model_to_judge(settings, reference) as model:
        refuse_starter(model)
        identity = identity_of(model)
        scores, private = measured(LocalJudge(model, identity), rows)
    found = calibrate(scores, private, recall=args.recall, model=reference, identity=identity, questions=questions_id())
    _write(args.out, found)
    print(_said(found, args.out))
    return 0


def measured(judge: Judge, rows: Sequence[Row]) -> tuple[list[float], list[bool]]:
    """The judge's evidence on each row that has something to read, and whether the row is private."""
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    scores, private = [], []
    with Progress(*bars, console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty()) as shown:
        for row in shown.track(rows, description="judging"):
            found = [evidence(judge.judge(text, QUESTIONS, seconds=SECONDS)) for text in _windows(row)]
            if found:
                scores.append(max(found))
                private.append(row.private is True)
    return scores, private


def _windows(row: Row) -> list[str]:
    """The row's texts, cut behind white space; a row that is no request has none."""
    try:
        request = as_it_is(row).request
    except RequestError:
        return []
    texts = [
        part.text
        for part in segments(request)
        if not part.offset and len(part.text) >= LEAST and part.where.startswith("/messages")
    ]
    return [piece for text in texts for piece in _pieces(text)][:MOST_WINDOWS]


def _pieces(text: str) -> Iterator[str]:
    while text:
        end = len(text) if len(text) <= WINDOW else text.rfind(" ", WINDOW // 2, WINDOW) + 1 or WINDOW
        if text[:end].strip():
            yield text[:end]
        text = text[end:]


def _write(path: Path, found: Calibration) -> None:
    try:
        write_atomically(path, found.to_json().encode("ascii"))
    except OSError as error:
        raise UsageError(f"The calibration cannot be written to {path}: {error.strerror}.") from None


def _said(found: Calibration, path: Path) -> str:
    def share(value: float, total: int) -> str:
        low, high = wilson(round(value * total), total)
        return f"{100 * value:.1f} % of {total} ({100 * low:.1f}–{100 * high:.1f})"

    return (
        f"AUC {found.auc:.3f}\n"
        f"private texts raised: {share(found.recall, found.private)}\n"
        f"harmless texts raised: {share(found.false_alarms, found.harmless)}\n"
        f'Written to {path}; name it in nemora.toml: [inspection] judge = "{path.resolve()}"'
    )
