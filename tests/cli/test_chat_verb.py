"""nemora chat: turns, their history, and what a failure or a stop leaves of them."""

from __future__ import annotations

import io

import pytest
from scripted_door import ScriptedDoor

from nemora.cli import chat
from nemora.cli.main import main


class Typed(io.StringIO):
    """What a user types, at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> ScriptedDoor:
    scripted = ScriptedDoor()
    monkeypatch.setattr(chat, "open_door", lambda args: scripted)
    return scripted


def says(monkeypatch: pytest.MonkeyPatch, stdin: io.TextIOBase) -> None:
    monkeypatch.setattr("sys.stdin", stdin)


def test_every_turn_is_asked_with_what_went_before(
    door: ScriptedDoor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says(monkeypatch, io.StringIO("one\n\n  \ntwo"))
    assert main(["chat", "--system", "Be brief."]) == 0
    assert door.asked() == [["Be brief.", "one"], ["Be brief.", "one", "echo: one", "two"]]
    assert [message.role for message in door.requests[-1].messages] == ["system", "user", "assistant", "user"]
    assert door.closed
    out, err = capsys.readouterr()
    assert out == "echo: one\necho: two\n"
    assert err.count("[cloud: far]") == 2


@pytest.mark.parametrize(("word", "says_so"), [("fail", "The local model is down."), ("break", "It broke off.")])
def test_a_failed_turn_is_taken_back_and_the_chat_goes_on(
    word: str, says_so: str, door: ScriptedDoor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says(monkeypatch, io.StringIO(f"one\n{word}\ntwo\n/quit\nnever\n"))
    assert main(["chat"]) == 0
    assert door.asked()[-1] == ["one", "echo: one", "two"]
    assert says_so in capsys.readouterr().err


def test_a_message_that_is_no_text_is_not_asked(
    door: ScriptedDoor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says(monkeypatch, io.TextIOWrapper(io.BytesIO(b"\xff\none\n"), "utf-8", errors="surrogateescape"))
    assert main(["chat"]) == 0
    assert door.asked() == [["one"]]
    says(monkeypatch, io.TextIOWrapper(io.BytesIO(b"\xff\none\n"), "utf-8"))
    assert main(["chat"]) == 2
    assert capsys.readouterr().err.count("not valid UTF-8") == 2


def test_ctrl_c_stops_one_answer_at_a_terminal_and_the_whole_chat_elsewhere(
    door: ScriptedDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, Typed("stop\ntwo\n"))
    assert main(["chat"]) == 0
    assert door.asked()[-1] == ["two"]
    says(monkeypatch, io.StringIO("stop\nthree\n"))
    assert main(["chat"]) == 130
    assert door.asked()[-1] == ["stop"]
    assert door.closed


def test_without_standard_input_nothing_is_loaded(door: ScriptedDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert main(["chat"]) == 2
    assert not door.closed
