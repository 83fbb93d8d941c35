"""`nemora train`: adapt what runs on this machine to texts of your own. One file per kind of training."""

from __future__ import annotations

import argparse

from nemora.cli import train_pretrain, train_sensitivity, train_sft

KINDS = {
    "sft": (train_sft, "a chat model, on conversations"),
    "pretrain": (train_pretrain, "a small hybrid from nothing, after a recipe"),
    "sensitivity": (train_sensitivity, "the model that reads every request"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, (module, what) in KINDS.items():
        module.add_arguments(kinds.add_parser(name, help=what, description=f"Train {what}.", allow_abbrev=False))


def run(args: argparse.Namespace) -> int:
    """Train. The errors are those of the kind of training."""
    module, _ = KINDS[args.what]
    code: int = module.run(args)
    return code
