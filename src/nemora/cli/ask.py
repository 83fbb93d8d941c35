"""nemora ask: one question, one answer, and one line on stderr that says where it was answered and why."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from nemora.cli.asking import (
    Door,
    Notice,
    add_door_arguments,
    open_door,
    show,
    thinking_of,
)
from nemora.cli.files import with_files
from nemora.cli.unicode_text import unicode_text
from nemora.core import ChatRequest, Message, Sampling
from nemora.errors import OverrideNeeded, PrivacyRefused, UsageError
from nemora.server.overrides import Override


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", help="the question; - reads standard input, as does a pipe")
    parser.add_argument(
        "--file",
        type=Path,
        action="append",
        default=[],
        help="a document to ask about, more than once if need be; a single one without a question is the question",
    )
    parser.add_argument("--system", help="instructions that stand before the question")
    parser.add_argument("--model", default="auto", help="auto (the router decides), local, or a model's name")
    parser.add_argument("--max-tokens", type=int, default=None)
    parser.add_argument("--temperature", type=float, default=None)
    parser.add_argument("--reason", metavar="CODE", help="let the request out where the policy asks, for this reason")
    add_door_arguments(parser)


def run(args: argparse.Namespace) -> int:
    files: list[Path] = args.file
    if args.text is None and len(files) == 1:
        text, files = _file_as_question(files[0]), []
    else:
        text = _question(args)
    if args.max_tokens is not None and args.max_tokens < 1:
        raise UsageError("--max-tokens must be 1 or more.")
    if args.temperature is not None and not 0 <= args.temperature <= 2:
        raise UsageError("--temperature must be between 0 and 2.")
    system = (Message("system", unicode_text(args.system, "--system")),) if args.system else ()
    request = ChatRequest(
        model=args.model,
        messages=(*system, with_files(text, files)),
        sampling=Sampling(temperature=args.temperature),
        thinking=thinking_of(args),
        max_tokens=args.max_tokens,
        stream=True,
    )
    with closing(open_door(args)) as door:
        show(*_answer(door, request, args.reason))
    return 0


def _answer(door: Door, request: ChatRequest, reason: str | None) -> tuple[Notice, Generator[str]]:
    """The answer; where the policy asks, with the user's reason if there is one."""
    try:
        return door.answer(request)
    except OverrideNeeded as asked:
        if reason is None:
            raise PrivacyRefused(
                "The policy asks before this request may leave; say --reason with one of "
                f"{', '.join(asked.reasons)}, or --model local to keep it here."
            ) from None
        return door.answer(request, Override(asked.token, reason))


def _question(args: argparse.Namespace) -> str:
    try:
        if args.text is not None and args.text != "-":
            text = unicode_text(args.text, "The question")
        elif sys.stdin is None or (args.text is None and sys.stdin.isatty()):
            raise UsageError("There is no question; give a text, a file, or standard input.")
        else:
            text = sys.stdin.buffer.read().decode("utf-8")
    except OSError as error:
        raise UsageError(f"The question cannot be read ({error.strerror}).") from None
    except UnicodeError:
        raise UsageError("The question is not valid UTF-8 text; convert it first.") from None
    return _not_empty(text)


def _file_as_question(file: Path) -> str:
    try:
        return _not_empty(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"The question cannot be read ({error.strerror}).") from None
    except UnicodeError:
        raise UsageError("The file is a document; say what to do with it: nemora ask TEXT --file FILE.") from None


def _not_empty(text: str) -> str:
    if not text.strip():
        raise UsageError("The question is empty; give a text, a file, or standard input.")
    return text
