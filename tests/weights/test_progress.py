"""Progress on a terminal and elsewhere."""

from __future__ import annotations

import io

from nemora.weights.progress import BarProgress, LineProgress, progress_on


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_gets_bytes_and_total() -> None:
    stream = Terminal()
    progress = progress_on(stream)
    assert isinstance(progress, BarProgress)
    progress.note("tiny: [bold]licence[/bold]")
    progress.start("tiny: w[0].bin", 90_000_000)
    progress.advance(45_000_000)
    progress.finish(ok=True)
    shown = stream.getvalue()
    assert "tiny: [bold]licence[/bold]" in shown
    assert "tiny: w[0].bin" in shown and "45.0/90.0 MB" in shown


def test_pipe_gets_plain_lines() -> None:
    stream = io.StringIO()
    progress = progress_on(stream)
    assert isinstance(progress, LineProgress)
    progress.start("tiny", None)
    for done in range(1000):
        progress.advance(done)
    progress.finish(ok=False)
    assert stream.getvalue() == "tiny: fetching\ntiny: stopped after 0.0 MB\n"


def test_bar_that_never_started_can_be_finished() -> None:
    BarProgress(Terminal()).finish(ok=False)
