"""nemora ask: one line before the answer, and what the question may be."""

from __future__ import annotations

import io
from collections.abc import Generator

import pytest
from scripted_door import LEFT, ScriptedDoor

from nemora.cli import ask
from nemora.cli.asking import THINKING, Notice, _body, show
from nemora.cli.main import main
from nemora.server.openai_chat import parse_chat_request


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> ScriptedDoor:
    scripted = ScriptedDoor()
    monkeypatch.setattr(ask, "open_door", lambda args: scripted)
    return scripted


def test_the_answer_is_on_stdout_and_one_line_on_stderr(door: ScriptedDoor, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "hello", "--max-tokens", "5"]) == 0
    out, err = capsys.readouterr()
    assert out == "echo: hello\n"
    assert err == "[cloud: far] nothing sensitive was found\n"
    assert door.requests[0].max_tokens == 5
    assert door.closed


@pytest.mark.parametrize("word", sorted(THINKING))
def test_thinking_asked_for_is_what_a_server_reads(door: ScriptedDoor, word: str) -> None:
    assert main(["ask", "hello", "--think", word]) == 0
    request = door.requests[-1]
    assert request.thinking == THINKING[word] == parse_chat_request(_body(request)).request.thinking
    with pytest.raises(SystemExit):
        main(["ask", "hello", "--think", "much"])


@pytest.mark.parametrize(
    ("notice", "says"),
    [
        (Notice("local", "m", "cloud", "no_cloud"), "would have been allowed to leave"),
        (Notice("local", "m", "local", "finding:payment_card"), "payment card"),
        (Notice("local", "m", "redact", "finding:person_name"), "it may leave redacted only"),
        (Notice("local", "m", "cloud", "asked_local"), "would have been allowed to leave"),
        (Notice("local", "m", "local", "finding:payment_card"), "may not leave"),
        (Notice("local", "m", "cloud", "ledger_unavailable", recorded=False), "ledger cannot be written"),
        (Notice("local", "m", "local", "finding:payment_card", recorded=False), "ledger could not be written"),
        (Notice("local", "m\x1b[2J\nn", "cloud", "no_cloud"), "[local: m[2J n]"),
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


def test_bytes_that_are_no_text_are_refused_before_anything_is_asked(
    door: ScriptedDoor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "hi", "--system", "\udcff"]) == 2
    assert main(["ask", "\udcff"]) == 2
    assert capsys.readouterr().err.count("\n") == 2
    assert not door.requests


def test_a_terminal_is_not_waited_on_for_a_question(
    door: ScriptedDoor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = io.TextIOWrapper(io.BytesIO(b"typed"))
    monkeypatch.setattr(typed, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin", typed)
    assert main(["ask"]) == 2
    monkeypatch.setattr("sys.stdin", None)
    assert main(["ask"]) == 2
    assert capsys.readouterr().err.count("There is no question") == 2
    monkeypatch.setattr("sys.stdin", typed)
    assert main(["ask", "-"]) == 0


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_an_answer_cannot_command_the_terminal_but_a_pipe_gets_every_character(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pieces = ("a\tb\x1b]52;c;", "eA==\x07\r\n", "\x9b2Jé")
    assert show(LEFT, (piece for piece in pieces)) == "".join(pieces)
    assert capsys.readouterr().out == "".join(pieces) + "\n"
    screen = Screen()
    monkeypatch.setattr("sys.stdout", screen)
    show(LEFT, (piece for piece in pieces))
    assert screen.getvalue() == "a\tb]52;c;eA==\n2Jé\n"


def test_a_letter_that_the_output_lacks_does_not_end_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii", newline=""))
    show(LEFT, (piece for piece in ("naïve \ud800", "!")))
    assert raw.getvalue() == b"na?ve ?!\n"


def test_the_work_is_cancelled_when_the_reader_of_the_answer_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []

    def pieces() -> Generator[str]:
        try:
            while True:
                yield "word "
        finally:
            ended.append(True)

    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Gone())
    running = pieces()
    with pytest.raises(BrokenPipeError):
        show(LEFT, running)
    assert ended
