"""A million tokens of context: what a hybrid with the cache of Nemotron 3 Nano takes at the end of them.

    python bench/long_context.py [--tokens 1048576] [--read 256] [--write 8] [--kv-cache q8] [--device cpu] [--out FILE]

The model is random and narrow, but it remembers what Nano does of each token: six attention layers with two key heads
of 128; of Nano's 23 Mamba-2 layers it has two. Keys and values of all positions but the last are random numbers that go
through the same door as computed ones; `--read` tokens are then read by the model in the engine's chunks, and `--write`
more are written one by one, over everything before them. With `--read` as large as `--tokens` the model reads all.

Prints one JSON object, and ends with 1 where bytes are not the published ones or memory grows beyond what the engine
reckons with.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import torch

from nemora.engine.budget import Cost
from nemora.engine.engine import PREFILL_CHUNK
from nemora.models.nemotron_h import NemotronH
from nemora.models.nemotron_h_config import nemotron_h_config_from_hugging_face
from nemora.models.state import State
from nemora.ops.kv_format import KVCache
from nemora.weights.family import FAMILY
from nemora.weights.fit import cache_per_sequence
from nemora.weights.random_weights import RandomWeights
from nemora.weights.resident import forget_peak, peak_resident

NANO = "nemotron-3-nano-30b-a3b"
NANO_MAMBA_LAYERS = 23
MAMBA_LAYERS = 2

NUMBERS = 6 * 2 * 2 * 128
"""That Nano keeps of a position: layers, keys and values, heads, numbers of a head. In bf16 these are 6,144 bytes."""

SCALES = {"fp8": 6 * 2 * 2, "q8": 6 * 2 * 2 * 4}
PUBLISHED: dict[str, int] = {
    "float32": 4 * NUMBERS,
    "bfloat16": 2 * NUMBERS,
    **{name: NUMBERS + 2 * scales for name, scales in SCALES.items()},
}
"""Bytes of a position in each form."""

SEQUENCE = 64 * 64 * 128 * 4 + (64 * 64 + 2 * 8 * 128) * 3 * 4
"""Bytes that one of Nano's Mamba-2 layers keeps of a sequence, in fp32: its state space and its convolution's inputs.
All 23 state spaces are 46 MiB."""

FILL = 4096
SLACK = 64 << 20
"""Memory that the allocator may keep beyond what is in use."""


def narrow_model(device: str = "cpu") -> NemotronH:
    """Random, with Nano's cache."""
    config: dict[str, Any] = {
        **FAMILY[NANO].config,  # type: ignore[dict-item]
        "hybrid_override_pattern": "M*-*" + "M*-*" + "*-*",
        "num_hidden_layers": 11,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_attention_heads": 2,
        "vocab_size": 512,
    }
    return NemotronH(nemotron_h_config_from_hugging_face(config), RandomWeights("BF16", device=device, decoded=True))


def fill(state: State, count: int) -> None:
    """Write random keys and values for `count` positions."""
    draw = torch.Generator(state.device).manual_seed(0)
    shape = state.kv_shapes[0]
    size = (state.batch, shape.kv_heads, min(FILL, max(1, count)), shape.head_dim)
    for start in range(0, count, FILL):
        now = min(FILL, count - start)
        numbers = torch.randn(size, generator=draw, device=state.device)[:, :, :now]
        for layer in range(len(state.kv_shapes)):
            state.write(layer, numbers.roll(layer, -1), numbers.roll(-layer - 1, -1))
        state.advance(now)


