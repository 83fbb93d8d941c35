"""A run on disk, so that it can go on after any stop: parameters, optimiser, place in the data, random numbers.

A checkpoint is a folder `step-N` with `weights.safetensors`, `optimiser.safetensors` and `state.json`. It appears under
its name when all of it is written, so one that is there is whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from nemora.errors import CorruptCheckpoint
from nemora.train.parameters import own_name, whole
from nemora.weights.on_disk import flush_path

WEIGHTS, OPTIMISER, STATE = "weights.safetensors", "optimiser.safetensors", "state.json"
RANDOM = "random"
PREFIX = "step-"


class Parameters(Protocol):
    """What is saved: `parameters.Parameters`, or a module with `named`, which gives those that are trained."""

    def named(self) -> Iterator[tuple[str, Tensor]]: ...

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]: ...

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]: ...


def save(
    folder: Path,
    step: int,
    parameters: Parameters,
    optimiser: torch.optim.Optimizer,
    state: Mapping[str, Any],
    *,
    keep: int,
) -> None:
    """Write the checkpoint of `step` into `folder`, and remove all but the last `keep`.

    Where the parameters are sharded every process must call this: they are gathered, and the first one writes. What is
    not trained and not small is not saved: it is where it came from.

    Args:
        state: what JSON can hold, given back by `load`.
    """
    weights = {name: whole(tensor).cpu() for name, tensor in _tensors(parameters).items()}
    moments = {name: whole(tensor).cpu() for name, tensor in _moments(parameters, optimiser).items()}
    moments[RANDOM] = torch.get_rng_state()
    if not dist.is_initialized() or dist.get_rank() == 0:
        partial = folder / f".{PREFIX}{step}.partial"
        shutil.rmtree(partial, ignore_errors=True)  # of a run that was stopped while it wrote
        partial.mkdir(parents=True)
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, partial / WEIGHTS)
        save_file({name: tensor.contiguous() for name, tensor in moments.items()}, partial / OPTIMISER)
        (partial / STATE).write_text(json.dumps({"step": step, **state}, indent=2) + "\n", encoding="utf-8")
        _publish(partial, folder / f"{PREFIX}{step}")
        for old in checkpoints(folder)[:-keep]:
            shutil.rmtree(old)
    if dist.is_initialized():
        dist.barrier()


def load(path: Path, parameters: Parameters, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """Put a checkpoint's numbers into the parameters, the optimiser and torch's random generator; gives its state.

    Raises:
        CorruptCheckpoint: it is damaged, or of another model.
    """
    try:
        weights, moments = load_file(path / WEIGHTS), load_file(path / OPTIMISER)
        state = json.loads((path / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError, SafetensorError) as error:
        raise CorruptCheckpoint(f"The checkpoint {path.name} cannot be read; resume from an earlier one.") from error
    random = moments.pop(RANDOM, None)
    tensors = _tensors(parameters)
    if random is None or not isinstance(state, dict) or {n: t.shape for n, t in tensors.items()} != _shapes(weights):
        raise CorruptCheckpoint(f"The checkpoint {path.name} is of another model; give the settings it was made with.")
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor.copy_(_like(weights[name], tensor))
    named = dict(parameters.named())
    for key, value in moments.items():
        kind, _, name = key.partition(":")
        optimiser.state[named[name]][kind] = value if kind == "step" else _like(value, named[name])
    torch.set_rng_state(random)
    return state


def checkpoints(folder: Path) -> list[Path]:
    """Those in `folder`, the latest last."""
    found = [path for path in folder.glob(f"{PREFIX}*") if path.name.removeprefix(PREFIX).isdecimal()]
    return sorted(found, key=lambda path: int(path.name.removeprefix(PREFIX)))


def _tensors(parameters: Parameters) -> dict[str, Tensor]:
    """Parameters and buffers by the model's own names."""
    kinds = (parameters.named_parameters(), parameters.named_buffers())
    return {own_name(name): tensor for kind in kinds for name, tensor in kind}


def _moments(parameters: Parameters, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What the optimiser remembers, as "KIND:PARAMETER"."""
    return {
        f"{kind}:{name}": tensor
        for name, parameter in parameters.named()
        for kind, tensor in optimiser.state.get(parameter, {}).items()
    }


def _like(tensor: Tensor, parameter: Tensor) -> Tensor:
    """On the parameter's device, and sharded as it is."""
    if isinstance(parameter, DTensor):
        return distribute_tensor(tensor.to(parameter.device), parameter.device_mesh, parameter.placements)
    return tensor.to(parameter.device)


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _publish(partial: Path, final: Path) -> None:
    """Give a written folder its name, once its bytes are on the disk."""
    for path in (*partial.iterdir(), partial):
        flush_path(path)
    shutil.rmtree(final, ignore_errors=True)  # the same step, of a run that is done again
    partial.rename(final)
    flush_path(final.parent)
