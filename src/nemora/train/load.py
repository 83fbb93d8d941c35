"""From settings or a checkpoint to parameters that can be trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nemora.models.base import Model, Weights
from nemora.models.inventory import take_inventory
from nemora.ops.weight import JoinedRows, Weight
from nemora.train.initial import InitialWeights
from nemora.train.parameters import Parameters, Wrap
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.checkpoint_weights import CheckpointWeights
from nemora.weights.device import check_device
from nemora.weights.load import default_decode_budget, plan_loading


def new_parameters(
    build: Callable[[Weights], Model], *, seed: int = 0, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> Parameters:
    """Parameters before any training, of the model that `build` makes: `partial(NemotronH, config, mtp=True)`."""
    return Parameters(build, InitialWeights(take_inventory(build)[1], seed=seed, device=device), dtype=dtype)


def load_parameters(
    checkpoint: Checkpoint,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    trained: Callable[[str], bool] = lambda name: True,
    wrap: Wrap | None = None,
    mtp: bool = False,
) -> Parameters:
    """A checkpoint's weights, of which the names that `trained` holds are parameters.

    What is trained is read in fp32, from stored blocks too; the rest stays as `load_model` would keep it. See
    `Parameters` for `dtype`, `trained` and `wrap`; `mtp`: with the draft head, where there is one.

    Raises: as `weights.load.load_model`.
    """
    check_device(device)
    plan = plan_loading(checkpoint)
    for problem in plan.problems():
        raise problem.error()
    build = plan.builder(mtp=mtp)
    inventory = take_inventory(build)[1]

    def source(numbers: torch.dtype, budget: int) -> CheckpointWeights:
        return CheckpointWeights(
            checkpoint,
            plan.finder,
            inventory,
            device=device,
            dtype=numbers,
            decode_budget=budget,
            simulate=False,
            progress=None,
        )

    kept = source(dtype, default_decode_budget(plan, device))
    return Parameters(build, _Split(source(torch.float32, 0), kept, trained), dtype=dtype, trained=trained, wrap=wrap)


class _Split:
    """Two forms of one checkpoint: `exact` of what is trained, `kept` of the rest; a `models.base.Weights`."""

    def __init__(self, exact: Weights, kept: Weights, trained: Callable[[str], bool]) -> None:
        self.exact, self.kept, self.trained = exact, kept, trained
        self.device, self.dtype = kept.device, kept.dtype

    @property
    def bytes(self) -> int:
        return self.exact.bytes + self.kept.bytes

    def matrix(self, name: str, rows: int, columns: int) -> Weight:
        return self._of(name).matrix(name, rows, columns)

    def fused(self, parts: Sequence[tuple[str, int]], columns: int) -> Weight:
        return JoinedRows([self.matrix(name, rows, columns) for name, rows in parts])

    def experts(self, name: str, count: int, rows: int, columns: int) -> Sequence[Weight]:
        return self._of(name).experts(name, count, rows, columns)

    def tensor(self, name: str, *shape: int) -> Tensor:
        return self._of(name).tensor(name, *shape)

    def kv_scales(self, name: str) -> tuple[float, float] | None:
        return None

    def _of(self, name: str) -> Weights:
        return self.exact if self.trained(name) else self.kept
