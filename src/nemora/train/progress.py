"""A line on a terminal that tells how a run goes: loss, tokens a second, and how long it will take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from nemora.train.loop import Report, Step


@contextmanager
def progress(console: Console, steps: int, *, done: int = 0) -> Iterator[Report]:
    """Shows `steps` steps, of which `done` are; gives what is to be told of each further one. Evaluations stay."""
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
            rate = step.tokens / max(step.seconds, 1e-9)
            bar.update(task, completed=step.step, description=f"{_losses(step.losses)}  {rate:,.0f} tokens/s")
            if step.evaluation is not None:
                console.print(f"step {step.step}: held out {_losses(step.evaluation)}")

        yield report


def _losses(losses: dict[str, float]) -> str:
    return "  ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
