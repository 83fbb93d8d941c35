"""How a run goes, on a terminal and in a log: loss, tokens a second, and how long it will take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from nemora.train.log_lines import now_and_then
from nemora.train.loop import Report, Step


@contextmanager
def progress(console: Console, steps: int, *, done: int = 0) -> Iterator[Report]:
    """Shows `steps` steps, of which `done` are; gives what is to be told of each further one. Evaluations stay.

    Where the console is no terminal there is a line at the beginning, and one every half minute.
    """
    if not console.is_terminal:
        yield _logged(console, steps, done)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("training", total=steps, completed=done)

        def report(step: Step) -> None:
            bar.update(task, completed=step.step, description=_described(step))
            if step.evaluation is not None:
                console.print(_evaluated(step))

        yield report


def _logged(console: Console, steps: int, done: int) -> Report:
    def write(line: str) -> None:
        console.print(line, soft_wrap=True, markup=False, highlight=False)

    tell = now_and_then(write)
    tell(f"training: {done} of {steps} steps are done")

    def report(step: Step) -> None:
        if step.evaluation is not None:
            write(_evaluated(step))
        tell(f"step {step.step} of {steps}: {_described(step)}")

    return report


def _described(step: Step) -> str:
    return f"{_losses(step.losses)}  {step.tokens / max(step.seconds, 1e-9):,.0f} tokens/s"


def _evaluated(step: Step) -> str:
    return f"step {step.step}: held out {_losses(step.evaluation or {})}"


def _losses(losses: dict[str, float]) -> str:
    return "  ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
