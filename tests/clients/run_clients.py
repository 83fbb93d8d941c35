"""Every client that people use against a server over a socket: one table of what works.

    python tests/clients/run_clients.py [--cache FOLDER] [--only WORD]

Each client gets an environment of its own in the cache folder, made once with pip or npm; this needs their registries.
What cannot be installed is said and skipped. The exit status is 1 if a check fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from client_table import CHECKS, CLIENTS, Client
from environments import Missing, command, environment, version

HERE = Path(__file__).parent
SECONDS = 300
"""Most that one client's checks may take."""


@contextmanager
def talking_server() -> Iterator[str]:
    """The address of a server in a process of its own."""
    with tempfile.TemporaryDirectory() as data:
        arguments = [sys.executable, str(HERE / "talking_server.py"), data]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                address = server.stdout.readline().strip()
                if not address:
                    raise SystemExit("The server did not start; what it said stands above.")
                yield address
            finally:
                server.terminate()


def problems_of(arguments: list[str], address: str) -> dict[str, str]:
    """What became of each check: "" or what went wrong."""
    # Clients must not find anybody's keys or proxies, and write nothing into the home folder.
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    with tempfile.TemporaryDirectory() as home:
        try:
            done = subprocess.run(
                [*arguments, address],
                check=False,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                env={**kept, "HOME": home, "OPENAI_API_KEY": "none"},
            )
        except subprocess.TimeoutExpired:
            return dict.fromkeys(CHECKS, f"no answer within {SECONDS} seconds")
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"check"')]
    lines = done.stderr.strip().splitlines()
    problems = dict.fromkeys(CHECKS, lines[-1] if lines else "the script ended before it")
    return problems | {each["check"]: each["problem"] for each in found}


def main() -> int:
    parser = argparse.ArgumentParser(description="Try Nemora with the clients that people use.")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "nemora-test-clients")
    parser.add_argument("--only", default="", help="only clients whose name has this word")
    args = parser.parse_args()
    chosen = [client for client in CLIENTS if args.only.lower() in client.name.lower()]
    notes: list[str] = []
    print(f"{'client':28} {'version':10} " + " ".join(f"{check:10}" for check in CHECKS), flush=True)
    failed = False
    with talking_server() as address:
        for client in chosen:
            failed |= _row(client, address, args.cache, notes)
    print(*notes, sep="\n")
    return int(failed)


def _row(client: Client, address: str, cache: Path, notes: list[str]) -> bool:
    """Print a client's line, and note what went wrong. Whether anything did."""
    try:
        folder = environment(client, cache)
    except Missing as missing:
        print(f"{client.name:28} {'-':10} " + " ".join(f"{'SKIPPED':10}" for _ in CHECKS), flush=True)
        notes.append(f"*** {client.name} IS SKIPPED: {missing}. ***")
        return False
    problems = problems_of(command(client, folder, HERE / client.script), address)
    cells = " ".join(f"{'FAILED' if problems[check] else 'pass':10}" for check in CHECKS)
    print(f"{client.name:28} {version(client, folder):10} {cells}", flush=True)
    notes += [f"{client.name}, {check}: {problem}" for check, problem in problems.items() if problem]
    return any(problems.values())


if __name__ == "__main__":
    sys.exit(main())
