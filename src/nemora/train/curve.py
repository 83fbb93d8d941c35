"""The loss curve of a run as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nemora.errors import UsageError
from nemora.train.loop import Step


def draw_curve(steps: Sequence[Step], path: Path) -> None:
    """Losses and evaluations over steps, as a PNG.

    Raises:
        UsageError: matplotlib is not installed, or there are no steps.
    """
    if not steps:
        raise UsageError("The run has no steps yet, so there is no curve to draw.")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError("Drawing a curve needs matplotlib, which is not installed: pip install matplotlib.") from error
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="step", ylabel="loss")
    for name in steps[0].losses:
        axes.plot([step.step for step in steps], [step.losses[name] for step in steps], linewidth=0.8, label=name)
        held_out = [(step.step, step.evaluation[name]) for step in steps if step.evaluation is not None]
        if held_out:
            axes.plot(*zip(*held_out, strict=True), marker="o", label=f"{name}, held out")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path, format="png", dpi=120)
