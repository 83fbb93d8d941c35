"""Tables on the terminal, and wide enough where the output is not one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

PIPE_COLUMNS = 180
"""Width of a table when it is not printed to a terminal."""


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Print one table, with its title on a line above."""
    table = Table(*heads, box=None)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_COLUMNS)
    if title:
        console.print(title, style="bold", markup=False, highlight=False)
    console.print(table)
