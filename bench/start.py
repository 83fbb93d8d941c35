"""What a start takes, packed anew and from the packed copy, in turns: seconds, and the most memory that was resident.

    python bench/start.py MODEL [--repeat 3] [--tokens 12] [--threads 2] [--folder FOLDER] [--cold] [--out FILE]

Each start is a process of its own. `load` is until the model is there, `first` a token more (it touches every page
that a token reads), `decode` the tokens a second after that. The files are read once before, so that they lie in the
page cache as far as memory goes; with --cold they are let go before each start, so that it is bound by the disk. The
copy is written into a temporary folder, or into FOLDER, where it stays.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from nemora.weights.packed_copy_writer import write_packed_copy
from nemora.weights.packed_place import packed_place
from nemora.weights.resident import peak_resident

CHUNK = 1 << 24
FIGURES = ("load", "first", "decode", "peak_mb", "anonymous_mb")


def start(model: Path, copy: Path | None, tokens: int, threads: int) -> dict[str, float]:
    """One start in this process."""
    torch.set_num_threads(threads)
    begun = time.perf_counter()
    loaded = load_model(open_checkpoint(model), activations="auto", packed_copy=copy)
    load = time.perf_counter() - begun
    state = loaded.new_state(tokens + 1)
    with torch.inference_mode():
        times = [time.perf_counter()]
        for token in range(tokens + 1):
            loaded.forward(torch.tensor([[3 + token]]), state, last_only=True)
            times.append(time.perf_counter())
    return {
        "load": load,
        "first": times[1] - times[0],
        "decode": tokens / (times[-1] - times[1]),
        "peak_mb": peak_resident() / 1e6,
        "anonymous_mb": _anonymous() / 1e6,
    }


def _anonymous() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def started(arguments: argparse.Namespace, copy: Path | None) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, str(arguments.model), "--once", "--tokens", str(arguments.tokens)]
    command += ["--threads", str(arguments.threads), *(["--copy", str(copy)] if copy else [])]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def prepare(files: list[Path], *, cold: bool) -> None:
    """Bring files into the page cache, or out of it."""
    for path in files:
        with path.open("rb") as file:
            if cold:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                continue
            while file.read(CHUNK):
                pass


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Both kinds of start in turns."""
    place = packed_place(folder, arguments.model)
    begun = time.perf_counter()
    write_packed_copy(open_checkpoint(arguments.model), folder, place)
    writing = time.perf_counter() - begun
    files = [arguments.model] if arguments.model.is_file() else sorted(arguments.model.glob("*.safetensors"))
    kinds: dict[str, Path | None] = {"packed anew": None, "from the copy": place.file}
    runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(arguments.repeat):
        for kind, copy in kinds.items():
            prepare([*files, place.file], cold=arguments.cold)
            runs[kind].append(started(arguments, copy))
            print(kind, {name: round(value, 2) for name, value in runs[kind][-1].items()}, file=sys.stderr, flush=True)
    return {
        "model": arguments.model.name,
        "model_mb": round(sum(file.stat().st_size for file in files) / 1e6),
        "copy_mb": round(place.file.stat().st_size / 1e6),
        "writing_seconds": round(writing, 1),
        "page_cache": "cold" if arguments.cold else "warm",
        "threads": arguments.threads,
        "machine": f"{_cpu()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "date": datetime.date.today().isoformat(),
        "runs": runs,
        "medians": {
            kind: {name: round(statistics.median(run[name] for run in found), 2) for name in FIGURES}
            for kind, found in runs.items()
        },
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].split(":")[1].strip() if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description="What a start takes, packed anew and from the packed copy.")
    parser.add_argument("model", type=Path, help="a GGUF file or a folder")
    parser.add_argument("--repeat", type=int, default=3, help="starts of each kind")
    parser.add_argument("--tokens", type=int, default=12, help="tokens to write after the first")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, help="write the copy here, and leave it")
    parser.add_argument("--cold", action="store_true", help="let the files go from the page cache before each start")
    parser.add_argument("--out", type=Path, help="also write the JSON there")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--copy", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        print(json.dumps(start(arguments.model, arguments.copy, arguments.tokens, arguments.threads)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        result = json.dumps(measure(arguments, arguments.folder or Path(temporary)), indent=2)
    print(result)
    if arguments.out is not None:
        arguments.out.write_text(result + "\n")


if __name__ == "__main__":
    main()
