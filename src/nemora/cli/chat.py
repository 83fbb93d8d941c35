"""nemora chat: a conversation in the terminal. Every turn is read, decided and recorded like any request."""

from __future__ import annotations

import argparse
import importlib
import sys
from contextlib import closing, suppress

from nemora.cli.asking import (
    Door,
    add_door_arguments,
    open_door,
    show,
    thinking_of,
)
from nemora.cli.unicode_text import unicode_text
from nemora.core import ChatRequest, Message, Thinking
from nemora.errors import NemoraError, UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="auto", help="auto (the router decides), local, or a model's name")
    parser.add_argument("--system", help="instructions that stand before the conversation")
    add_door_arguments(parser)


def run(args: argparse.Namespace) -> int:
    if sys.stdin is None:
        raise UsageError("There is no standard input to read messages from.")
    history = [Message("system", unicode_text(args.system, "--system"))] if args.system else []
    with closing(open_door(args)) as door:
        if sys.stdin.isatty():
            with suppress(ImportError):  # not in every build of Python
                importlib.import_module("readline")  # lets `input` edit the line and recall earlier ones
            sys.stderr.write("Write a message and press Enter. Ctrl-C stops an answer, /quit or Ctrl-D ends.\n")
        while (text := _next_line()) is not None:
            if text.strip():
                _turn(door, args.model, thinking_of(args), history, text)
    return 0


def _next_line() -> str | None:
    """The next message; None at the end. Only `input` edits lines, and prompts on stdout: both must be terminals."""
    try:
        if sys.stdin.isatty() and sys.stdout.isatty():
            line = input("> ")
        else:
            if sys.stdin.isatty():
                sys.stderr.write("> ")
                sys.stderr.flush()
            line = sys.stdin.readline()
            if not line:
                return None
    except EOFError:
        sys.stderr.write("\n")
        return None
    except UnicodeError:
        raise UsageError("A message is not valid UTF-8 text; convert it first.") from None
    return None if line.strip() == "/quit" else line.rstrip("\n")


def _turn(door: Door, model: str, thinking: Thinking, history: list[Message], text: str) -> None:
    """Ask with the whole history. A turn that fails or is stopped is taken back, and the conversation goes on."""
    try:
        asked = Message("user", unicode_text(text, "This message"))
        request = ChatRequest(model=model, messages=(*history, asked), thinking=thinking, stream=True)
        answer = show(*door.answer(request))
    except NemoraError as error:
        sys.stderr.write(f"nemora: {error.message}\n")
    except KeyboardInterrupt:
        if not sys.stdin.isatty():
            raise
        sys.stderr.write("\nStopped; this turn is forgotten.\n")
    else:
        history += [asked, Message("assistant", answer)]
