"""What `nemora bench` found, as one JSON object."""

from __future__ import annotations

import os
import platform
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from nemora import __version__
from nemora.backends.local_model import LocalModel
from nemora.engine.speed import Runs, SpeedTest, Spread, decode_speed, prompt_speed
from nemora.models.work import Work
from nemora.ops.limits import LimitProbe, Limits
from nemora.weights.checkpoint import Checkpoint

CPUINFO = Path("/proc/cpuinfo")


def report_of(model: LocalModel, work: Work, test: SpeedTest, runs: Runs, probe: LimitProbe) -> dict[str, Any]:
    """Everything with its units in its name: bytes, seconds, tokens and operations a second, shares of 1."""
    file_bytes = _file_bytes(model.checkpoint)
    return {
        "nemora": __version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(probe),
        "model": {
            "name": model.name,
            "architecture": model.checkpoint.architecture,
            "formats": _formats(model.checkpoint),
            "activations": str(getattr(model.model, "dtype", torch.float32)).removeprefix("torch."),
            "file_bytes": file_bytes,
            "weights_in_memory_bytes": model.bytes,
        },
        "token": {
            "read_bytes": work.read_bytes(),
            "stored_bytes": work.stored_bytes(),
            "prompt_operations": work.prompt_operations(1),
        },
        "repeats": len(runs.prompts),
        "gen": test.steps,
        "prompt": asdict(prompt_speed(runs.prompts, work)),
        "decode": [asdict(decode_speed(found, work)) for found in runs.decodes.values()],
        "limits": _limits(runs.limits) | {"int8_by": probe.int8_by},
        "memory": {
            "peak_resident_bytes": runs.peak,
            "above_file_bytes": runs.peak - file_bytes,
            "probes_included": not runs.peak_is_own,
        },
    }


def machine(probe: LimitProbe) -> dict[str, Any]:
    """What the measurements were made on."""
    native = probe.native
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": probe.threads,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torch_instructions": torch.backends.cpu.get_cpu_capability(),
        "native_kernels": native is not None,
        "native_instructions": native.sets()[-1] if native is not None else None,
        "why_no_native_kernels": probe.why_no_native,
    }


def _processor() -> str:
    if CPUINFO.exists():
        found = re.search(r"^model name\s*: (.*)$", CPUINFO.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def _formats(checkpoint: Checkpoint) -> dict[str, int]:
    """Bytes of tensors by their format, most first."""
    sizes: Counter[str] = Counter()
    for info in checkpoint.file.tensors.values():
        sizes[info.format.name] += info.stored_bytes
    return dict(sizes.most_common())


def _file_bytes(checkpoint: Checkpoint) -> int:
    path = checkpoint.path
    files = [path] if path.is_file() else path.glob("*.safetensors")
    return sum(file.stat().st_size for file in files)


def _limits(limits: Sequence[Limits]) -> dict[str, Any]:
    int8 = [found.int8 for found in limits if found.int8 is not None]
    return {
        "bandwidth_bytes_per_second": asdict(Spread.of([found.bandwidth for found in limits])),
        "fp32_operations_per_second": asdict(Spread.of([found.fp32 for found in limits])),
        "int8_operations_per_second": asdict(Spread.of(int8)) if int8 else None,
    }
