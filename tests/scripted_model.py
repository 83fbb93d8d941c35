"""A model that says what a test wants, through the real engine, and a checkpoint for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fake_model import FakeConfig
from nemora.backends.local_model import LocalModel
from nemora.core import ChatRequest, Delta, StopReason
from nemora.models.state import KVShape, State
from nemora.ops.kv_format import KVCache
from nemora.weights.checkpoint import Checkpoint


class ScriptedModel:
    """After a prompt of `start` tokens it says `script`, and `end` ever after."""

    bytes = 0
    device = torch.device("cpu")

    def __init__(self, *, vocabulary: int, end: int, context: int = 8192) -> None:
        self.config = FakeConfig(vocab_size=vocabulary, context_length=context)
        self.script: Sequence[int] = ()
        self.start = 0
        self._end = end

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
        state.require_room(ids.shape[0], ids.shape[1])
        state.append(0, ids[:, None, :, None].float(), ids[:, None, :, None].float())
        first = state.length
        state.advance(ids.shape[1])
        logits = torch.zeros(ids.shape[1], self.config.vocab_size)
        for row in range(ids.shape[1]):
            said = first + row + 1 - self.start
            logits[row, self.script[said] if 0 <= said < len(self.script) else self._end] = 1.0
        return logits[None, -1:] if last_only else logits[None]


def scripted(name: str, tokenizer_keys: Mapping[str, Any], *, template: str | None = None) -> LocalModel:
    """A local model called `name`. Without `template` it has the family's, if it has one."""
    end = int(tokenizer_keys["tokenizer.ggml.eos_token_id"])
    model = ScriptedModel(vocabulary=len(tokenizer_keys["tokenizer.ggml.tokens"]), end=end)
    checkpoint = Checkpoint(
        path=Path(f"{name}.gguf"),
        kind="gguf",
        architecture="nemotron_h",
        metadata={},
        file=None,  # type: ignore[arg-type]
        tokenizer_metadata=tokenizer_keys,
        chat_template=template,
    )
    return LocalModel(name, model, checkpoint)  # type: ignore[arg-type]


def answered(local: LocalModel, request: ChatRequest, says: Sequence[int]) -> Iterator[Delta]:
    """The deltas of an answer in which the model says the tokens `says`."""
    model = local._model
    assert isinstance(model, ScriptedModel)
    prepared = local.prepare(request)
    model.start, model.script = len(prepared.ids), says
    for tokens in local.engine.submit(prepared.ids, prepared.params):
        yield from prepared.reader.feed(tokens.ids)
        if prepared.reader.done or tokens.finish is not None:
            yield from prepared.reader.finish(tokens.finish or StopReason.STOP)
            return