@torch.inference_mode()
def measure(*, tokens: int, read: int, write: int, kv_cache: KVCache, device: str = "cpu") -> Mapping[str, Any]:
    """Fill, read and write; what that took."""
    model = narrow_model(device)
    state = model.new_state(tokens, kv_cache=kv_cache)
    fill_seconds = _seconds(lambda: fill(state, tokens - read - write))
    cost = Cost.of(model.config, state, tokens, chunk=PREFILL_CHUNK)
    own_peak = forget_peak()
    before = peak_resident()
    ids = torch.randint(0, model.config.vocab_size, (1, read), generator=torch.Generator().manual_seed(1))
    since = time.perf_counter()
    for piece in ids.split(PREFILL_CHUNK, dim=1):
        logits = model.forward(piece, state, last_only=True)
    read_seconds, since = time.perf_counter() - since, time.perf_counter()
    for _ in range(write):
        logits = model.forward(logits[:, -1].argmax(-1, keepdim=True), state, last_only=True)
    write_seconds = time.perf_counter() - since
    workspace = cost.workspace - cost.growing * cost.context
    grown = peak_resident() - before if own_peak and device == "cpu" else None
    allowed = workspace + (read + write) * state.bytes_per_position + SLACK  # what was not touched is not yet resident
    return {
        "tokens": state.length,
        "kv_cache": kv_cache,
        "bytes_per_position": state.bytes_per_position,
        "published_bytes_per_position": PUBLISHED.get(kv_cache),
        "bytes_per_sequence": state.bytes_per_sequence,
        "nano_bytes_per_sequence": cache_per_sequence(FAMILY[NANO]),
        "cache_gb": round(state.bytes / 1e9, 3),
        "fill_seconds": round(fill_seconds, 1),
        "read_tokens": read,
        "read_tokens_per_second": round(read / read_seconds, 2),
        "written_tokens": write,
        "written_tokens_per_second": round(write / write_seconds, 3) if write else None,
        "workspace_reckoned_mb": round(workspace / 1e6, 1),
        "memory_grown_mb": None if grown is None else round(grown / 1e6, 1),
        "finite": bool(logits.isfinite().all()),
        "bounded": grown is None or grown <= allowed,
        "machine": f"{_cpu()}, {torch.get_num_threads()} threads, {platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
    }


def wrong(result: Mapping[str, Any]) -> list[str]:
    """What is not as it should be."""
    found = []
    if result["bytes_per_position"] != result["published_bytes_per_position"]:
        found.append("a position takes other bytes than are published")
    if result["bytes_per_sequence"] != MAMBA_LAYERS * SEQUENCE:
        found.append("a sequence takes other bytes than two of Nano's Mamba-2 layers")
    if result["nano_bytes_per_sequence"] != NANO_MAMBA_LAYERS * SEQUENCE:
        found.append("Nano itself takes other bytes for a sequence")
    if not result["bounded"]:
        found.append("memory has grown beyond what was reckoned with")
    if not result["finite"]:
        found.append("logits are not finite")
    return found


def _seconds(work: Callable[[], object]) -> float:
    since = time.perf_counter()
    work()
    return time.perf_counter() - since


def _cpu() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].split(":")[1].strip() if names else platform.processor()


def main() -> int:
    parser = argparse.ArgumentParser(description="What a million tokens of context take.")
    parser.add_argument("--tokens", type=int, default=1 << 20, help="positions in all")
    parser.add_argument("--read", type=int, default=256, help="how many of them the model reads")
    parser.add_argument("--write", type=int, default=8, help="how many of them it writes")
    parser.add_argument("--kv-cache", choices=get_args(KVCache)[1:], default="q8")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="also write the JSON there")
    args = parser.parse_args()
    if args.read < 1 or args.write < 0 or args.read + args.write > args.tokens:
        parser.error("--read must be 1 or more, and no more tokens can be read and written than there are")
    found = measure(tokens=args.tokens, read=args.read, write=args.write, kv_cache=args.kv_cache, device=args.device)
    text = json.dumps(found, indent=2)
    print(text)
    if args.out is not None:
        args.out.write_text(text + "\n", encoding="utf-8")
    for what in wrong(found):
        print(what, file=sys.stderr)
    return 1 if wrong(found) else 0


if __name__ == "__main__":
    sys.exit(main())
