"""How fast models of published shapes read and write, and how near that comes to what the device can do.

Weights are random and stay as they are stored: formats other than BF16 are decoded anew in each product, which is what
the loader does without memory for decoded copies. With it, their speed is that of BF16.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from gpu_device import Device
from gpu_report import Report
from gpu_shapes import Shapes, builder, read_config
from nemora.engine.engine import PREFILL_CHUNK
from nemora.models.attention import AttentionSpec
from nemora.models.base import Model
from nemora.models.inventory import Inventory, take_inventory
from nemora.models.moe import MoESpec
from nemora.models.nemotron_h_config import NemotronHConfig
from nemora.models.state import State
from nemora.weights.random_weights import RandomWeights, stored_bytes

SECONDS = 3.0  # of repetitions of one measurement
REPEATS = 5
BESIDE = 5 << 30  # bytes that a forward pass of these sizes may take beside weights and cache


def measure_speed(report: Report, device: Device, shapes: Shapes, *, quick: bool) -> None:
    """Every model and format that fits; `quick` measures the first only."""
    for name, format in shapes.speed[:1] if quick else shapes.speed:
        if not report.has_time(f"speed of {name} in {format}"):
            continue
        work = Work.of(shapes.configs[name], format)
        needed = work.stored + BESIDE
        if device.kind != "cpu" and device.free() < needed:
            report.leave_out(f"speed of {name} in {format} (needs {needed / 1e9:.0f} GB)")
            continue
        report.attempt("speed", f"{name} in {format}", partial(_fitting, report, device, shapes, name, format, work))
        device.give_back()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a model must read and multiply at least. Bytes are those of the stored weights.

    `attention` is the operations for one pair of positions in all layers; the recurrence's are not counted.
    """

    stored: int
    dense: int
    experts: int
    expert_count: int
    top_k: int
    dense_parameters: int
    head_parameters: int
    expert_parameters: int
    attention: int

    @classmethod
    def of(cls, config: Mapping[str, Any], format: str) -> Work:
        """From the model's list of tensors."""
        read, inventory = read_config(config), take_inventory(builder(config))[1]
        sizes = stored_bytes(inventory, format)
        layers = read.layers if isinstance(read, NemotronHConfig) else (read.attention,) * read.layers
        mixtures = [spec for spec in layers if isinstance(spec, MoESpec)]
        queries = [spec.heads * spec.head_dim for spec in layers if isinstance(spec, AttentionSpec)]
        experts = sum(sizes[name] for name in inventory.experts)
        head = inventory.matrices["head"]
        return cls(
            stored=sum(sizes.values()),
            dense=sum(sizes.values()) - experts - sizes["embedding"],
            experts=experts,
            expert_count=mixtures[0].experts if mixtures else 1,
            top_k=mixtures[0].top_k if mixtures else 1,
            dense_parameters=_numbers(inventory) - 2 * head[0] * head[1],
            head_parameters=head[0] * head[1],
            expert_parameters=sum(count * rows * columns for count, rows, columns in inventory.experts.values()),
            attention=4 * sum(queries),
        )

    def bytes_of_step(self, state: State) -> float:
        """Read and written for one token of each sequence, if experts are chosen evenly."""
        unchosen = (1 - self.top_k / self.expert_count) ** state.batch
        cache = state.batch * (state.length * state.bytes_per_position + 2 * state.bytes_per_sequence)
        return self.dense + self.experts * (1 - unchosen) + cache

    def operations_of_prompt(self, length: int) -> float:
        """Multiplications and additions for a prompt of which only the last token's logits are wanted."""
        active = self.dense_parameters + self.expert_parameters * self.top_k / self.expert_count
        return 2 * active * length + 2 * self.head_parameters + self.attention * length**2 / 2


def _numbers(inventory: Inventory) -> int:
    return sum(rows * columns for rows, columns in inventory.matrices.values())


def _fitting(report: Report, device: Device, shapes: Shapes, name: str, format: str, work: Work) -> None:
    """A measurement that does not fit a small device is no failure."""
    try:
        _case(report, device, shapes, name, format, work)
    except torch.OutOfMemoryError:
        report.leave_out(f"the rest of {name} in {format} (out of memory)")


def _case(report: Report, device: Device, shapes: Shapes, name: str, format: str, work: Work) -> None:
    bandwidth, rate = device.bandwidth(shapes.copy_megabytes), device.matrix_rate(shapes.matrix_size)
    about = {"model": name, "format": format}
    report.measure(
        f"speed    {name} in {format}, {work.stored / 1e9:.2f} GB; "
        f"now: copies {bandwidth / 1e9:.0f} GB/s, bf16 products {rate / 1e12:.1f} TFLOP/s",
        **about,
        stored_bytes=work.stored,
        bandwidth=bandwidth,
        matrix_rate=rate,
    )
    model = builder(shapes.configs[name])(RandomWeights(format, device=device.torch, dtype=torch.bfloat16))
    for length in shapes.prompts:
        for chunk in {length: 0, PREFILL_CHUNK: 0} if length == shapes.prompts[-1] else {length: 0}:
            if report.has_time(f"{name} in {format}, prompts of {length} by {chunk}"):
                seconds = _prompt_seconds(device, model, length, chunk)
                share = work.operations_of_prompt(length) / seconds / rate
                report.measure(
                    _line(f"prompt of {length} by {chunk}", length / seconds, share, "bf16 products"),
                    **about,
                    prompt=length,
                    chunk=chunk,
                    tokens_per_second=length / seconds,
                    share_of_matrix_rate=share,
                )
    for batch in shapes.batches:
        for context in shapes.contexts:
            if report.has_time(f"{name} in {format}, batches of {batch} after {context}"):
                seconds, needed = _step_seconds(device, model, work, batch, context, shapes.steps)
                share = needed / seconds / bandwidth
                report.measure(
                    _line(f"batch of {batch} after {context}", batch / seconds, share, "copies"),
                    **about,
                    batch=batch,
                    context=context,
                    tokens_per_second=batch / seconds,
                    share_of_bandwidth=share,
                )


def _line(what: str, tokens: float, share: float, of: str) -> str:
    return f"speed      {what:<32} {tokens:>10.1f} tokens/s  {100 * share:>5.1f} % of {of}"


def _prompt_seconds(device: Device, model: Model, length: int, chunk: int) -> float:
    ids = torch.randint(0, model.config.vocab_size, (1, length), device=device.torch)
    state = model.new_state(length)
    empty = state.snapshot()

    def read() -> None:
        for piece in ids.split(chunk, dim=1):
            model.forward(piece, state, last_only=True)

    return device.seconds(read, before=lambda: state.restore(empty), most=SECONDS, repeats=REPEATS)


def _step_seconds(
    device: Device, model: Model, work: Work, batch: int, context: int, steps: int
) -> tuple[float, float]:
    """Of one greedy token for each sequence, after `context` positions that were never read but are there."""
    state = model.new_state(context + steps, batch=batch)
    for tensor in (*state.keys, *state.values):
        tensor.normal_()
    state.length = context
    begin, needed = state.snapshot(), work.bytes_of_step(state)
    first = torch.randint(0, model.config.vocab_size, (batch, 1), device=device.torch)

    def write() -> None:
        ids = first
        for _ in range(steps):
            ids = model.forward(ids, state, last_only=True).argmax(dim=-1)

    return device.seconds(write, before=lambda: state.restore(begin), most=SECONDS, repeats=REPEATS) / steps, needed
