"""nemora ask and chat: one line before each answer, from a server or in process."""

from __future__ import annotations

import io
from collections.abc import Generator

import pytest

from nemora.cli import ask, chat
from nemora.cli.asking import Notice
from nemora.cli.main import main
from nemora.core import ChatRequest
from nemora.errors import LocalModelDown

LEFT = Notice(route="cloud", model="far", decision="cloud", reason="class:public")


class ScriptedDoor:
    """Answers with what it was asked; a request that says "fail" fails."""

    def __init__(self) -> None:
        self.requests: list[ChatRequest] = []
        self.closed = False

    def answer(self, request: ChatRequest) -> tuple[Notice, Generator[str]]:
        self.requests.append(request)
        text = request.messages[-1].text()
        if "fail" in text:
            raise LocalModelDown("The local model is down.")
        return LEFT, (piece for piece in ("echo: ", text))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> ScriptedDoor:
    scripted = ScriptedDoor()
    monkeypatch.setattr(ask, "open_door", lambda args: scripted)
    monkeypatch.setattr(chat, "open_door", lambda args: scripted)
    return scripted


def test_the_answer_is_on_stdout_and_one_line_on_stderr(door: ScriptedDoor, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "hello", "--max-tokens", "5"]) == 0
    out, err = capsys.readouterr()
    assert out == "echo: hello\n"
    assert err == "[cloud: far] nothing sensitive was found\n"
    assert door.requests[0].max_tokens == 5
    assert door.closed


@pytest.mark.parametrize(
    ("notice", "says"),
    [
        (Notice("local", "m", "cloud", "no_cloud"), "would have been allowed to leave"),
        (Notice("local", "m", "local", "finding:payment_card"), "payment card"),
        (Notice("local", "m", "redact", "finding:person_name"), "redact by policy"),
        (Notice("local", "m", "cloud", "ledger_unavailable", recorded=False), "ledger could not be written"),
    ],
)
def test_the_line_says_what_decided(notice: Notice, says: str) -> None:
    assert says in notice.line()
    assert "\n" not in notice.line()


def test_standard_input_and_files_are_read(
    door: ScriptedDoor, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("naïve".encode())))
    assert main(["ask"]) == 0
    file = tmp_path_factory.mktemp("ask") / "question.txt"
    file.write_text("from a file")
    assert main(["ask", "--file", str(file)]) == 0
    assert [request.messages[-1].text() for request in door.requests] == ["naïve", "from a file"]


@pytest.mark.parametrize("arguments", [["ask", " "], ["ask", "a", "--file", "b"], ["ask", "a", "--max-tokens", "0"]])
def test_a_useless_question_is_refused(
    door: ScriptedDoor, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_failed_turn_is_taken_back_and_the_chat_goes_on(
    door: ScriptedDoor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("one\nfail please\ntwo\n/quit\nnever\n"))
    assert main(["chat"]) == 0
    assert [message.text() for message in door.requests[-1].messages] == ["one", "echo: one", "two"]
    assert "The local model is down." in capsys.readouterr().err
