"""The `nemora` command: one verb a file, imported when it is called.

Exit status: 0, or 1 with one sentence on stderr, or 2 for a wrong command line or wrong settings, or 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import logging
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from nemora import __version__
from nemora.cli.stopped import Stopped
from nemora.errors import NemoraError, UsageError

VERBS = {
    "serve": "start the server",
    "ask": "ask once, and say where it was answered and why",
    "chat": "talk in the terminal",
    "route": "judge requests without sending anything",
    "eval": "measure both error rates of the router on labelled data",
    "judge": "measure a local model as the judge of what is uncertain",
    "generate": "continue a prompt with a local model",
    "quantize": "write a model in a smaller published format",
    "bench": "measure how fast a model runs, beside what the machine can do",
    "models": "list the models, or show one",
    "train": "adapt a model to texts of your own",
    "check": "say what a checkpoint is and all that is wrong with it",
    "pull": "fetch models",
    "pack": "write a copy of a model that starts in seconds",
    "rm": "remove a model from the cache",
    "ledger": "show, verify and report on the record of what left",
    "keys": "make, list and revoke API keys",
    "policy": "check a policy file, or try it on what was decided",
}

OUTPUT_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors that only writing has."""
OPTION = re.compile(r"--[a-z][a-z-]{0,20}")


class Parser(argparse.ArgumentParser):
    """argparse repeats a wrong value in its message, and here a value may be what the user wants kept private."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, up to the first quoted value, and exit 2."""
        said, *value = re.split(r":? ['\"]", message, maxsplit=1)
        super().error(f"{said}; see {self.prog} --help" if value else said)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    logging.raiseExceptions = False  # a log handler that fails would print the exception that is being handled
    _fill_in_closed_streams()
    try:
        args = _parse(arguments)
        module = importlib.import_module(f"nemora.cli.{args.verb}")
        status: int = module.run(args)
        sys.stdout.flush()
        return status
    except UsageError as error:
        return _fail(error.message, 2)
    except NemoraError as error:
        return _fail(error.message, 1)
    except Stopped as stopped:
        return _fail(stopped.message, 130)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone; python must not complain again at exit
        _give_up_output()
        return 1
    except Exception as error:  # noqa: BLE001 - a traceback could show what the user wrote
        if isinstance(error, OSError) and (error.errno in OUTPUT_FAULTS or _output_fails()):
            _give_up_output()
            return _fail(f"The output cannot be written ({error.strerror}); make room, or write it elsewhere.", 1)
        return _fail(f"Nemora failed unexpectedly with {type(error).__name__}; this is a defect, please report it.", 1)


def _fill_in_closed_streams() -> None:
    """A closed output takes all that is written to it, as it does for `print`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until the end


def _output_fails() -> bool:
    """Whether what was printed still cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False


def _give_up_output() -> None:
    """Let what is not yet written go nowhere, so that python does not try again at exit."""
    with suppress(OSError):  # an output that is no file of the system has nothing to redirect
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="nemora",
        description="Nemotron models on your own hardware, and a router that decides what may leave it.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"nemora {__version__}")
    parser.add_argument(
        "--config", type=Path, default=None, metavar="FILE", help="settings file, in place of nemora.toml"
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, summary in VERBS.items():
        verb_parser = verbs.add_parser(
            verb, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
        )
        if verb in arguments:
            importlib.import_module(f"nemora.cli.{verb}").add_arguments(verb_parser)
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        options = [part for part in unknown if OPTION.fullmatch(part)]
        named = f"unknown option {options[0]}" if options else f"{len(unknown)} arguments too many"
        parser.error(f"{named}; put a text with spaces in quotes, and see nemora {args.verb} --help")
    return args


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"nemora: {' '.join(message.splitlines())}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
