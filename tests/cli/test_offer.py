"""`serve` without a model: asked on a terminal, taken with --yes, never interactive or on the network otherwise."""

from __future__ import annotations

import dataclasses
import http.server
import io
import socket
import threading
import time
from pathlib import Path

import pytest

from nemora.cli import offer
from nemora.cli.offer import Asking, with_chosen_model
from nemora.settings import LocalSettings, Paths, RemoteServer, Settings
from nemora.weights.family import USUAL_CONTEXT
from nemora.weights.fit import largest_that_fits

ROOM = 24_000_000_000
STARTER = "smollm2-135m"


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.weights.fit.available_memory", lambda device="cpu": ROOM)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(paths=Paths(config=tmp_path, cache=tmp_path, data=tmp_path))


def best_reference() -> str:
    best = largest_that_fits(context=USUAL_CONTEXT, available=ROOM)
    assert best is not None
    return f"hub:{best.repository.id}"


class Person:
    """Somebody at a terminal, or nobody; counts what is asked of the person and of the network."""

    def __init__(self, says: str | None = None, *, yes: bool = False, reachable: bool = True) -> None:
        self.says, self.yes, self.reachable = says, yes, reachable
        self.output, self.questions, self.probes = io.StringIO(), 0, 0

    def choose(self, settings: Settings) -> str | None:
        ask = Asking(yes=self.yes, interactive=self.says is not None, output=self.output, answer=self.answer)
        return with_chosen_model(settings, ask, self.probe).local.model

    def answer(self) -> str:
        self.questions += 1
        assert "licence" in self.output.getvalue(), "the licence comes before the question"
        assert self.says is not None
        return self.says

    def probe(self) -> bool:
        self.probes += 1
        return self.reachable


@pytest.mark.parametrize("says", ["y\n", "Yes\n"])
def test_a_person_who_says_yes_gets_the_largest_model_that_fits(says: str, settings: Settings) -> None:
    person = Person(says)
    assert person.choose(settings) == best_reference()
    said = person.output.getvalue()
    assert "https://" in said and "GB to fetch" in said and best_reference().removeprefix("hub:") in said
    assert (person.questions, person.probes) == (1, 1)


@pytest.mark.parametrize("says", ["n\n", "\n", "", "perhaps\n"])
def test_anything_but_yes_means_the_starter(says: str, settings: Settings) -> None:
    assert Person(says).choose(settings) == STARTER


@pytest.mark.parametrize("says", [None, "n\n"])
def test_the_flag_takes_it_unasked_and_still_shows_the_licence(says: str | None, settings: Settings) -> None:
    person = Person(says, yes=True)
    assert person.choose(settings) == best_reference()
    assert person.questions == 0 and "licence" in person.output.getvalue()


def test_without_a_terminal_one_line_says_what_would_fit_and_no_network_is_touched(settings: Settings) -> None:
    nobody = Person()
    assert nobody.choose(settings) == STARTER
    said = nobody.output.getvalue()
    assert said.count("\n") == 1 and "would fit" in said and "--model" in said
    assert (nobody.questions, nobody.probes) == (0, 0)


@pytest.mark.parametrize(("says", "yes"), [("y\n", False), (None, True), (None, False)])
def test_offline_is_the_starter_without_a_word_or_a_probe(says: str | None, yes: bool, settings: Settings) -> None:
    person = Person(says, yes=yes)
    assert person.choose(dataclasses.replace(settings, offline=True)) == STARTER
    assert (person.questions, person.probes, person.output.getvalue()) == (0, 0, "")


@pytest.mark.parametrize(("says", "yes"), [("y\n", False), (None, True)])
def test_an_unreachable_hub_is_the_starter_and_one_line(says: str | None, yes: bool, settings: Settings) -> None:
    person = Person(says, yes=yes, reachable=False)
    assert person.choose(settings) == STARTER
    assert person.questions == 0 and person.output.getvalue().count("\n") == 1


def test_a_machine_without_room_gets_the_starter(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.weights.fit.available_memory", lambda device="cpu": 1 << 30)
    person = Person("y\n", yes=True)
    assert person.choose(settings) == STARTER
    assert (person.probes, person.output.getvalue()) == (0, "")


def test_a_configured_model_or_a_local_server_is_never_second_guessed(settings: Settings) -> None:
    person = Person("y\n", yes=True)
    own = dataclasses.replace(settings, local=LocalSettings(model="./mine.gguf"))
    assert person.choose(own) == "./mine.gguf"
    server = RemoteServer(name="near", base_url="http://127.0.0.1:9/v1", model="m", trust="local")
    assert person.choose(dataclasses.replace(settings, servers=(server,))) is None
    assert (person.questions, person.probes, person.output.getvalue()) == (0, 0, "")


class Refuses(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("status", "there"), [(200, True), (403, True), (502, False)])
def test_probe_takes_any_answer_but_a_broken_gateways(
    status: int, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Refuses) as server:
        server.status = status  # type: ignore[attr-defined]
        threading.Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setattr(offer, "HUB", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setattr(offer, "PROBE_SECONDS", 5.0 if there else 0.5)
        assert offer.hub_answers() == there


def test_probe_gives_up_on_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts in its queue, and never answers
        monkeypatch.setattr(offer, "HUB", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(offer, "PROBE_SECONDS", 0.2)
        since = time.monotonic()
        assert not offer.hub_answers()
        assert time.monotonic() - since < 5
    assert not offer.hub_answers()  # and now nobody is there
