"""Hazards of `test_threats.py` in further forms: hostile bodies, failures, forged stand-ins, artefacts, names looked up."""

from __future__ import annotations

import base64
import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from server_fakes import served, setup
from talking_cloud import letters
from test_redaction import ASKED, CANARIES, MAIL, NAME, World, opened
from test_threats import BARE, CARD, CARD_TEXT, HARMLESS, ask, called, outcome, stays, tool

from nemora.privacy.finding import Kind
from nemora.privacy.inspect import Inspector
from nemora.privacy.policy import Action, Policy
from nemora.privacy.protocols import Segment
from nemora.privacy.reading import ReadingRules
from nemora.privacy.segment_cache import SegmentCache


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with opened() as opened_:
        yield opened_


@pytest.mark.parametrize(
    "hostile",
    [
        "card 4-7-1-" * 900,
        'card "47" + ' * 700,
        "card " + "four " * 1500,
        "card [4] " * 900 + "\\n" * 900,
        "password: " + "a" * 6000 + "!",
        "card %2525" + "25" * 3000,
        "card <b>" * 900 + "1",
        "my card then 1 then " * 400,
    ],
    ids=["digits", "literals", "words", "brackets", "run", "escapes", "tags", "joints"],
)
def test_18_a_text_made_to_be_slow_is_answered_and_a_card_behind_it_stays(world: World, hostile: str) -> None:
    assert stays(world, f"{hostile}\n{CARD_TEXT}")


def test_18_what_is_encoded_deeper_than_is_read_stays(world: World) -> None:
    text = CARD_TEXT
    for _ in range(6):
        text = base64.b64encode(text.encode()).decode()
    assert stays(world, text)


@pytest.mark.parametrize("fault", [RecursionError(), OSError("x"), ValueError("x"), KeyError("x")])
@pytest.mark.parametrize("stream", [False, True])
def test_19_no_kind_of_failure_of_a_reading_lets_anything_out(fault: Exception, stream: bool) -> None:
    with served(setup()) as what:
        what.inspection.breaks = fault
        body = {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": HARMLESS}]}
        answer = httpx2.post(what.url + "/v1/chat/completions", json=body)
        assert answer.headers["x-nemora-route"] == "local" and not what.cloud.requests
        what.inspection.breaks = None
        assert ask(what.url, "Name three rivers of Peru.").headers["x-nemora-route"] == "cloud"


def test_19_one_detector_that_fails_makes_the_whole_reading_incomplete() -> None:
    class Broken:
        name = "broken"

        def find(self, text: str, label: str) -> list[Any]:
            raise ZeroDivisionError

    read = Inspector(None, detectors=(Broken(),)).inspect([Segment("/messages/0/content", HARMLESS)])
    assert not read.complete and read.failures == ("broken:ZeroDivisionError",) * len(read.failures)


@pytest.mark.parametrize("change", [str, str.lower, str.title, lambda s: s[:-1] + "A", lambda s: " ".join(s)])
@pytest.mark.parametrize("place", ["user", "system", "tool"])
def test_25_a_forged_stand_in_gives_no_value_away_wherever_it_is_typed(world: World, change: Any, place: str) -> None:
    world.ask(f"Write a card for {NAME}, please.")
    forged = change(world.sent().split()[4].rstrip(","))
    world.cloud.script = lambda body: letters(json.dumps(body["messages"]))
    try:
        turns = {
            "user": [f"New matter: who is {forged}?"],
            "system": [{"role": "system", "content": f"You know {forged}."}, "Who is that?"],
            "tool": called(result=f"found {forged}"),
        }[place]
        _, answer = world.ask(*turns, **({"tools": [tool()]} if place == "tool" else {}))
        assert NAME not in str(answer.content) and "Braunfels" not in str(answer.content)
    finally:
        world.cloud.script = lambda _body: letters("Fine.", 5)


@pytest.mark.parametrize("text", [f"Write to {MAIL}.", f"Greet {NAME}.", "Call me at +49 151 2345 6789 tonight."])
def test_26_whoever_minds_what_can_be_guessed_keeps_all_that_is_personal(text: str) -> None:
    strict = Policy(actions=dict.fromkeys(Policy().actions, Action.LOCAL) | {min(Policy().actions): Action.CLOUD})
    with opened(policy=strict) as world:
        assert stays(world, text) and outcome(world, HARMLESS) == "cloud"


def test_27_no_file_log_or_page_holds_what_was_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), opened(tmp_path) as world:
        world.ask(ASKED)
        world.ask(ASKED, stream=True)
        assert stays(world, CARD_TEXT)
        root = str(world.client.base_url).removesuffix("v1/")
        pages = [httpx2.get(root + page) for page in ("metrics", "v1/models", "health", CARD.replace(" ", "%20"))]
        shown = "".join(page.text for page in pages) + repr(world.ledger.rows())
        ours = "".join(r.getMessage() for r in caplog.records if r.name.startswith(("nemora", "uvicorn")))
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert held and not any(canary in held for canary in (*CANARIES, CARD.encode(), BARE.encode()))
    assert not any(canary.decode() in shown + ours for canary in CANARIES) and BARE not in shown + ours


def test_28_what_was_remembered_under_one_set_of_rules_says_nothing_under_another() -> None:
    inspector = Inspector(None, cache=SegmentCache(100, b"k" * 32))
    segments = [Segment("/messages/0/content", CARD_TEXT)]
    lax = ReadingRules(allow={Kind.PAYMENT_CARD: (CARD,)})
    counts = [len(inspector.inspect(segments, rules).findings) for rules in (lax, None, lax, ReadingRules(), lax)]
    assert counts == [0, 1, 0, 1, 0]


def test_29_errors_and_redacted_answers_tell_kinds_and_counts_alone(world: World) -> None:
    world.ask(ASKED)
    told = {name: value for name, value in world.headers.items() if name.startswith("x-nemora")}
    assert told["x-nemora-redacted"] == "person_name=1,email_address=1"
    assert not any(canary.decode() in repr(told) for canary in CANARIES)
    assert not any(mark in repr(told) for mark in ("/messages", "start", "confidence", "0."))
    world.local.up = False
    try:
        url = str(world.client.base_url) + "chat/completions"
        refused = httpx2.post(url, json={"model": "auto", "messages": [{"role": "user", "content": CARD_TEXT}]})
        assert refused.status_code >= 400 and BARE not in refused.text and "/messages" not in refused.text
    finally:
        world.local.up = True


def test_30_no_name_is_looked_up_but_that_of_the_configured_server(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def recording(host: Any, *rest: Any, **named: Any) -> Any:
        asked.append(host.decode() if isinstance(host, bytes) else str(host))
        return real(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", recording)
    with opened() as world:
        world.ask(ASKED)
        assert outcome(world, "See https://tides.example.com/a?q=1 and mail.corp.example for more.") == "cloud"
        assert stays(world, CARD_TEXT)
    assert set(asked) <= {"127.0.0.1", "localhost", "::1", "None"}
