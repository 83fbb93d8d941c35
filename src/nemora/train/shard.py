"""Several processes share the parameters and their gradients: FSDP2 (Zhao et al. 2023, arXiv:2304.11277).

`torchrun --nproc-per-node N` starts the processes. Each layer's matrices are gathered while the layer runs; small
tensors, the embedding, the output matrix and the draft head while the whole pass does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from nemora.train.trainable import Trainable


@dataclass(frozen=True, slots=True)
class Processes:
    """Which of how many processes this is."""

    rank: int = 0
    world: int = 1


@contextmanager
def processes(device: str = "cpu") -> Iterator[Processes]:
    """Joins the others that torchrun started, while it lasts; alone if it started none. See `leave`."""
    if not dist.is_torchelastic_launched():
        yield Processes()
        return
    if device != "cpu":
        torch.cuda.set_device(dist.get_node_local_rank())
    dist.init_process_group("gloo" if device == "cpu" else "nccl")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
        dist.barrier()
    finally:
        dist.destroy_process_group()


def leave(part: Processes) -> None:
    """End this process now, as done, if it was one of several; to be called last.

    FSDP keeps gloo's threads after the group is destroyed, and one that drops a Python object while the interpreter
    is taken down aborts it ("terminate called without an active exception"): torchrun would call the run failed.
    """
    if part.world > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def shard_parameters(trainable: Trainable) -> None:
    """Share what is trained among all processes, which must all have the same numbers. Do it before the optimiser.

    From then on passes run inside of `Trainable.forward` only.
    """
    mesh = init_device_mesh(trainable.weights.device.type, (dist.get_world_size(),))
    layers = trainable.weights.matrices.at("layers")
    for layer in layers.children():
        if any(True for _ in layer.parameters()):
            fully_shard(layer, mesh=mesh)
    fully_shard(trainable, mesh=mesh)
