"""One script of a client that is installed for the tests anyway, so that no network is needed. `make test-clients` runs
them all."""

from __future__ import annotations

import sys
from pathlib import Path

from client_table import CHECKS, CLIENTS
from run_clients import problems_of, talking_server

HERE = Path(__file__).parent


def test_a_client_chats_streams_calls_and_fails_as_its_users_expect() -> None:
    with talking_server() as address:
        problems = problems_of([sys.executable, str(HERE / "with_openai.py")], address)
    assert problems == dict.fromkeys(CHECKS, "")


def test_every_client_has_a_script_and_every_script_a_client() -> None:
    scripts = {path.name for path in HERE.glob("with_*")}
    assert {client.script for client in CLIENTS} == scripts
