"""What is promised: few names, the README's verbs and tree, and what must not be loaded or sent."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nemora
from nemora.cli.main import VERBS
from nemora.settings import load_settings

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "nemora"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def python(*arguments: str, given: str = "", first: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the folder `first` before all others on its path."""
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, [first, os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *arguments], input=given, capture_output=True, text=True, env={**os.environ, **environ}
    )


@pytest.fixture
def without_torch(tmp_path: Path) -> str:
    """A folder: where it comes first, importing torch fails, in child processes too."""
    (tmp_path / "torch.py").write_text("raise ImportError('torch was imported')\n")
    return str(tmp_path)


def test_the_public_names_are_few() -> None:
    assert sorted(nemora.__all__) == ["NemoraError", "__version__", "load"]
    assert all(hasattr(nemora, name) for name in nemora.__all__)


def test_all_names_that_the_package_shows_are_promised() -> None:
    program = "import nemora; print(*[n for n in vars(nemora) if n[0] != '_'])"
    shown = set(python("-c", program).stdout.split())
    assert shown == {"NemoraError", "load", "errors", "annotations", "TYPE_CHECKING"}


@pytest.mark.parametrize("modules", ["nemora", "nemora.cli.main, nemora.cli.route, nemora.cli.ask, nemora.cli.ledger"])
def test_torch_is_not_loaded_by_importing(modules: str, without_torch: str) -> None:
    done = python("-c", f"import {modules}", first=without_torch)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_that_needs_torch_does_notice_its_absence(without_torch: str) -> None:
    done = python("-c", "import nemora.models.llama", first=without_torch)
    assert "torch was imported" in done.stderr


def test_requests_are_judged_without_torch(without_torch: str) -> None:
    texts = ["Write a haiku about autumn", "My card 4716 2093 8854 1728 was charged twice."]
    lines = "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts))
    command = ("-m", "nemora.cli.main", "route", "--jsonl", "-")
    done = python(*command, given=lines, first=without_torch, NEMORA_OFFLINE="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["decision"] for line in done.stdout.splitlines()] == ["cloud", "local"]


def test_every_verb_of_the_readme_exists_and_every_verb_is_in_the_readme() -> None:
    named = set(re.findall(r"^ +(?:\.venv/bin/)?nemora ([a-z]+)", README, re.MULTILINE))
    assert named == set(VERBS)
    assert all((PACKAGE / "cli" / f"{verb}.py").is_file() for verb in VERBS)


def test_the_readmes_picture_of_the_house_is_the_house() -> None:
    drawn = set(re.findall(r"^  ([a-z_]+(?:\.py|/)) ", README, re.MULTILINE))
    there = {f"{p.name}/" for p in PACKAGE.iterdir() if (p / "__init__.py").is_file()}
    there |= {p.name for p in PACKAGE.glob("*.py") if not p.name.startswith("__")}
    assert drawn == there


@pytest.mark.parametrize(
    "document", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https?:)([^)#\s]+)", text):
        assert (document.parent / link).exists(), link
    for name in re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.py)?)`", text):
        assert (PACKAGE / name).exists() or (ROOT / name).exists(), name


def test_the_readmes_settings_are_accepted(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "nemora.toml"
    file.write_text(example, encoding="utf-8")
    settings = load_settings(file, {"HOME": str(tmp_path), "FAR_API_KEY": "k"})
    assert settings.cloud is not None and settings.cloud.api_key == "k"


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", text, re.MULTILINE))
    assert {"run", "test", "install", "check"} <= named <= targets
