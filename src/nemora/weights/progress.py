"""How long work on model files is shown: bytes, rate and time left on a terminal, two plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    import rich.progress


class Progress(Protocol):
    """Told about one piece of work at a time: start, advance as often as you like, finish."""

    def start(self, what: str, total: int | None) -> None:
        """Work of `total` bytes begins; None when that is not known."""
        ...

    def advance(self, done: int) -> None:
        """`done` bytes of it are there, counted from its beginning."""
        ...

    def finish(self, ok: bool) -> None:
        """The work has ended, well or not."""
        ...

    def note(self, line: str) -> None:
        """Something worth a line."""
        ...


class NoProgress:
    """Says nothing."""

    def start(self, what: str, total: int | None) -> None: ...
    def advance(self, done: int) -> None: ...
    def finish(self, ok: bool) -> None: ...
    def note(self, line: str) -> None: ...


class LineProgress:
    """For logs and pipes: one line when work starts and one when it ends. `verb` says what the work is."""

    def __init__(self, stream: TextIO, verb: str = "fetching") -> None:
        self._stream, self._verb = stream, verb
        self._what, self._done, self._since = "", 0, 0.0

    def start(self, what: str, total: int | None) -> None:
        self._what, self._done, self._since = what, 0, time.monotonic()
        self.note(f"{what}: {self._verb}{f' {megabytes(total)}' if total else ''}")

    def advance(self, done: int) -> None:
        self._done = done

    def finish(self, ok: bool) -> None:
        seconds = time.monotonic() - self._since
        if ok:
            self.note(f"{self._what}: {megabytes(self._done)} in {seconds:.1f} s")
        else:
            self.note(f"{self._what}: stopped after {megabytes(self._done)}")

    def note(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class BarProgress:
    """For a terminal: a bar with bytes, rate and time left."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream)
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None

    def start(self, what: str, total: int | None) -> None:
        from rich import progress as bars

        self._bar = bars.Progress(
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(),
            bars.DownloadColumn(),
            bars.TransferSpeedColumn(),
            bars.TimeRemainingColumn(),
            console=self._console,
        )
        self._task = self._bar.add_task(what, total=total)
        self._bar.start()

    def advance(self, done: int) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)

    def finish(self, ok: bool) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None

    def note(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def progress_on(stream: TextIO, verb: str = "fetching") -> Progress:
    """A bar if `stream` is a terminal, else plain lines, which say `verb`."""
    return BarProgress(stream) if stream.isatty() else LineProgress(stream, verb)


def megabytes(count: int) -> str:
    """A number of bytes for people, in decimal megabytes."""
    return f"{count / 1e6:,.1f} MB"
