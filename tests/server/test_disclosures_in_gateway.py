"""A third small disclosure that would identify is answered here, by the real gateway; the one before was not."""

from __future__ import annotations

from typing import Any

import httpx2
from server_fakes import Setup, served, setup

from nemora.errors import LedgerError

NAME = "Hi there, my name is Zyxara, can you help me plan a weekend with the dog?"
EMPLOYER = "Thanks. I work at Quillfeather Mills, so it has to be after six in the evening."
TOWN = "Good idea. I live in Harrowgate, what is near enough for an hour by train?"


def ask(server: Setup, *texts: str) -> httpx2.Response:
    messages: list[dict[str, Any]] = [{"role": "user", "content": text} for text in texts]
    return httpx2.post(f"{server.url}/v1/chat/completions", json={"model": "auto", "messages": messages})


def test_the_turn_that_completes_the_picture_is_answered_here() -> None:
    with served(setup()) as server:
        answers = [ask(server, NAME), ask(server, NAME, EMPLOYER), ask(server, EMPLOYER, TOWN)]
        later = ask(server, EMPLOYER, TOWN, "And now say that in French.")
        unrelated = ask(server, "Explain the tides of the sea to a child of ten, please, and do so in four sentences.")
    assert [a.headers["x-nemora-route"] for a in answers] == ["cloud", "cloud", "local"]
    assert answers[2].headers["x-nemora-reason"] == "disclosures:employer+given_name+town"
    assert later.headers["x-nemora-route"] == "local" and unrelated.headers["x-nemora-route"] == "cloud"


def test_without_the_store_nothing_leaves() -> None:
    server = setup()

    def broken(*_: Any) -> Any:
        raise LedgerError("The store cannot be used.")

    assert server.gateway._disclosures is not None
    server.gateway._disclosures.together = broken  # type: ignore[method-assign]
    with served(server):
        assert ask(server, "hi").headers["x-nemora-route"] == "local"
