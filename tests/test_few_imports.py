"""Running a model needs torch, numpy and safetensors, and no other package: so it runs where only these are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
TO_RUN = (
    "checkpoint",
    "device",
    "load",
    "random_weights",
)  # of weights; with all that these import. Fetching needs more

BLOCKED_IMPORTS = """
import importlib, importlib.abc, importlib.metadata, re, sys

def with_requirements(names):
    found = set()
    while names:
        name = re.sub(r"[-_.]+", "-", names.pop()).lower()
        if name not in found:
            found.add(name)
            try:
                needs = importlib.metadata.requires(name) or []
            except importlib.metadata.PackageNotFoundError:
                continue
            names += [re.match(r"[\\w.-]+", need)[0] for need in needs if "extra ==" not in need]
    return found

allowed = with_requirements(["torch", "numpy", "safetensors"])
owners = importlib.metadata.packages_distributions()

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        top = name.split(".")[0]
        if top in owners and top != "nemora":
            if not {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners[top]} & allowed:
                raise ModuleNotFoundError(f"{name} is blocked", name=name)
        return None

sys.meta_path.insert(0, Blocker())
"""


def modules_of(room: str) -> list[str]:
    names = [file.stem for file in sorted((SOURCE / "nemora" / room).glob("*.py"))]
    return [f"nemora.{room}.{name}" for name in (TO_RUN if room == "weights" else names) if name != "__init__"]


def run(code: str) -> subprocess.CompletedProcess[str]:
    path = f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n"
    return subprocess.run([sys.executable, "-c", path + BLOCKED_IMPORTS + code], capture_output=True, text=True)


@pytest.mark.parametrize("package", ["rich", "httpx2", "gguf", "tokenizers"])
def test_the_block_blocks(package: str) -> None:
    pytest.importorskip(package)
    assert "is blocked" in run(f"import {package}").stderr


def test_a_model_runs_with_torch_numpy_and_safetensors_alone() -> None:
    modules = [module for room in ("ops", "models", "weights", "engine") for module in modules_of(room)]
    answer = run("".join(f"import {module}\n" for module in modules) + "print('all imported')")
    assert answer.stdout == "all imported\n", answer.stderr


def test_the_check_of_accelerators_runs_with_these_alone() -> None:
    words = ["gpu_check", "--device", "cpu", "--shapes", "tiny", "--only", "memory", "--no-save"]
    script = Path(__file__).parent.parent / "bench" / "gpu_check.py"
    code = f"sys.argv = {words}; sys.path.insert(0, {str(script.parent)!r})\n"
    answer = run(code + f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')")
    assert answer.returncode == 0, answer.stderr
    assert ", 0 wrong, 0 left out" in answer.stdout
