"""The import law and the house rules, held by reading the source."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "nemora"
FILES = sorted(PACKAGE.rglob("*.py"))
LEAVES = {"core", "errors", "worker"}
"""Root modules that import no room; every room may import core and errors."""
BELOW = {
    "ops": set(),
    "models": {"ops"},
    "weights": {"models", "ops"},
    "engine": {"weights", "models", "ops"},
    "chat": {"engine", "weights", "models", "ops"},
    "privacy": set(),
    "tagger": {"weights", "models", "ops", "privacy"},  # privacy only for the Protocol that it implements
    "backends": {"chat", "engine", "weights", "models", "ops"},
    "server": {"backends", "chat", "engine", "weights", "models", "ops", "privacy", "tagger", "settings"},
    "cli": {"server", "backends", "chat", "engine", "weights", "models", "ops", "privacy", "tagger", "settings"},
    "settings": set(),
    "__init__": {"backends", "settings"},
}
MAY_USE_WORKER = {"chat", "server", "cli", "tagger"}
TAKES_SETTINGS_TYPES = {"backends"}
"""A backend receives one `RemoteServer`, a plain frozen value."""


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    """Second part of every `nemora.X` that the file imports, also inside functions and type checks."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "nemora":
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else (alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("nemora."))


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_point_down(file: Path) -> None:
    room = room_of(file)
    for target in imports(file):
        if target == room or target in ("core", "errors", "__version__"):
            continue
        if target == "worker":
            assert room in MAY_USE_WORKER
        elif room in LEAVES:
            pytest.fail(f"{room} imports {target}")
        elif target == "settings" and room in TAKES_SETTINGS_TYPES:
            continue
        else:
            assert target in BELOW[room], f"{room} must not import {target}"


def test_privacy_imports_nothing_that_computes_or_connects() -> None:
    banned = {"torch", "onnxruntime", "httpx2", "socket", "http", "urllib3", "starlette"}
    for file in (PACKAGE / "privacy").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not banned & {name.split(".")[0] for name in names}, file


def test_only_settings_reads_the_environment() -> None:
    for file in FILES:
        if file.name != "settings.py":
            assert not re.search(r"os\.(environ|getenv)", file.read_text(encoding="utf-8")), file


@pytest.mark.parametrize("file", [*FILES, *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda f: f.name)
def test_files_and_functions_stay_short(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 600
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 100, node.name


def test_no_exception_is_swallowed_in_silence() -> None:
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"{file}:{node.lineno}: a bare except"
                silent = all(isinstance(s, ast.Pass) or _is_ellipsis(s) for s in node.body)
                assert not silent, f"{file}:{node.lineno}: a silent except"


def _is_ellipsis(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def test_nothing_is_pickled() -> None:
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "marshal", "shelve", "dill"} & set(names), file


def test_importing_nemora_or_routing_loads_no_torch() -> None:
    program = "import sys, nemora, nemora.cli.main, nemora.cli.route, nemora.cli.ask; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_every_verb_of_the_readme_exists() -> None:
    from nemora.cli.main import VERBS

    named = set(re.findall(r"^\s*(?:\.venv/bin/)?nemora ([a-z]+)", (ROOT / "README.md").read_text("utf-8"), re.M))
    assert named
    assert named <= set(VERBS)
    assert all((PACKAGE / "cli" / f"{verb}.py").is_file() for verb in VERBS)


def test_the_public_names_are_few() -> None:
    import nemora

    assert sorted(nemora.__all__) == ["NemoraError", "__version__", "load"]
    assert all(hasattr(nemora, name) for name in nemora.__all__)
