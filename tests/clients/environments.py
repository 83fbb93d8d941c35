"""One environment for each set of packages, in a cache folder, made once: a venv with pip, or a folder with npm."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from client_table import Client

INSTALL_SECONDS = 900


class Missing(Exception):
    """An environment that cannot be made here; the text says why in one sentence."""


def environment(client: Client, cache: Path) -> Path:
    """The folder of a client's environment, made if it is not there. Raises `Missing`."""
    name = re.sub(r"[^a-z0-9]+", "-", client.packages[0].lower()).strip("-")
    digest = hashlib.sha256(repr((client.kind, client.packages, sys.version_info[:2])).encode()).hexdigest()[:8]
    folder = cache / f"{name}-{digest}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (_make_node if client.kind == "node" else _make_python)(folder, client.packages)
        (folder / "complete").touch()
    return folder


def command(client: Client, folder: Path, script: Path) -> list[str]:
    """What runs a client's script in its environment."""
    if client.kind == "python":
        return [str(folder / "bin" / "python"), str(script)]
    # Node looks for packages beside the script and above it, so the script is run from its environment.
    for source in script.parent.glob("*.mjs"):
        shutil.copy(source, folder / source.name)
    return ["node", str(folder / script.name)]


def version(client: Client, folder: Path) -> str:
    """The version of a client's own package that was installed."""
    package = re.split(r"[=<>\[]|(?<=.)@", client.packages[0])[0]
    if client.kind == "node":
        return str(json.loads((folder / "node_modules" / package / "package.json").read_text())["version"])
    asked = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run(
        [str(folder / "bin" / "python"), "-c", asked], check=True, capture_output=True, text=True
    ).stdout.strip()


def _make_python(folder: Path, packages: tuple[str, ...]) -> None:
    _run([sys.executable, "-m", "venv", str(folder)], "Python cannot make a venv: install its venv package")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, *packages], f"pip could not install {' '.join(packages)}")


def _make_node(folder: Path, packages: tuple[str, ...]) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Missing("node and npm are not here: install them (Debian: apt-get install nodejs npm)")
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
    _run([*npm, *packages], f"npm could not install {' '.join(packages)}")


def _run(arguments: list[str], problem: str) -> None:
    done = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Missing(f"{problem}: {lines[-1] if lines else 'it said nothing'}")
