"""`nemora keys`: the API keys by which clients are known to the server."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from nemora.cli.tables import print_table
from nemora.server.api_keys import ApiKey, ApiKeys
from nemora.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="make a key and print it, once; from the first on, clients need one")
    add.add_argument("name", metavar="NAME", help="of the client; it stands in `keys list` and nowhere else")
    add.add_argument("--tenant", default="default", help="whose policy and memory its requests have (default)")
    add.add_argument(
        "--admin", action="store_true", help="for metrics, decisions and loading models, not for questions"
    )
    add.add_argument("--requests-per-minute", type=int, default=0, metavar="N", help="0: no limit (default)")
    add.add_argument("--tokens-per-minute", type=int, default=0, metavar="N", help="read and written; 0: no limit")
    shown = actions.add_parser("list", help="list the keys, without what is secret")
    shown.add_argument("--json", action="store_true", help="print JSON")
    revoke = actions.add_parser("revoke", help="forget a key; a running server refuses it at once")
    revoke.add_argument("name", metavar="NAME")


def run(args: argparse.Namespace) -> int:
    """Make, list or revoke.

    Raises:
        SettingsError: a name or limit is wrong, or the keys cannot be read or written.
    """
    settings = load_settings(args.config)
    keys = ApiKeys(settings.paths.data)
    if args.action == "add":
        print(
            keys.add(
                args.name,
                tenant=args.tenant,
                admin=args.admin,
                requests=args.requests_per_minute,
                tokens=args.tokens_per_minute,
            )
        )
    elif args.action == "revoke":
        keys.revoke(args.name)
        if not keys.all():
            print(_none_left(keys.path, has_owner=settings.server.api_key is not None))
    elif args.json:
        print(json.dumps([{k: v for k, v in asdict(key).items() if k != "digest"} for key in keys.all()], indent=1))
    else:
        heads = ("name", "tenant", "for", "requests/min", "tokens/min", "made")
        print_table(heads, [_row(key) for key in keys.all()])
    return 0


def _none_left(file: Path, *, has_owner: bool) -> str:
    whom, then = (
        (" to all but the owner's key", "asks for that key") if has_owner else ("", "answers whoever reaches it")
    )
    return (
        f"No key is left: every path but /health/live answers 401{whom} until `nemora keys add` makes a key, or until "
        f"{file} is removed and the server started again, which then {then}."
    )


def _row(key: ApiKey) -> tuple[str, ...]:
    made = datetime.fromtimestamp(key.created, UTC).strftime("%Y-%m-%d")
    limits = (str(limit or "-") for limit in (key.requests_per_minute, key.tokens_per_minute))
    return key.name, key.tenant, "administration" if key.admin else "models", *limits, made
