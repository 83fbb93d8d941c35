"""Ctrl-C in what can go on later, with a sentence on how."""

from __future__ import annotations

from pathlib import Path


class Stopped(KeyboardInterrupt):
    """The user stopped a run. `message` is one sentence for the terminal."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def stopped_run(folder: Path) -> Stopped:
    """Of a run that keeps its checkpoints in `folder` and can be resumed."""
    from nemora.train.checkpoint import PREFIX, checkpoints  # loads torch

    found = checkpoints(folder)
    if not found:
        return Stopped("Stopped before the first checkpoint; --resume begins again from step 0.")
    return Stopped(f"Stopped; --resume goes on from step {int(found[-1].name.removeprefix(PREFIX))}.")
