"""Whether models compute on this machine's accelerator what they compute on the CPU, in what memory, and how fast.

    python bench/gpu_check.py [--quick] [--only parity|memory|speed] [--device cuda|mps|cpu] [--out FILE | --no-save]

A default run begins nothing new after four and a half minutes, a quick one after 75 seconds. Where nothing is
installed: PYTHONPATH=src python bench/gpu_check.py. Needs torch, numpy and safetensors, and no network; weights are
random and drawn on the device. Prints a line for each comparison and measurement and writes all of it as JSON. Ends
with 1 if a comparison fails, with 0 if there is no accelerator and nothing was checked.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import re
import sys
import time
from pathlib import Path

import torch

from gpu_device import Device
from gpu_memory import check_memory
from gpu_parity import check_parity
from gpu_report import Report
from gpu_shapes import SHAPES
from gpu_speed import measure_speed
from nemora.errors import UsageError
from nemora.weights.device import check_device, present_devices

RESULTS = Path(__file__).parent / "results"
SECTIONS = ("parity", "memory", "speed")
SECONDS, QUICK_SECONDS = 270, 75  # after which nothing new is begun


def main() -> int:
    args = _arguments()
    accelerators = present_devices()[1:]
    name = args.device or next(iter(accelerators), None)
    if name is None:
        print("No accelerator that torch can use is present. Nothing was checked.")
        return 0
    try:
        check_device(name)
    except UsageError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    torch.set_float32_matmul_precision("highest")  # fp32 is to mean fp32: no TF32
    torch.backends.cudnn.allow_tf32 = False
    report = Report(end=time.monotonic() + (args.seconds or (QUICK_SECONDS if args.quick else SECONDS)))
    machine = _machine(Device(name))
    print(", ".join(f"{key} {value}" for key, value in machine.items()), flush=True)
    _run(report, Device(name), args)
    _finish(report)
    if not args.no_save:
        file = args.out or RESULTS / f"gpu-check-{_slug(machine['device'])}-{machine['date']}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"machine": machine, "arguments": _plain(args)} | report.as_json(), indent=1) + "\n")
        print(f"written to {file}")
    return 1 if report.wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Check parity, memory and speed on this machine's accelerator.")
    parser.add_argument("--device", help="cuda, mps or cpu (default: the accelerator that is present)")
    parser.add_argument("--shapes", choices=SHAPES, help="published shapes, or tiny ones (default on a CPU)")
    parser.add_argument("--only", choices=SECTIONS, help="this section alone")
    parser.add_argument("--quick", action="store_true", help="fewer formats in parity, the first model in speed")
    parser.add_argument("--seconds", type=int, help=f"begin nothing after this time (default: {SECONDS})")
    parser.add_argument("--out", type=Path, help="the JSON file (default: in bench/results)")
    parser.add_argument("--no-save", action="store_true", help="write no file")
    return parser.parse_args()


@torch.inference_mode()
def _run(report: Report, device: Device, args: argparse.Namespace) -> None:
    shapes = SHAPES[args.shapes or ("tiny" if device.kind == "cpu" else "real")]
    if args.only in (None, "parity"):
        check_parity(report, device, shapes.parity, quick=args.quick)
    if args.only in (None, "memory"):
        check_memory(report, device, shapes)
    if args.only in (None, "speed"):
        measure_speed(report, device, shapes, quick=args.quick)


def _machine(device: Device) -> dict[str, str]:
    return {
        "device": device.name,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "TF32": "off",
    }


def _finish(report: Report) -> None:
    print(f"\n{len(report.checks)} comparisons, {len(report.wrong)} wrong, {len(report.left_out)} left out")
    for check in report.wrong:
        print(check.line())


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _plain(args: argparse.Namespace) -> dict[str, str | int | bool | None]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()}


if __name__ == "__main__":
    sys.exit(main())
