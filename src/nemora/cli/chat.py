"""nemora chat: a conversation in the terminal. Every turn is read, decided and recorded like any request."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from nemora.cli.asking import Door, add_cloud_arguments, open_door
from nemora.core import ChatRequest, Message
from nemora.errors import NemoraError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="auto", help="auto (the router decides), local, or a model's name")
    parser.add_argument("--system", help="instructions that stand before the conversation")
    add_cloud_arguments(parser)


def run(args: argparse.Namespace) -> int:
    history = [Message("system", args.system)] if args.system else []
    with closing(open_door(args)) as door:
        if sys.stdin.isatty():
            sys.stderr.write("Write a message and press Enter. /quit or Ctrl-D ends.\n")
        while (text := _next_line()) is not None:
            if text.strip():
                _turn(door, args.model, history, text)
    return 0


def _next_line() -> str | None:
    if sys.stdin.isatty():
        sys.stderr.write("> ")
        sys.stderr.flush()
    line = sys.stdin.readline()
    return None if not line or line.strip() == "/quit" else line.rstrip("\n")


def _turn(door: Door, model: str, history: list[Message], text: str) -> None:
    """Ask with the whole history. A turn that fails is taken back, and the conversation goes on."""
    history.append(Message("user", text))
    said: list[str] = []
    try:
        request = ChatRequest(model=model, messages=tuple(history), stream=True)
        notice, pieces = door.answer(request)
        sys.stderr.write(notice.line() + "\n")
        for piece in pieces:
            said.append(piece)
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")
    except NemoraError as error:
        history.pop()
        sys.stderr.write(f"nemora: {error.message}\n")
        return
    history.append(Message("assistant", "".join(said)))
