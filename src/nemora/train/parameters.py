"""A model's weights as parameters that can be trained; the models of `models/` take them like any others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from nemora.models.base import Model, Weights
from nemora.models.inventory import take_inventory
from nemora.ops.weight import JoinedRows, Weight

T = TypeVar("T")
Wrap = Callable[[str, Weight], Weight]
ROWS = 128
NEVER_TRAINED = "router_bias"  # moved by `balance.py`, not by gradients


class Branch(nn.Module):
    """Parameters and buffers by dotted names, as a tree of modules."""

    def place(self, name: str, thing: Tensor | nn.Module) -> Branch:
        """Put a parameter, buffer or module under `name`; gives the branch on which it is."""
        path, _, leaf = name.rpartition(".")
        branch = self.at(path)
        if isinstance(thing, nn.Parameter):
            branch.register_parameter(leaf, thing)
        elif isinstance(thing, nn.Module):
            branch.add_module(leaf, thing)
        else:
            branch.register_buffer(leaf, thing)
        return branch

    def at(self, path: str) -> Branch:
        """The branch of that name, made if it is not there."""
        branch = self
        for part in path.split(".") if path else ():
            if part not in branch._modules:
                branch.add_module(part, Branch())
            child = branch._modules[part]
            assert isinstance(child, Branch)
            branch = child
        return branch

    def forward(self, run: Callable[..., T], *args: Any) -> T:
        """Run what uses the parameters of this branch: sharding gathers them before, and lets go of them after."""
        return run(*args)


class ParameterWeight:
    """A trained matrix, looked up where it is used: sharding puts another tensor in its place.

    It is kept in fp32 and multiplies in the dtype of activations.
    """

    def __init__(self, branch: Branch, leaf: str, dtype: torch.dtype) -> None:
        self.branch, self.leaf, self.dtype = branch, leaf, dtype

    @property
    def parameter(self) -> Tensor:
        tensor = getattr(self.branch, self.leaf)
        assert isinstance(tensor, Tensor)
        return tensor

    @property
    def shape(self) -> tuple[int, int]:
        return self.parameter.shape[0], self.parameter.shape[1]

    @property
    def bytes(self) -> int:
        return self.parameter.nbytes

    def matmul(self, x: Tensor) -> Tensor:
        return F.linear(x, self.parameter.to(x.dtype))

    def rows(self, ids: Tensor) -> Tensor:
        return F.embedding(ids, self.parameter).to(self.dtype)


class ExpertStack:
    """The trained experts of one name: a parameter [count, rows, columns], taken apart once in each forward pass.

    Taken apart expert by expert, each one's gradient would be as large as the whole stack.
    """

    def __init__(self, branch: Branch, leaf: str) -> None:
        self.branch, self.leaf = branch, leaf
        self.parts: tuple[Tensor, ...] | None = None

    def part(self, number: int) -> Tensor:
        """Expert `number`'s matrix."""
        if self.parts is None:
            self.parts = getattr(self.branch, self.leaf).unbind(0)
        return self.parts[number]


class ExpertWeight:
    """One trained expert's matrix."""

    def __init__(self, stack: ExpertStack, number: int, shape: tuple[int, int]) -> None:
        self.stack, self.number, self.shape = stack, number, shape

    @property
    def bytes(self) -> int:
        return 4 * self.shape[0] * self.shape[1]

    def matmul(self, x: Tensor) -> Tensor:
        """Rows are filled up to a multiple of ROWS: a library that makes a kernel for each shape makes few of them."""
        filled = F.pad(x, (0, 0, 0, -x.shape[0] % ROWS))
        return F.linear(filled, self.stack.part(self.number).to(x.dtype))[: x.shape[0]]

    def rows(self, ids: Tensor) -> Tensor:
        return F.embedding(ids, self.stack.part(self.number))


