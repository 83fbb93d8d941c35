"""The import law and the house rules, held by reading the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "nemora"
FILES = sorted(PACKAGE.rglob("*.py"))
ENVIRONMENT = re.compile("environb?$|(get|put|unset)envb?$")
LEAVES = {"core", "errors", "net_guard", "worker"}  # import no room; every room may import core and errors
BELOW = {
    "ops": set(),
    "models": {"ops"},
    "weights": {"models", "ops"},
    "engine": {"weights", "models", "ops"},
    "chat": {"weights", "models", "ops"},
    "privacy": set(),
    "documents": set(),
    "tagger": {"weights", "models", "ops", "privacy"},  # of privacy only PROTOCOLS, which it implements
    "backends": {"chat", "engine", "weights", "models", "ops"},
    "server": {"backends", "chat", "engine", "weights", "models", "ops", "privacy", "documents", "tagger", "settings"},
    "cli": {
        "server",
        "backends",
        "chat",
        "engine",
        "weights",
        "models",
        "ops",
        "privacy",
        "documents",
        "tagger",
        "train",
        "settings",
    },
    "train": {"weights", "models", "chat", "privacy", "tagger", "ops"},
    "settings": set(),
    "__init__": {"backends", "settings"},
    "__main__": {"cli"},
}
PROTOCOLS = {"Examples", "Reader", "Reading", "TaggedSpan"}
MAY_USE_WORKER = {"chat", "server", "cli", "tagger"}
MAY_USE_GUARD = {"worker", "server", "cli"}
MAY_SWALLOW = {  # handlers that only `continue`, and why that loses nothing
    "worker.py": "a half-written frame cannot be flushed to a child that was killed",
    "weights/sources_package.py": "a file that another program moved has no size to count",
    "privacy/encodings.py": "bytes that are no text in one encoding are tried in the next",
}
MAY_PRINT = {
    "cli": "its output",
    "server/listen.py": "the address that is bound",
    "weights/progress.py": "to the stream it was given",
    "privacy/kinds_document.py": "the document, when it is run to write it",
}
TREES = {file: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def room_of(file: Path) -> str:
    return name_of(file).split("/")[0].removesuffix(".py")


def modules(file: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions and type checks, by its whole name."""
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def imports(file: Path) -> set[str]:
    """The second part of every `nemora.X` that a file imports."""
    parts = [module.split(".") for module in modules(file)]
    return {names[1] for names in parts if names[0] == "nemora" and len(names) > 1}


def test_there_is_something_to_hold_to_the_law() -> None:
    assert {room_of(file) for file in FILES} == set(BELOW) | LEAVES


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_imports_point_down(file: Path) -> None:
    room = room_of(file)
    for target in imports(file) - {room, "core", "errors", "__version__"}:
        if target == "net_guard":
            assert room in MAY_USE_GUARD, f"{room} must not change what may be reached"
        elif target == "worker":
            assert room in MAY_USE_WORKER, f"{room} must not start workers"
        else:
            assert room not in LEAVES and target in BELOW[room], f"{room} must not import {target}"
    if room == "tagger":
        assert {m for m in modules(file) if ".privacy" in m} <= {f"nemora.privacy.protocols.{n}" for n in PROTOCOLS}


def test_no_module_imports_itself_by_a_detour() -> None:
    """Also within a room. What only type checks import does not run."""
    known = {"nemora." + name_of(f).removesuffix(".py").replace("/", ".").removesuffix(".__init__"): f for f in FILES}
    graph = {}
    for name, file in known.items():
        runs = set(modules(file)) - typing_only(file)
        graph[name] = ({m for m in runs if m in known} | {m.rpartition(".")[0] for m in runs} & set(known)) - {name}
    TopologicalSorter(graph).prepare()


def typing_only(file: Path) -> set[str]:
    blocks = [n for n in ast.walk(TREES[file]) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    found = [n for block in blocks for n in ast.walk(block) if isinstance(n, ast.ImportFrom)]
    return {f"{node.module}.{alias.name}" for node in found for alias in node.names}


@pytest.mark.parametrize(
    ("room", "banned"),
    [
        ("privacy", {"torch", "onnxruntime", "httpx2", "socket", "http", "urllib", "ssl", "starlette", "subprocess"}),
        ("engine", {"tokenizers", "jinja2", "httpx2", "starlette"}),
        ("models", {"tokenizers", "jinja2", "httpx2", "starlette"}),
        ("", {"pickle", "marshal", "shelve", "dill", "joblib"}),
    ],
)
def test_a_room_stays_away_from_what_it_must_not_know(room: str, banned: set[str]) -> None:
    for file in FILES:
        if room in ("", room_of(file)):
            assert not banned & {module.split(".")[0] for module in modules(file)}, file


def test_only_settings_reads_the_environment() -> None:
    for file in FILES:
        if name_of(file) not in ("settings.py", "__init__.py"):  # the package itself sets one variable, and reads none
            reads = [n for n in ast.walk(TREES[file]) if isinstance(n, ast.Attribute) and ENVIRONMENT.match(n.attr)]
            assert not reads, f"{file}:{reads[0].lineno}"
            assert not [m for m in modules(file) if m.startswith("os.") and ENVIRONMENT.match(m[3:])], file


@pytest.mark.parametrize("file", [*FILES, *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda f: f.name)
def test_files_and_functions_stay_short(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 600
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 100, node.name


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_no_exception_is_swallowed_in_silence(file: Path) -> None:
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: a bare except"
            silent = {ast.unparse(statement) for statement in node.body} <= {"pass", "continue", "..."}
            assert not silent or name_of(file) in MAY_SWALLOW, f"line {node.lineno}: a silent except"


def test_rooms_below_the_command_line_print_nothing() -> None:
    for file in FILES:
        if not {room_of(file), name_of(file)} & set(MAY_PRINT):
            calls = [n.func for n in ast.walk(TREES[file]) if isinstance(n, ast.Call)]
            assert "print" not in [f.id for f in calls if isinstance(f, ast.Name)], file
