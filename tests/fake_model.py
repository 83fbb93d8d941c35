"""A tiny model: its logits are a fixed function of all ids read so far, so any mix-up of states shows."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import torch
from torch import Tensor

from nemora.models.state import KVShape, State
from nemora.ops.kv_format import KVCache

VOCAB = 31


@dataclass(frozen=True)
class FakeConfig:
    vocab_size: int = VOCAB
    context_length: int = 64
    widest: int = 8


class FakeModel:
    """Keeps a running sum over ids in the state's keys. `fail_on` makes a forward pass with that id raise.

    Models of different `salt` say different things.
    """

    bytes = 0
    device = torch.device("cpu")

    def __init__(self, *, fail_on: int | None = None, salt: int = 0, context: int = 64) -> None:
        self.config = FakeConfig(context_length=context)
        self.salt = salt
        self.fail_on = fail_on
        self.passes: list[tuple[int, ...]] = []
        self.gate: threading.Semaphore | None = None
        self.entered = threading.Semaphore(0)

    def new_state(
        self,
        capacity: int,
        *,
        batch: int = 1,
        ssm_dtype: torch.dtype = torch.float32,
        kv_cache: KVCache = "auto",
    ) -> State:
        return State(kv=[KVShape(1, 1)], batch=batch, capacity=capacity, kv_cache=kv_cache)

    def forward(self, ids: Tensor, state: State, *, last_only: bool = False) -> Tensor:
        self.entered.release()
        if self.gate is not None:
            self.gate.acquire()
        state.require_room(ids.shape[0], ids.shape[1])
        self.passes.append(tuple(ids[0].tolist()))
        if self.fail_on is not None and self.fail_on in ids:
            raise RuntimeError("boom with content")
        keys, _ = state.append(0, ids[:, None, :, None].float(), ids[:, None, :, None].float())
        state.advance(ids.shape[1])
        everything = keys[0, 0, :, 0]
        logits = torch.stack(
            [_logits(everything[: state.length - back], self.salt) for back in range(ids.shape[1])][::-1]
        )
        return logits[None, -1:] if last_only else logits[None]


def _logits(read: Tensor, salt: int = 0) -> Tensor:
    positions = torch.arange(1, len(read) + 1)
    phase = ((read * positions).sum() + salt) % 97
    return torch.sin(torch.arange(VOCAB) * (phase + 1) * 0.37) * 3


def solo(ids: list[int], count: int, salt: int = 0) -> list[int]:
    """The greedy continuation, computed anew at each token."""
    ids, new = list(ids), []
    for _ in range(count):
        new.append(int(_logits(torch.tensor(ids).float(), salt).argmax()))
        ids.append(new[-1])
    return new