class Parameters(nn.Module):
    """What a model asks for, as parameters; a `models.base.Weights` for as many models as are built of it.

    A model is built anew for each forward pass, which costs next to nothing: so whatever a pass derives from parameters
    (Mamba-2's a = -exp(a_log)) is in that pass's graph. Trained numbers are kept in fp32. What is not trained stays in
    the form in which `source` has it, stored blocks included; its `matmul` gives gradients of its input.

    Args:
        build: makes the model of weights: `partial(NemotronH, config, mtp=True)`, `LoadPlan.builder`.
        source: where the numbers come from: `InitialWeights`, or a checkpoint's.
        dtype: of activations. What is not trained must be made for it.
        trained: tells by its name what is trained; all, by default.
        wrap: called once for each matrix with its name (an expert's is "NAME.NUMBER") and its weight; what it returns
            is used instead. If that is an `nn.Module`, its parameters are trained too, under "adapters.NAME.".
    """

    def __init__(
        self,
        build: Callable[[Weights], Model],
        source: Weights,
        *,
        dtype: torch.dtype = torch.float32,
        trained: Callable[[str], bool] = lambda name: True,
        wrap: Wrap | None = None,
    ) -> None:
        super().__init__()
        self.build, self.device, self.dtype = build, source.device, dtype
        self.inventory = take_inventory(build)[1]
        self.matrices, self.tensors, self.adapters = Branch(), Branch(), Branch()
        self._frozen: dict[str, Sequence[Weight]] = {}
        self._stacks: dict[str, ExpertStack] = {}
        self._weights = {
            name: self._wrapped(name, self._matrix(name, source.matrix(name, *shape), trained(name)), wrap)
            for name, shape in self.inventory.matrices.items()
        }
        self._experts: dict[str, list[Weight]] = {}
        for name, shape in self.inventory.experts.items():
            experts = self._stacked(name, source.experts(name, *shape), trained(name))
            self._experts[name] = [self._wrapped(f"{name}.{e}", expert, wrap) for e, expert in enumerate(experts)]
        for name, size in self.inventory.tensors.items():
            self._keep(name, source.tensor(name, *size).to(torch.float32), trained(name))
        frozen = [weight.bytes for weights in self._frozen.values() for weight in weights]
        self.bytes = sum(frozen) + sum(tensor.nbytes for tensor in (*self.parameters(), *self.buffers()))

    def model(self) -> Model:
        """A model that computes with the parameters as they are now. For one pass only."""
        return self.build(self)

    def matrix(self, name: str, rows: int, columns: int) -> Weight:
        return self._weights[name]

    def fused(self, parts: Sequence[tuple[str, int]], columns: int) -> Weight:
        return JoinedRows([self._weights[name] for name, _ in parts])

    def experts(self, name: str, count: int, rows: int, columns: int) -> Sequence[Weight]:
        if name in self._stacks:
            self._stacks[name].parts = None
        return self._experts[name]

    def tensor(self, name: str, *shape: int) -> Tensor:
        path, _, leaf = name.rpartition(".")
        branch = self.tensors.at(path)
        log = getattr(branch, f"{leaf}_log", None)
        tensor = getattr(branch, leaf) if log is None else -torch.exp(log)
        assert isinstance(tensor, Tensor)
        return tensor

    def kv_scales(self, name: str) -> tuple[float, float] | None:
        return None

    def named(self) -> Iterator[tuple[str, nn.Parameter]]:
        """All that is trained, by the model's own names: "layers.0.mamba.a_log" for "a", else as it asks for them."""
        for name, parameter in self.named_parameters():
            yield own_name(name), parameter

    def numbers(self, name: str) -> Tensor:
        """The numbers under a name of `inventory` as they are now: [rows, columns], [count, rows, columns] or small.

        Without what adapters add, detached, in full where they are sharded (then all processes must ask). In fp32 if
        trained.
        """
        with torch.no_grad():
            if name in self.inventory.tensors:
                return whole(self.tensor(name))
            if name in self._frozen:
                numbers = torch.stack([dense(weight, self.device) for weight in self._frozen[name]])
                return numbers if name in self.inventory.experts else numbers[0]
            path, _, leaf = name.rpartition(".")
            return whole(getattr(self.matrices.at(path), leaf))

    def _matrix(self, name: str, weight: Weight, trained: bool) -> Weight:
        if not trained:
            self._frozen[name] = [weight]
            return weight
        branch = self.matrices.place(name, nn.Parameter(dense(weight, self.device)))
        return ParameterWeight(branch, name.rpartition(".")[2], self.dtype)

    def _stacked(self, name: str, experts: Sequence[Weight], trained: bool) -> Sequence[Weight]:
        if not trained:
            self._frozen[name] = experts
            return experts
        branch = self.matrices.place(
            name, nn.Parameter(torch.stack([dense(expert, self.device) for expert in experts]))
        )
        stack = self._stacks[name] = ExpertStack(branch, name.rpartition(".")[2])
        return [ExpertWeight(stack, number, expert.shape) for number, expert in enumerate(experts)]

    def _keep(self, name: str, tensor: Tensor, trained: bool) -> None:
        """A small tensor. `a` is kept as the logarithm of its size: it is to stay below zero."""
        if not trained or name.endswith(NEVER_TRAINED):
            self.tensors.place(name, tensor.clone())
        elif is_decay(name):
            self.tensors.place(f"{name}_log", nn.Parameter(torch.log(-tensor)))
        else:
            self.tensors.place(name, nn.Parameter(tensor.clone()))

    def _wrapped(self, name: str, weight: Weight, wrap: Wrap | None) -> Weight:
        if wrap is None:
            return weight
        wrapped = wrap(name, weight)
        if isinstance(wrapped, nn.Module):
            self.adapters.place(name, wrapped)
        return wrapped


def is_decay(name: str) -> bool:
    """Whether it is a Mamba-2 layer's `a`."""
    return name.rpartition(".")[2] == "a"


def own_name(name: str) -> str:
    """The model's own name for a parameter or buffer that `Parameters` has under `name`."""
    kind, _, rest = name.partition(".")
    return rest if kind in ("matrices", "tensors") else name


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor that may be sharded, detached."""
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach()


def dense(weight: Weight, device: torch.device) -> Tensor:
    """All rows of a matrix, whatever form it has, in fp32; a copy."""
    with torch.no_grad():
        rows = weight.rows(torch.arange(weight.shape[0], device=device))
    return rows.float().clone()
