"""Products with stored matrices on the native kernels, beside torch's and beside the machine's memory.

    python bench/cpu_matmul.py                  one token and many, by format
    python bench/cpu_matmul.py --formats BF16 FP8_E4M3 --rows 12544 --columns 3136 --tokens 1 512
    python bench/cpu_matmul.py --model FILE     a GGUF model too: tokens a second, and what rounding activations changes

A row is the median of several runs; the matrix is taken in turns from several copies, which no cache holds together.
Columns are rounded up to whole blocks of the format: those of K-quants have 256.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from nemora.chat.tokenizer_source import load_tokenizer
from nemora.models.base import Model
from nemora.ops.blocks import FORMATS, FP8_E4M3, StoredMatrix
from nemora.ops.cpu.library import library
from nemora.ops.cpu.packed_weight import FLOATS, ActivationBits, PackedWeight
from nemora.ops.weight import BlockWeight, DenseWeight, Weight
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from nemora.weights.packing import Activations

ROWS, COLUMNS = 10304, 2688  # a Mamba layer's input matrix in Nemotron 3 Nano 30B
COPIES = 4
TOKENS = (1, 8, 64, 256)
PROMPT, ANSWER = 512, 48
TEXT = Path(__file__).parent.parent / "docs" / "what-the-router-does-not-cover.md"
KINDS: tuple[Activations, ...] = ("float32", "int15", "int8")


def seconds(run: Callable[[], object], repeats: int) -> float:
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def bandwidth() -> float:
    """GB/s of summing half a gigabyte."""
    numbers = torch.ones(1 << 26, dtype=torch.int64)
    return numbers.nbytes / seconds(numbers.sum, 5) / 1e9


def matrix(name: str, rows: int, columns: int) -> StoredMatrix:
    format = FP8_E4M3 if name == FP8_E4M3.name else FORMATS[name]
    columns = -(-columns // format.size) * format.size
    generator = torch.Generator().manual_seed(0)
    small = torch.randint(0, 60, (rows, format.row_bytes(columns)), dtype=torch.uint8, generator=generator)
    return StoredMatrix(format, small)  # bytes below 60 are finite scales, and small floats


def measure(name: str, kind: str, weights: Sequence[Weight], stored_bytes: int, many: Sequence[int]) -> None:
    rows, columns = weights[0].shape
    for tokens in many:
        x = torch.randn(tokens, columns, generator=torch.Generator().manual_seed(1))

        def products(x: Tensor = x) -> None:
            for weight in weights:
                weight.matmul(x)

        taken = seconds(products, 5 if tokens < 64 else 2) / len(weights)
        operations = 2 * tokens * rows * columns / taken / 1e9
        print(f"| {name} | {kind} | {tokens} | {stored_bytes / taken / 1e9:.1f} | {operations:.0f} |", flush=True)


def by_format(names: Sequence[str], rows: int, columns: int, tokens: Sequence[int]) -> None:
    native = library()
    print(f"{native.sets()[-1]}, {torch.get_num_threads()} threads, memory {bandwidth():.1f} GB/s\n")
    print("| format | kind | tokens | GB/s of stored weights | Gop/s |\n|---|---|---:|---:|---:|")
    for name in names:
        stored = matrix(name, rows, columns)
        measure(name, "torch, decoded each time", [BlockWeight([stored])], stored.bytes, tokens)
        measure(name, "torch, decoded copy", [DenseWeight(stored.decode()) for _ in range(2)], stored.bytes, tokens)
        rounded: dict[str, ActivationBits] = {"native, 15 bits": 15, "native, 8 bits": 8}
        exact: dict[str, ActivationBits] = {"native": 15}
        for kind, bits in (exact if stored.format in FLOATS else rounded).items():
            packed = [PackedWeight([stored], native, activation_bits=bits) for _ in range(COPIES)]
            measure(name, kind, packed, stored.bytes, tokens)


def by_model(path: Path) -> None:
    checkpoint = open_checkpoint(path)
    ids = torch.tensor(load_tokenizer(checkpoint).encode(TEXT.read_text())[: 3 * PROMPT])[None]
    print(f"\n{path.name}, {torch.get_num_threads()} threads, a text of {ids.shape[1]} tokens in {PROMPT}s\n")
    print("| activations | load s | MB | prompt tokens/s | answer tokens/s | nats a token | KL | other first token |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    exact: Tensor | None = None
    for kind in KINDS:
        start = time.perf_counter()
        model = load_model(checkpoint, activations=kind)
        loaded = time.perf_counter() - start
        start = time.perf_counter()
        logs, nats = read(model, ids)
        prompt = ids.shape[1] / (time.perf_counter() - start)
        exact = logs if exact is None else exact
        divergence = float((exact.exp() * (exact - logs)).sum(-1).mean())
        other = float((exact.argmax(-1) != logs.argmax(-1)).float().mean())
        speeds = f"{loaded:.1f} | {model.bytes / 1e6:.0f} | {prompt:.0f} | {answers(model, ids):.1f}"
        print(f"| {kind} | {speeds} | {nats:.4f} | {divergence:.1e} | {other:.1%} |", flush=True)


@torch.inference_mode()
def read(model: Model, ids: Tensor) -> tuple[Tensor, float]:
    """Log-probabilities after each token, and the mean of what the next ones surprise."""
    parts = [model.forward(part, model.new_state(PROMPT))[0].log_softmax(-1) for part in ids.split(PROMPT, dim=1)]
    following = [part[0, 1:, None] for part in ids.split(PROMPT, dim=1)]
    losses = [-part[:-1].gather(1, next) for part, next in zip(parts, following, strict=True)]
    return torch.cat(parts), float(torch.cat(losses).mean())


@torch.inference_mode()
def answers(model: Model, ids: Tensor) -> float:
    """Tokens a second, one at a time."""
    state = model.new_state(64 + ANSWER)
    model.forward(ids[:, :64], state, last_only=True)
    start = time.perf_counter()
    for at in range(64, 64 + ANSWER):
        model.forward(ids[:, at : at + 1], state, last_only=True)
    return ANSWER / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formats", nargs="*", default=["Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--columns", type=int, default=COLUMNS)
    parser.add_argument("--tokens", type=int, nargs="*", default=TOKENS)
    parser.add_argument("--model", type=Path)
    arguments = parser.parse_args()
    by_format(arguments.formats, arguments.rows, arguments.columns, arguments.tokens)
    if arguments.model is not None:
        by_model(arguments.model)


if __name__ == "__main__":
    main()
