"""The lines of files of labelled requests: one JSON object a line."""

from __future__ import annotations

from pathlib import Path

from nemora.errors import UsageError


def request_lines(path: Path) -> list[tuple[str, str]]:
    """Where each line stands, and the line: of a file, or of all .jsonl files in a folder. Empty lines are left out.

    Raises:
        UsageError: there is no such file or folder, it cannot be read, or the folder has no .jsonl file.
    """
    if not path.exists():
        raise UsageError(f"{path.name} does not exist; name a .jsonl file of labelled requests, or a folder of them.")
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"The folder {path.name} holds no .jsonl file; labelled requests are read from such files.")
    return [
        (f"{file.name}, line {n}", line) for file in files for n, line in enumerate(_lines(file), 1) if line.strip()
    ]


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UsageError(f"{file.name} cannot be read ({error.strerror}); name a readable file.") from None
    except UnicodeError:
        raise UsageError(f"{file.name} is not UTF-8; a file of JSON lines in UTF-8 was expected.") from None
