"""The command: statuses, one sentence, verbs imported when called."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from nemora import __version__
from nemora.cli.main import VERBS, main
from nemora.errors import NemoraError, UsageError


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([verb, "--help"])
    assert stopped.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"nemora {verb}" in said and f"{VERBS[verb][1:]}." in said


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
    assert main(["--config", ".", "ledger", "verify"]) == 2
    said = capsys.readouterr().err
    assert "folder" in said and "exist" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "My", "CANARY", "card"],
        ["My CANARY card"],
        ["ask", "x", "--max-tokens", 'it\'s "CANARY"'],
        ["ask", "x", "--max-tokens=CANARY"],
        ["serve", "--offline=CANARY"],
        ["ask", "x", "--config=CANARY"],
        ["ask", "--CANARY"],
    ],
)
def test_a_wrong_command_line_is_not_repeated(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    out, err = capsys.readouterr()
    assert stopped.value.code == 2
    assert "CANARY" not in out + err
    assert "error: " in err


def test_a_misspelt_option_is_named_and_never_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["ask", "x", "--temp", "1"])
    assert "unknown option --temp" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("size", [1, 100_000])
def test_an_output_that_cannot_be_written_is_one_sentence(size: int) -> None:
    code = (
        "import sys; from nemora.cli import main, rm; rm.run = lambda args: print('x' * int(sys.argv[1])) or 0;"
        "sys.exit(main.main(['rm', 'x']))"
    )
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code, str(size)], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert (
        done.stderr
        == "nemora: The output cannot be written (No space left on device); make room, or write it elsewhere.\n"
    )


def test_an_error_of_the_system_that_is_not_of_the_output_is_not_blamed_on_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(args: argparse.Namespace) -> int:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(importlib.import_module("nemora.cli.rm"), "run", fails)
    assert main(["rm", "x"]) == 1
    assert "FileNotFoundError" in capsys.readouterr().err


def test_a_closed_output_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("nemora.cli.rm"), "run", lambda args: print("x") or 0)
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["rm", "x"]) == 0
    sys.stdout.close()


def test_only_the_called_verb_is_imported() -> None:
    code = (
        "import sys; from nemora.cli.main import VERBS, main; main(['ledger', 'verify']);"
        "loaded = {name for name in sys.modules if name.startswith('nemora.cli.')};"
        "assert not loaded & {f'nemora.cli.{verb}' for verb in VERBS if verb != 'ledger'}, loaded;"
        "assert 'torch' not in sys.modules"
    )
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run([sys.executable, "-c", code], env={"HOME": home}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", ["ask", "chat"])
def test_to_ask_a_running_server_the_reading_is_not_imported(verb: str) -> None:
    code = f"import sys, nemora.cli.{verb}; sys.exit('nemora.privacy.detectors' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_wrong_setting_is_said_before_the_server_is_imported(tmp_path: Path) -> None:
    (tmp_path / "nemora.toml").write_text('[server]\nport = "x"\n')
    code = (
        "import sys; from nemora.cli.main import main;"
        f"status = main(['--config', {str(tmp_path / 'nemora.toml')!r}, 'serve']);"
        "sys.exit(status == 0 or 'nemora.server.run' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "server.port" in done.stderr


def test_the_package_runs_as_the_command() -> None:
    answer = subprocess.run([sys.executable, "-m", "nemora", "bogus"], capture_output=True, text=True)
    assert answer.returncode == 2 and "usage: nemora" in answer.stderr
