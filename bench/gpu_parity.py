"""Whether the device computes what the CPU computes, from the same bytes; and whether it agrees with itself.

TF32 is off for all of it, so fp32 means fp32: `gpu_check` sees to that.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from gpu_device import Device
from gpu_files import write_llama
from gpu_report import Report
from gpu_shapes import builder
from nemora.engine.engine import Engine
from nemora.engine.request import GenerationParams
from nemora.engine.sampler import sample
from nemora.models import moe
from nemora.models.base import Model
from nemora.models.llama import Llama
from nemora.models.nemotron_h import NemotronH
from nemora.models.state import MambaShape, State
from nemora.ops import kernels, reference_mamba2
from nemora.ops.blocks import FORMATS, FP8_E4M3, MODELOPT_NVFP4, BlockFormat, StoredMatrix
from nemora.ops.quantise import QUANTISERS
from nemora.ops.weight import BlockWeight
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from nemora.weights.random_weights import RANDOM_FORMATS, RandomWeights

SECTION = "parity"
EXACT = 0.0
AS_GOOD = 27.0  # bytes of three blocks, for which two ways of writing them have the same error but for its last bit
FP32 = 1e-4  # largest difference of logits, over the largest logit
FP32_PRODUCT = 1e-5  # root mean square of a matrix product's error, over that of its numbers
BF16_PRODUCT = 1e-2  # the same: weights and result have 8 bits each
# KL(exact ‖ rounded) in nats, over positions. CPUs have medians around 1e-4. Rounding makes a router choose another
# expert at some positions, and these lift the mean.
MEDIAN_DIVERGENCE = 1e-3
MEAN_DIVERGENCE = 3e-2
PIECES = (5, 128, 1, 16)  # how a text is cut: shorter and longer than what is remembered, one token, and a rest
LENGTH = sum(PIECES)
STEPS = 20  # tokens that are read one by one
CLEAR_CHOICE = 2e-5  # a router's scores are nearer to each other by chance, and then rounding chooses
TRIES = 8
DEFAULT_CONVOLUTION = 2e-3  # with torch's own settings, under which a library may take 10 bits (TF32)


def check_parity(report: Report, device: Device, models: Mapping[str, dict[str, Any]], *, quick: bool) -> None:
    """Every comparison, each by itself."""
    attempt = partial(report.attempt, SECTION)
    for format in (*FORMATS.values(), FP8_E4M3, MODELOPT_NVFP4):
        attempt(f"{format.name} is decoded", partial(_decoding, report, device, format))
    attempt("matrices are quantised", partial(_quantising, report, device))
    attempt("the convolution", partial(_convolution, report, device))
    attempt("rounding of states", partial(_rounding, report, device))
    for name, config in models.items():
        for format_name in ("BF16", "NVFP4") if quick else RANDOM_FORMATS:
            attempt(f"{name} in {format_name}", partial(_logits, report, device, name, config, format_name))
        attempt(f"{name} in pieces", partial(_pieces, report, device, name, config))
        for ssm_dtype in (torch.float32, torch.float16):
            attempt(f"{name}'s states", partial(_states, report, device, name, config, ssm_dtype))
        attempt(f"{name} in the engine", partial(_engine, report, device, name, config))
    attempt("a file is loaded", partial(_loading, report, device, models["llama"]))
    attempt("an id outside the vocabulary", partial(_wrong_id, report, device, models["llama"]))


def model_of(
    config: Mapping[str, Any], format: str, device: Device, dtype: torch.dtype = torch.float32
) -> NemotronH | Llama:
    """A model of random weights that are the same on every device, drawn on the CPU."""
    return builder(config)(RandomWeights(format, device=device.torch, dtype=dtype, drawn_on="cpu"))


def text_of(config: Mapping[str, Any], length: int = LENGTH, batch: int = 2, seed: int = 0) -> Tensor:
    """Random ids [batch, length], on the CPU."""
    return torch.randint(0, config["vocab_size"], (batch, length), generator=torch.Generator().manual_seed(seed))


def clear_text(model: NemotronH | Llama, config: Mapping[str, Any]) -> Tensor:
    """Ids for which no router has to decide between experts that are as good as equal.

    Otherwise a last bit of rounding, which devices may differ in, would change all that follows.
    """
    clearest, widest = text_of(config), -1.0
    for seed in range(TRIES):
        text = text_of(config, seed=seed)
        gap = _narrowest_choice(model, text)
        if gap > widest:
            clearest, widest = text, gap
        if gap >= CLEAR_CHOICE:
            break
    return clearest


def _narrowest_choice(model: NemotronH | Llama, text: Tensor) -> float:
    """The smallest distance, over all tokens and routers, between the last expert chosen and the first that is not."""
    gaps = [math.inf]

    def noting(x: Tensor, gate: Tensor, bias: Tensor, *, top_k: int, **settings: Any) -> tuple[Tensor, Tensor]:
        best = (torch.sigmoid(x.float() @ gate.T) + bias).topk(top_k + 1).values
        gaps.append(float((best[:, -2] - best[:, -1]).amin()))
        return kernels.route(x, gate, bias, top_k=top_k, **settings)

    with mock.patch.object(moe, "kernels", SimpleNamespace(**vars(kernels) | {"route": noting})):
        read(model, text)
        if isinstance(model, NemotronH) and model.mtp is not None:
            _drafted(model, text)
    return min(gaps)


def read(model: Model, text: Tensor, state: State | None = None) -> Tensor:
    """All logits of a text, on the CPU."""
    state = state or model.new_state(text.shape[1], batch=text.shape[0])
    return model.forward(text, state).cpu()


def difference(found: Tensor, expected: Tensor) -> float:
    """The largest, over the largest number that was expected; NaN if either has any."""
    return float((found - expected).abs().amax() / expected.abs().amax())


def _diverge(report: Report, name: str, rounded: Tensor, exact: Tensor, wrong: str) -> None:
    """Check median and mean over positions of KL(exact ‖ rounded), which rounding may put a little below 0."""
    p, q = exact.log_softmax(-1), rounded.log_softmax(-1)
    nats = (p.exp() * (p - q)).sum(-1).abs().flatten()
    report.check(SECTION, f"{name}, median nats", float(nats.median()), MEDIAN_DIVERGENCE, wrong)
    report.check(SECTION, f"{name}, mean nats", float(nats.mean()), MEAN_DIVERGENCE, wrong)


def _unequal(found: Tensor, expected: Tensor) -> float:
    """How many numbers differ. NaN equals NaN."""
    found = found.cpu()
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return float("inf")
    same = found == expected
    if expected.is_floating_point():
        same |= found.isnan() & expected.isnan()
    return float((~same).sum())


def _decoding(report: Report, device: Device, format: BlockFormat) -> None:
    """Any bytes: also scales that are infinite or no numbers. Then a product, of bytes that mean something."""
    generator = torch.Generator().manual_seed(0)
    data = torch.randint(0, 256, (64, format.row_bytes(1024)), generator=generator, dtype=torch.uint8)
    scales = None
    if format.scale_bytes:
        scales = torch.randint(0, 256, (64, format.blocks(1024)), generator=generator, dtype=torch.uint8)
    stored = StoredMatrix(format, data, scales, 0.375)
    wrong = "numbers differ from those that the CPU decodes; matrices of this format cannot be trusted on the device"
    count = _unequal(stored.to(device.torch).decode(), stored.decode())
    report.check(SECTION, f"{format.name} is decoded, numbers that differ", count, EXACT, wrong)
    for name, (random_format, draw) in RANDOM_FORMATS.items():
        if random_format is format:
            _product(report, device, name, draw(192, 1024, 1024**-0.5, generator), generator)


def _product(report: Report, device: Device, name: str, stored: StoredMatrix, generator: torch.Generator) -> None:
    """A product and a look-up of rows, in fp32 and bf16, against the product in fp64."""
    x, ids = torch.randn(33, 1024, generator=generator).bfloat16(), torch.tensor([[5, 0], [191, 5]])
    expected = x.double() @ stored.decode().double().T
    for dtype, bound in ((torch.float32, FP32_PRODUCT), (torch.bfloat16, BF16_PRODUCT)):
        weight = BlockWeight([stored.to(device.torch)], dtype)
        found = weight.matmul(x.to(device.torch, dtype)).cpu().double()
        error = float((found - expected).square().mean().sqrt() / expected.square().mean().sqrt())
        wrong = "a product with such a matrix differs from the CPU's by more than rounding"
        report.check(SECTION, f"{name} matmul in {str(dtype).removeprefix('torch.')}", error, bound, wrong)
        rows = _unequal(weight.rows(ids.to(device.torch)), stored.decode(dtype)[ids])
        report.check(SECTION, f"{name} rows, numbers that differ", rows, EXACT, "an embedding is looked up wrongly")


def _quantising(report: Report, device: Device) -> None:
    x = torch.randn(64, 1024, generator=torch.Generator().manual_seed(1)) * 0.02
    for name, quantise in QUANTISERS.items():
        expected, found = quantise(x), quantise(x.to(device.torch))
        count = _unequal(found.data, expected.data) + (found.scale != expected.scale)
        if expected.scales is not None and found.scales is not None:
            count += _unequal(found.scales, expected.scales)
        wrong = "the device writes other bytes than the CPU; quantise on the CPU until this is found"
        bound = AS_GOOD if name == "nvfp4_four_over_six" else EXACT
        report.check(SECTION, f"{name} is written, bytes that differ", count, bound, wrong)


def _convolution(report: Report, device: Device) -> None:
    """In fp32 with TF32 off, and with what torch does by itself."""
    generator = torch.Generator().manual_seed(2)
    x, weight = torch.randn(2, 50, 640, generator=generator), torch.randn(640, 4, generator=generator)
    bias, before = torch.randn(640, generator=generator), torch.randn(2, 640, 3, generator=generator)
    inputs = (x, weight, bias, before)
    expected = reference_mamba2.causal_conv(*inputs)[0]
    on = device.torch
    on_device = (x.to(on), weight.to(on), bias.to(on), before.to(on))
    wrong = "the Mamba-2 convolution differs from the readable one on the CPU"
    found = kernels.causal_conv(*on_device)[0].cpu()
    report.check(SECTION, "convolution", difference(found, expected), FP32, wrong)
    set_by_us = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = True
    found = kernels.causal_conv(*on_device)[0].cpu()
    torch.backends.cudnn.allow_tf32 = set_by_us
    report.check(SECTION, "convolution, torch's own settings", difference(found, expected), DEFAULT_CONVOLUTION, wrong)


def _rounding(report: Report, device: Device) -> None:
    """A state in fp16, written to many times: the mean error, in standard deviations of what chance allows.

    Rounding to nearest would always err alike, which is infinitely many of them.
    """
    shape = MambaShape(channels=8, inputs=3, heads=8, head_dim=64, state_size=128)
    for size in (1.0, 3e-6):  # below 6e-5 fp16 has another grid
        state = State(mamba=[shape], batch=4, capacity=1, device=device.torch, ssm_dtype=torch.float16)
        numbers = torch.full(state.ssm[0].shape, (1.0 + 0.3 * 2.0**-10) * size)  # no fp16 number
        errors = []
        for _ in range(4):
            state.remember(0, state.conv[0], numbers.to(device.torch))
            state.advance(0)
            errors.append(state.ssm[0].cpu().double() - numbers)
        error = torch.stack(errors)
        deviations = float(error.mean().abs() / (error.std() / error.numel() ** 0.5))
        wrong = "rounding of fp16 states leans to one side, or does nothing; keep states in fp32 on this device"
        report.check(SECTION, f"fp16 states near {size:.0e}, lean in deviations", deviations, 5.0, wrong)


def _logits(report: Report, device: Device, name: str, config: Mapping[str, Any], format: str) -> None:
    """fp32 and bf16 on the device against fp32 on the CPU."""
    on_cpu, on_device = model_of(config, format, Device("cpu")), model_of(config, format, device)
    text = clear_text(on_cpu, config)
    expected = read(on_cpu, text)
    wrong = "logits on the device are not those of the CPU, from the same bytes in fp32"
    report.check(SECTION, f"{name} in {format}, fp32", difference(read(on_device, text), expected), FP32, wrong)
    if isinstance(on_cpu, NemotronH) and isinstance(on_device, NemotronH) and on_cpu.mtp is not None:
        drafts = [_drafted(model, text) for model in (on_device, on_cpu)]
        wrong = "the draft head's logits on the device are not those of the CPU"
        report.check(SECTION, f"{name} in {format}, draft head", difference(*drafts), FP32, wrong)
    rounded = read(model_of(config, format, device, torch.bfloat16), text)
    wrong = "bf16 on the device says something else than fp32 on the CPU, by more than rounding"
    _diverge(report, f"{name} in {format}, bf16", rounded, expected, wrong)


def _drafted(model: NemotronH, text: Tensor) -> Tensor:
    hidden = model.read(text[:, :-1], model.new_state(text.shape[1], batch=len(text)))
    drafts = model.new_draft_state(text.shape[1], batch=len(text))
    return model.logits(model.draft(text[:, 1:], hidden, drafts)).cpu()


def _pieces(report: Report, device: Device, name: str, config: Mapping[str, Any]) -> None:
    """However a text is cut, the device says the same."""
    text = clear_text(model_of(config, "BF16", Device("cpu")), config)
    for dtype in (torch.float32, torch.bfloat16):
        model = model_of(config, "BF16", device, dtype)
        whole = read(model, text)
        for what, cut in (("pieces", text.split(PIECES, dim=1)), ("single tokens", text[:, :STEPS].split(1, dim=1))):
            state = model.new_state(LENGTH, batch=len(text))
            found = torch.cat([read(model, piece, state) for piece in cut], dim=1)
            expected = whole[:, : found.shape[1]]
            wrong = f"reading in {what} gives other logits than reading at once"
            if dtype == torch.float32:
                report.check(SECTION, f"{name} in {what}, fp32", difference(found, expected), FP32, wrong)
            else:
                _diverge(report, f"{name} in {what}, bf16", found, expected, wrong)


def _states(report: Report, device: Device, name: str, config: Mapping[str, Any], ssm_dtype: torch.dtype) -> None:
    """Going back, copying and growing change no bit of what follows."""
    model, text = model_of(config, "BF16", device, torch.bfloat16), text_of(config, 40)
    state = model.new_state(40, batch=len(text), ssm_dtype=ssm_dtype)
    model.forward(text[:, :20], state)
    snapshot, copy = state.snapshot(), state.fork()
    rest = text[:, 20:].split((12, 1, 7), dim=1)
    expected = torch.cat([read(model, piece, state) for piece in rest], dim=1)
    copy.grow(64)
    forked = torch.cat([read(model, piece, copy) for piece in rest], dim=1)
    state.restore(snapshot)
    restored = torch.cat([read(model, piece, state) for piece in rest], dim=1)
    kind = str(ssm_dtype).removeprefix("torch.")
    for what, found in (("a fork that has grown", forked), ("a restored state", restored)):
        wrong = f"{what} does not go on exactly as the first time"
        report.check(SECTION, f"{name}, {what}, {kind}", _unequal(found, expected), EXACT, wrong)


def _engine(report: Report, device: Device, name: str, config: Mapping[str, Any]) -> None:
    """Greedy tokens of the engine, and of a plain loop."""
    model = model_of(config, "BF16", device, torch.bfloat16)
    ids: list[int] = text_of(config, 30, batch=1)[0].tolist()
    params = GenerationParams(max_tokens=8, temperature=0.0)
    engine = Engine(model, context=64)
    try:
        said = [token for delta in engine.submit(ids, params) for token in delta.ids]
    finally:
        engine.close()
    state, piece, expected = model.new_state(64), torch.tensor([ids]), []
    for _ in range(8):
        logits = model.forward(piece, state, last_only=True)[0, -1]
        expected.append(sample(logits, params, torch.Generator()))
        piece = torch.tensor([[expected[-1]]])
    differ = sum(a != b for a, b in zip(said, expected, strict=False)) + abs(len(said) - len(expected))
    wrong = "the engine's tokens are not those of a plain loop on the same device"
    report.check(SECTION, f"{name} in the engine, tokens that differ", differ, EXACT, wrong)


def _loading(report: Report, device: Device, config: Mapping[str, Any]) -> None:
    """A checkpoint from files: on the CPU and on the device, decoded and as it is stored."""
    with tempfile.TemporaryDirectory() as folder:
        write_llama(Path(folder), config)
        text = text_of(config, 24)
        with torch.inference_mode(False):
            expected = read(load_model(open_checkpoint(Path(folder))), text)
            for budget in (None, 0):
                model = load_model(
                    open_checkpoint(Path(folder)), device=str(device.torch), dtype=torch.float32, decode_budget=budget
                )
                error = difference(read(model, text), expected)
                what = "as it is stored" if budget == 0 else "decoded"
                wrong = "a checkpoint that is loaded on the device gives other logits than on the CPU"
                report.check(SECTION, f"llama from files, {what}", error, FP32, wrong)


def _wrong_id(report: Report, device: Device, config: Mapping[str, Any]) -> None:
    """It is an error of that call, and not the end of the device for this process."""
    model, refused = model_of(config, "BF16", device), 0
    for wrong_id in (-1, config["vocab_size"]):
        try:
            model.forward(torch.tensor([[1, wrong_id]]), model.new_state(2))
        except IndexError:
            refused += 1
    alive = bool(read(model, text_of(config, 4)).isfinite().all())
    wrong = "an id outside the vocabulary is not refused, or breaks the device for the whole process"
    report.check(SECTION, "ids outside the vocabulary that pass", 2 - refused + (not alive), EXACT, wrong)
