"""What `nemora serve` prints to try next finds that server; and who names a server gets an answer of no other."""

from __future__ import annotations

import shlex
import socket
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "server"))  # where the fakes of a gateway are

from server_fakes import served, setup

from nemora.cli.main import main
from nemora.server.listen import base_url
from nemora.server.run import banner

USUAL = "http://127.0.0.1:8484"


def printed(host: str, port: int, config: Path | None = None, asked_at: str = USUAL) -> list[str]:
    """The first command after "Try:", in words."""
    lines = banner(host, port, setup().gateway, config=config, asked_at=asked_at).splitlines()
    return shlex.split(lines[lines.index("Try:") + 1])


def test_the_printed_command_finds_a_server_at_another_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with served(setup()) as running:
        command = printed(*running.host)
        assert main(command[1:]) == 0
    assert "From afar" in capsys.readouterr().out


def test_it_names_only_what_would_not_be_found_without() -> None:
    text = "Write a haiku about autumn"
    assert printed("127.0.0.1", 8484)[1:] == ["ask", text]
    assert printed("0.0.0.0", 8484)[1:] == ["ask", text]  # noqa: S104 - compared, not bound
    assert printed("127.0.0.1", 9000)[1:] == ["ask", "--port", "9000", text]
    assert printed("::1", 8484)[1:] == ["ask", "--host", "::1", text]
    assert printed("127.0.0.1", 9000, Path("my file.toml"), base_url("127.0.0.1", 9000))[1:] == [
        "--config", "my file.toml", "ask", text,
    ]  # fmt: skip


def test_a_server_that_is_named_and_not_there_is_an_error_and_loads_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = str(bound.getsockname()[1])
    assert main(["ask", "--port", port, "hello"]) == 1
    assert "No server" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--port", "0"], ["--port", "65536"], ["--port", "9000", "--device", "cpu"]])
def test_flags_that_name_no_server_are_refused(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", *flags, "hello"]) == 2
    assert "--port" in capsys.readouterr().err
