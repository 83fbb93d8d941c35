"""Loads checkpoints one after the other in little memory and time, and prints what came of each as a line of JSON.

    python load_child.py MEMORY_BYTES DEADLINE_SECONDS SOUND PATH...

SOUND is loaded first, so that what torch and Python need is there before memory is limited.
"""

from __future__ import annotations

import faulthandler
import json
import resource
import sys
import time
from pathlib import Path

import torch

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model, plan_loading


def attempt(path: Path) -> dict[str, object]:
    """What came of one checkpoint; how long its plan and its list of problems took."""
    started = time.perf_counter()
    planned = started
    try:
        checkpoint = open_checkpoint(path)
        plan = plan_loading(checkpoint)
        planned = time.perf_counter()
        problems = sum(1 for _ in plan.problems())
        seconds = {"plan": planned - started, "problems": time.perf_counter() - planned}
        if problems:
            return {"said": f"There are {problems} problems.", **seconds}
        model = load_model(checkpoint, decode_budget=0, mtp=True)
        model.forward(torch.zeros(1, 2, dtype=torch.int64), model.new_state(2))
        return {"said": "It works.", **seconds}
    except (CorruptCheckpoint, UnsupportedCheckpoint) as error:
        return {"said": error.message, "plan": time.perf_counter() - started}
    except BaseException as error:  # noqa: BLE001 - the parent says what must not be
        return {"said": None, "error": f"{type(error).__name__}: {str(error)[:300]}"}


def main() -> None:
    memory, deadline, sound, *paths = sys.argv[1:]
    torch.set_num_threads(1)
    attempt(Path(sound))
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + int(memory), size + int(memory)))
    for path in (sound, *paths):
        faulthandler.dump_traceback_later(float(deadline), exit=True)
        print(json.dumps({"path": path, **attempt(Path(path))}), flush=True)
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
