"""Whether weights and caches take the memory that they say they take, and loading little more."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from gpu_device import Device
from gpu_files import write_llama
from gpu_report import Report
from gpu_shapes import Shapes, builder
from nemora.models.base import Model
from nemora.models.inventory import take_inventory
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from nemora.weights.random_weights import RandomWeights, stored_bytes

SECTION = "memory"
ROUNDED_UP = 0.03  # an allocator gives out whole pieces
SMALL_CHANGE = 64 << 20  # what libraries keep for themselves
BESIDE = 1.5e9  # bytes that loading may take beside the weights
LARGEST_BESIDE = 3  # of the largest weights, what loading from files may take beside them
CAPACITIES = (1024, 16384)
BATCHES = (1, 3)


def check_memory(report: Report, device: Device, shapes: Shapes) -> None:
    """Loading, and every case that fits the device."""
    report.attempt(SECTION, "loading from files", partial(_loading, report, device, shapes.loaded))
    configs = shapes.configs
    for name, format in shapes.memory:
        needed = _stored(configs[name], format) + int(BESIDE) + (1 << 30)
        if device.kind != "cpu" and device.free() < needed:
            report.leave_out(f"memory of {name} in {format} (needs {needed / 1e9:.0f} GB)")
            continue
        report.attempt(SECTION, f"{name} in {format}", partial(_case, report, device, name, format, configs[name]))
        device.give_back()


def _case(report: Report, device: Device, name: str, format: str, config: Mapping[str, Any]) -> None:
    computed = _stored(config, format)
    device.watch_peak()
    before = device.allocated()
    model = builder(config)(RandomWeights(format, device=device.torch, dtype=torch.bfloat16))
    taken, peak = device.allocated() - before, device.peak()
    about = f"{name} in {format}, {computed / 1e9:.2f} GB"
    wrong = f"the model says it keeps {model.bytes} bytes, its stored form has {computed}"
    report.check(SECTION, f"{about}, counted", _off(model.bytes, computed), 1e-9, wrong)
    wrong = f"the weights take {taken} bytes of the device, not the {computed} that they were counted as"
    report.check(SECTION, f"{about}, taken", _off(taken, computed, _small_change(device)), ROUNDED_UP, wrong)
    if peak is not None:
        wrong = f"drawing the weights took {peak - before - computed} bytes beside them"
        report.check(SECTION, f"{about}, bytes beside while built", peak - before - computed, BESIDE, wrong)
    _cache(report, device, f"{name} in {format}", model)


def _loading(report: Report, device: Device, config: Mapping[str, Any]) -> None:
    """What a checkpoint from files keeps of the device, and takes beside that for a while."""
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode(False):
        write_llama(Path(folder), config)
        device.watch_peak()
        before = device.allocated()
        model = load_model(open_checkpoint(Path(folder)), device=str(device.torch), dtype=torch.bfloat16)
        taken, peak = device.allocated() - before, device.peak()
    about = f"files of {model.bytes / 1e9:.2f} GB"
    wrong = f"a loaded model takes {taken} bytes of the device, not the {model.bytes} that it says it keeps"
    report.check(SECTION, f"{about}, taken", _off(taken, model.bytes, _small_change(device)), ROUNDED_UP, wrong)
    if peak is not None:
        largest = max(stored_bytes(take_inventory(builder(config))[1], "BF16").values())
        beside, bound = peak - before - model.bytes, LARGEST_BESIDE * largest + SMALL_CHANGE
        wrong = f"loading took {beside} bytes beside the weights, whose largest has {largest}"
        report.check(SECTION, f"{about}, bytes beside while loading", beside, bound, wrong)


def _cache(report: Report, device: Device, about: str, model: Model) -> None:
    """Bytes for each token and for each sequence, from the differences of states of several sizes."""
    (few, many), (one, several) = CAPACITIES, BATCHES
    per_token = (_state(device, model, many, one) - _state(device, model, few, one)) / (many - few)
    per_sequence = (_state(device, model, few, several) - _state(device, model, few, one)) / (several - one)
    per_sequence -= few * per_token
    state = model.new_state(1)
    expected = state.bytes_per_position
    wrong = f"a token takes {per_token:.0f} bytes of cache, not {expected}"
    report.check(SECTION, f"{about}, cache of a token, {expected} B", _off(per_token, expected), ROUNDED_UP, wrong)
    expected = state.bytes_per_sequence
    wrong = f"a sequence takes {per_sequence:.0f} bytes of state, not {expected}"
    off = _off(per_sequence, expected, few * per_token * ROUNDED_UP)
    report.check(SECTION, f"{about}, state of a sequence, {expected} B", off, 2 * ROUNDED_UP, wrong)


def _stored(config: Mapping[str, Any], format: str) -> int:
    return sum(stored_bytes(take_inventory(builder(config))[1], format).values())


def _state(device: Device, model: Model, capacity: int, batch: int) -> int:
    device.give_back()
    before = device.asked_for()
    state = model.new_state(capacity, batch=batch)
    taken = device.asked_for() - before
    assert state.capacity == capacity  # and is alive until here
    return taken


def _small_change(device: Device) -> int:
    return 0 if device.kind == "cpu" else SMALL_CHANGE


def _off(found: float, expected: float, allowance: float = 0.0) -> float:
    """How far apart, as a share of what was expected, once `allowance` bytes are forgiven."""
    return max(0.0, abs(found - expected) - allowance) / max(expected, 1)
