"""Compiles the kernels with the C++ compiler that is there; run where Nemora is installed from its sources.

    python src/nemora/ops/cpu/build.py

It needs the standard library only: Nemora's own build runs it before anything of Nemora is installed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
LIBRARY = "libnemora_cpu.so"
COMPILERS = ("c++", "g++", "clang++")
SECONDS = 300
FLAGS = [
    "-std=c++17",
    "-O3",
    "-fPIC",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-math-errno",
    "-fno-strict-aliasing",
    "-fvisibility=hidden",
    "-pthread",
    "-Wall",
]
AVX512 = [
    "-mavx512f",
    "-mavx512bw",
    "-mavx512dq",
    "-mavx512vl",
    "-mavx2",
    "-mfma",
    "-mf16c",
    "-mprefer-vector-width=512",
]
EXACT = ["-ffp-contract=off"]
SCALAR: dict[str, list[str]] = {
    "isa_scalar.cpp": [],
    "dispatch.cpp": [],
    "pack.cpp": EXACT,
    "pool.cpp": [],
    "products.cpp": EXACT,
}
X86 = {
    "isa_avx2.cpp": ["-mavx2", "-mfma", "-mf16c"],
    "isa_avx512.cpp": AVX512,
    "isa_vnni.cpp": [*AVX512, "-mavx512vnni"],
}
"""The flags of each file. Code for a processor lies in its own file, and runs after that processor was found."""


class CannotCompile(Exception):
    """Why there is no library, in one line."""


def sources_hash(folder: Path = HERE) -> str:
    """The sha256 of all sources and of this file, which the library carries: one of others is never loaded."""
    found = hashlib.sha256()
    for file in sorted([*folder.glob("*.cpp"), *folder.glob("*.h"), folder / "build.py"]):
        found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()


def is_current(library: Path) -> bool:
    """Whether a library was made of these sources. An installation asks twice for it."""
    return library.is_file() and sources_hash().encode() in library.read_bytes()


def compile_library(target: Path = HERE / LIBRARY, compiler: Sequence[str] = ()) -> Path:
    """Write the library to `target`, whole or not at all; one of these sources is left as it is.

    Args:
        compiler: a command and its first arguments; by default the first of `COMPILERS` that is there.

    Raises:
        CannotCompile: there is no compiler, or it failed.
    """
    if is_current(target):
        return target
    command = list(compiler) or [name for name in COMPILERS if shutil.which(name)][:1]
    if not command:
        raise CannotCompile("no C++ compiler was found (Debian: apt install g++)")
    units = SCALAR | (X86 if platform.machine() in ("x86_64", "AMD64") else {})
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".compile-") as folder:
            objects = [str(Path(folder) / name) + ".o" for name in units]
            for (name, flags), made in zip(units.items(), objects, strict=True):
                hashed = [f'-DNEMORA_SOURCES="{sources_hash()}"']
                _run([*command, *FLAGS, *flags, *hashed, "-c", str(HERE / name), "-o", made])
            _run([*command, "-shared", "-pthread", "-o", f"{folder}/{LIBRARY}", *objects])
            os.replace(f"{folder}/{LIBRARY}", target)
    except OSError as error:
        raise CannotCompile(
            f"{command[0]} could not be run, or its folder not be written to ({error.strerror})"
        ) from None
    return target


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise CannotCompile(f"{command[0]} took longer than {SECONDS} seconds") from None
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()[:200])
        raise CannotCompile(f"{command[0]} failed: {said}")


def main() -> int:
    try:
        made = compile_library()
    except CannotCompile as problem:
        sys.stderr.write(f"Nemora's native kernels were not compiled: {problem}. It works without them, slower.\n")
        return 1
    sys.stderr.write(f"{made}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
