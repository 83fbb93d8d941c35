"""The command: statuses, one sentence, verbs imported when called."""

from __future__ import annotations

import argparse
import importlib

import pytest

from nemora import __version__
from nemora.cli.main import VERBS, main
from nemora.errors import NemoraError, UsageError


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([verb, "--help"])
    assert stopped.value.code == 0
    assert f"nemora {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["bogus"], ["ask", "--bogus"], ["serve", "--port", "x"]])
def test_a_wrong_command_line_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("raised", "status"),
    [(UsageError("Wrong."), 2), (NemoraError("Broken."), 1), (KeyboardInterrupt(), 130), (ValueError("content"), 1)],
)
def test_an_error_is_one_sentence_without_content(
    raised: BaseException, status: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(args: argparse.Namespace) -> int:
        raise raised

    monkeypatch.setattr(importlib.import_module("nemora.cli.rm"), "run", fails)
    assert main(["rm", "x"]) == status
    error = capsys.readouterr().err
    assert "content" not in error and error.count("\n") <= 1


def test_a_missing_settings_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "/does/not/exist.toml", "ledger", "verify"]) == 2
    assert "exist.toml" in capsys.readouterr().err
