"""A model as training uses it: one pass over whole rows, with gradients, and what heads and losses need of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nemora.models.base import Model
from nemora.models.moe import MoE
from nemora.models.nemotron_h import NemotronH
from nemora.ops.texts import Texts
from nemora.train.packed_state import PackedState
from nemora.train.parameters import Branch, Parameters

T = TypeVar("T")


class Pass:
    """One forward pass through the parameters as they are now; see `Trainable`.

    `chosen` are, after `hidden`, the experts that each mixture chose, by its name ("layers.3.moe"): [tokens, top_k].
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.chosen: dict[str, Tensor] = {}
        self.mixtures = {mixture.name: mixture for mixture in mixtures(model)}
        for mixture in self.mixtures.values():
            mixture.watch = self.chosen.__setitem__

    def hidden(self, ids: Tensor, texts: Texts | None = None) -> Tensor:
        """Read rows of `ids` [batch, seq] from the beginning: [batch, seq, hidden], after the last norm.

        With `texts` each text of a row is read as if it stood alone.
        """
        return self.model.read(ids, self._state(ids, texts))

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., seq, hidden], from `hidden` or `draft`, to fp32 [..., seq, vocab]: of the next token, or that after."""
        return self.model.logits(hidden)

    def draft(self, ids: Tensor, hidden: Tensor, texts: Texts | None = None) -> Tensor:
        """What the MTP head makes of the same rows and their `hidden`: [batch, seq - 1, hidden].

        Number t, which has seen the tokens up to t + 1, is for the logits of t + 2.
        """
        if not isinstance(self.model, NemotronH) or self.model.mtp is None:
            raise ValueError("this model has no multi-token prediction head, or it was not loaded")
        state = PackedState(self.model.new_draft_state(0, batch=ids.shape[0]), texts and texts.first(ids.shape[1] - 1))
        return self.model.draft(ids[:, 1:], hidden[:, :-1], state)

    def _state(self, ids: Tensor, texts: Texts | None) -> PackedState:
        return PackedState(self.model.new_state(0, batch=ids.shape[0]), texts)


class Trainable(nn.Module):
    """A model over `Parameters`.

    `open` gives a pass, for the parameters as they are. Where several processes share the parameters
    (`shard.shard_parameters`), whatever uses a pass must run inside of `forward`, which is given it as a function:
    `loss = trainable(lambda p: loss_of(p, batch))`. It works alike in one process. What it returns must be a tensor, or
    a tuple or dict of tensors.

    Args:
        recompute: keep only what goes into each layer, and compute the rest again for the gradient: activation
            checkpointing (Chen et al. 2016, arXiv:1604.06174).
    """

    def __init__(self, weights: Parameters, *, recompute: bool = False) -> None:
        super().__init__()
        self.weights, self.recompute = weights, recompute

    def forward(self, run: Callable[[Pass], T]) -> T:
        return run(self.open())

    def open(self) -> Pass:
        """A pass. Make another after each step of the optimiser, and for each batch."""
        model = self.weights.model()
        opened = Pass(model)
        layers: list[Any] = getattr(model, "layers", [])
        layers[:] = [self._guarded(layer, index) for index, layer in enumerate(layers)]
        return opened

    def _guarded(self, layer: Any, index: int) -> _Guarded:
        return _Guarded(layer, self.weights.matrices.at(f"layers.{index}"), self.recompute and torch.is_grad_enabled())


class _Guarded:
    """A layer that is run by the branch of its parameters, and again for the gradient if `recompute`."""

    def __init__(self, layer: Any, branch: Branch, recompute: bool) -> None:
        self.layer, self.branch = layer, branch
        self.run: Callable[..., Tensor] = layer.forward
        if recompute:
            # The second time the same inputs are dropped: the random state is put back.
            self.run = partial(checkpoint, layer.forward, use_reentrant=False, preserve_rng_state=True)

    def forward(self, *args: Any) -> Tensor:
        output = self.branch(self.run, *args)
        assert isinstance(output, Tensor)
        return output


def mixtures(model: Model) -> Iterator[MoE]:
    """The mixtures of experts of a model, the draft head's last."""
    if isinstance(model, NemotronH):
        for layer in model.layers:
            if isinstance(layer.mixer, MoE):
                yield layer.mixer
        if model.mtp is not None:
            yield model.mtp.moe
