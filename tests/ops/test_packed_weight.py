"""Products with packed weights against their twin in torch, on every instruction set of this processor."""

from __future__ import annotations

import os
import threading
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nemora.ops import kernels, reference_moe
from nemora.ops.blocks import FORMATS, FP8_E4M3, MODELOPT_NVFP4, StoredMatrix
from nemora.ops.cpu import reference_packed
from nemora.ops.cpu.library import NoKernels, library
from nemora.ops.cpu.packed_weight import ActivationBits, CannotPack, PackedExperts, PackedWeight, can_pack

try:
    LIBRARY = library()
except NoKernels as reason:
    pytest.skip(f"no native kernels: {reason}", allow_module_level=True)
SETS = LIBRARY.sets()
FLOATS = ["BF16", "F16", "FP8_E4M3", "F32"]
K_QUANTS = ["Q4_K", "Q5_K", "Q6_K"]
NAMES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL", "NVFP4", "MODELOPT_NVFP4", *K_QUANTS, *FLOATS]
EVERY_FORMAT = pytest.mark.parametrize("name", NAMES)
EVERY_FLOAT = pytest.mark.parametrize("name", FLOATS)
EXAMPLES = settings(max_examples=15, deadline=None)
BITS = st.sampled_from([8, 15])
FILLS = st.sampled_from(["random", "random", "random", 0x00, 0xFF, 0x80])


def bytes_of(generator: torch.Generator, *shape: int, most: int = 256) -> Tensor:
    return torch.randint(0, most, shape, dtype=torch.uint8, generator=generator)


def wide(columns: int, *names: str) -> int:
    """As many columns, or what whole blocks of all the formats take."""
    return max(columns, 256) if {*names} & {*K_QUANTS} else columns


HALVES = {"Q4_1": (0, 2), "Q5_1": (0, 2), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}
"""Where blocks have fp16 numbers, if not at 0."""
SMALL = {"Q4_K": range(4, 16), "Q5_K": range(4, 16), "Q6_K": range(192, 208)}
"""Where they have small scales."""


def stored(name: str, rows: int, columns: int, seed: int = 0, fill: str | int = "random") -> StoredMatrix:
    """Random bytes, or all codes alike, with scales and minimums from 2⁻⁷ to 4 of either sign."""
    generator = torch.Generator().manual_seed(seed)
    if name == "MODELOPT_NVFP4":
        scales = bytes_of(generator, rows, columns // 16, most=0x7F)
        data = bytes_of(generator, rows, columns // 2)
        return StoredMatrix(MODELOPT_NVFP4, data if fill == "random" else data.fill_(int(fill)), scales, 0.37)
    if name in FLOATS:
        return floats(name, rows, columns, generator)
    format = FORMATS[name]
    data = bytes_of(generator, rows, format.row_bytes(columns))
    blocks = data.view(-1, format.bytes)
    if name == "NVFP4":
        if fill != "random":
            blocks[:, 4:] = int(fill)
        return StoredMatrix(format, data, scale=1.25)
    upper = torch.tensor([at + 1 for at in HALVES.get(name, (0,))])  # bytes of fp16 numbers
    if fill != "random":
        scales = torch.cat((upper - 1, upper, torch.tensor(SMALL.get(name, range(0)), dtype=torch.int64)))
        kept = blocks[:, scales]
        blocks[:] = int(fill)
        blocks[:, scales] = kept
    blocks[:, upper] = (blocks[:, upper] & 0x83) | (0x20 + (blocks[:, upper] & 0x20) // 2)
    return StoredMatrix(format, data)


def floats(name: str, rows: int, columns: int, generator: torch.Generator) -> StoredMatrix:
    """Numbers of every size from 8 down to the smallest ones of the format, and zeros of either sign."""
    exponents = torch.randint(-20, 3, (rows, columns), generator=generator)
    numbers = torch.randn(rows, columns, generator=generator).clamp(-2, 2) * 2.0**exponents
    numbers[:, 3::7] *= 0
    if name == "FP8_E4M3":
        return StoredMatrix(FP8_E4M3, numbers.to(torch.float8_e4m3fn).view(torch.uint8), scale=0.37)
    format = FORMATS[name]
    assert format.dtype is not None
    return StoredMatrix(format, numbers.to(format.dtype).view(torch.uint8))


def inputs(tokens: int, columns: int, seed: int = 0) -> Tensor:
    """Normal numbers: every third token has an outlier, every fifth is zero, every seventh tiny."""
    x = torch.randn(tokens, columns, generator=torch.Generator().manual_seed(seed))
    x[::3, seed % columns] *= 1000
    x[4::5] = 0
    x[6::7] *= 1e-25
    return x


def packed(matrix: StoredMatrix, bits: ActivationBits = 15, instructions: str | None = None) -> PackedWeight:
    return PackedWeight([matrix], LIBRARY, activation_bits=bits, instructions=instructions)


def bound(x: Tensor, matrix: StoredMatrix, bits: ActivationBits) -> Tensor:
    """What rounding to fp32 may change: of each block's numbers at most, as minimums may cancel what codes say."""
    largest = matrix.decode().double().abs().amax(-1)
    return 4e-6 * (reference_packed.met(x, matrix, bits).abs().sum(-1)[:, None] * (largest + 1e-3))


@EVERY_FORMAT
@EXAMPLES
@given(
    rows=st.sampled_from([1, 15, 16, 17, 50]),
    blocks=st.integers(1, 5),
    tokens=st.sampled_from([0, 1, 2, 7, 33]),
    seed=st.integers(0, 1000),
    bits=BITS,
    fill=FILLS,
)
def test_products_are_the_twins(
    name: str, rows: int, blocks: int, tokens: int, seed: int, bits: ActivationBits, fill: str | int
) -> None:
    columns = blocks * max(32, FORMATS[name].size if name in FORMATS else 0)
    matrix, x = stored(name, rows, columns, seed, fill), inputs(tokens, columns, seed)
    found = packed(matrix, bits).matmul(x)
    expected = reference_packed.matmul(x, matrix, bits)
    assert found.shape == (tokens, rows)
    assert ((found - expected).abs() <= bound(x, matrix, bits)).all()
    for instructions in SETS[:-1]:
        assert torch.equal(packed(matrix, bits, instructions).matmul(x), found)


@EVERY_FORMAT
def test_no_sum_of_the_largest_products_is_cut_off(name: str) -> None:
    """All codes alike and all activations the largest there are, of one sign or of both."""
    for fill in (0x00, 0xFF, 0x80, 0x7F, 0x88, 0x77):
        matrix = stored(name, 16, 256, 1, fill)
        for x in (torch.full((2, 256), 3.0), torch.full((2, 256), -3.0), torch.tensor([3.0, -3.0]).repeat(2, 128)):
            for bits in (8, 15):
                expected = reference_packed.matmul(x, matrix, bits)
                for instructions in SETS:
                    found = packed(matrix, bits, instructions).matmul(x)
                    assert ((found - expected).abs() <= bound(x, matrix, bits)).all()


@EVERY_FORMAT
def test_a_row_does_not_depend_on_the_others_or_on_threads(name: str) -> None:
    columns = wide(192, name)
    matrix, x = stored(name, 333, columns), inputs(75, columns)
    threads = torch.get_num_threads()
    try:
        for bits in (8, 15):
            weight = packed(matrix, bits)
            torch.set_num_threads(1)
            alone = torch.cat([weight.matmul(row[None]) for row in x])
            for count in (1, 2, 3):
                torch.set_num_threads(count)
                assert torch.equal(weight.matmul(x), alone)
                assert torch.equal(weight.matmul(x.view(3, 25, columns)), alone.view(3, 25, 333))
    finally:
        torch.set_num_threads(threads)


@EVERY_FORMAT
@pytest.mark.parametrize("bits", [8, 15])
def test_panels_that_are_taken_together_give_what_they_give_alone(name: str, bits: ActivationBits) -> None:
    """Two at once where there is VNNI: 34 panels, of which the last is partly filled, and two heads of K-quants."""
    rows, columns = 33 * 16 + 5, wide(512, name)
    matrix, x = stored(name, rows, columns), inputs(65, columns)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = torch.cat([packed(matrix, bits).matmul(row[None]) for row in x])
        for instructions in SETS:
            weight = packed(matrix, bits, instructions)
            for tokens in (2, 3, 5, 64, 65):
                assert torch.equal(weight.matmul(x[:tokens]), alone[:tokens])
    finally:
        torch.set_num_threads(threads)


def test_more_tokens_than_are_rounded_at_once_are_still_each_alone() -> None:
    matrix, x = stored("Q4_0", 20, 32), inputs(1100, 32)
    weight = packed(matrix)
    assert torch.equal(weight.matmul(x), torch.cat([weight.matmul(part) for part in x.split(97)]))


@EVERY_FORMAT
def test_rows_are_the_stored_numbers(name: str) -> None:
    matrix = stored(name, 21, wide(128, name))
    ids = torch.tensor([[20, 0, 20], [16, 15, 7]])
    assert torch.equal(packed(matrix).rows(ids), matrix.decode()[ids])
    for wrong in (-1, 21):
        with pytest.raises(IndexError):
            packed(matrix).rows(torch.tensor([wrong]))


def test_fifteen_bits_are_as_good_as_floats() -> None:
    matrix, x = stored("Q4_1", 64, 320), torch.randn(8, 320, generator=torch.Generator().manual_seed(2))
    exact = x.double() @ matrix.decode().double().T
    errors = [(packed(matrix, bits).matmul(x) - exact).norm() / exact.norm() for bits in (8, 15)]
    assert errors[1] < 1e-4 < 1e-3 < errors[0] < 1e-2


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_stays_in_its_row(wrong: float) -> None:
    weight, x = packed(stored("Q8_0", 17, 64)), inputs(4, 64)
    expected = weight.matmul(x)
    x[1, 40] = wrong
    found = weight.matmul(x)
    assert found[1].isnan().all()
    assert torch.equal(found[[0, 2, 3]], expected[[0, 2, 3]])


@EVERY_FLOAT
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf, -torch.inf])
def test_floats_meet_what_is_not_finite_as_floats_do(name: str, wrong: float) -> None:
    weight, x = packed(stored(name, 17, 64)), inputs(9, 64)
    expected = weight.matmul(x)
    x[1, 40] = wrong
    found = weight.matmul(x)
    assert not found[1].isfinite().any()
    others = [0, *range(2, 9)]
    assert torch.equal(found[others], expected[others])


@pytest.mark.parametrize("name", ["BF16", "F16", "FP8_E4M3"])
def test_every_finite_number_is_exact_as_a_product_with_one_and_as_a_row(name: str) -> None:
    format = FP8_E4M3 if name == "FP8_E4M3" else FORMATS[name]
    every = torch.arange(1 << 8 * format.bytes).to(torch.uint8 if format.bytes == 1 else torch.int16)
    every = every.view(torch.uint8).view(-1, format.bytes)
    finite = format.decode(every).isfinite()
    matrix = StoredMatrix(format, torch.where(finite, every, 0).view(-1, 64 * format.bytes))
    expected = matrix.decode()
    for instructions in SETS:
        weight = packed(matrix, instructions=instructions)
        assert torch.equal(weight.matmul(torch.eye(64)).T, expected)
        assert torch.equal(weight.rows(torch.arange(len(expected))), expected)


@EVERY_FLOAT
def test_numbers_that_are_not_finite_are_refused(name: str) -> None:
    for row, column, wrong in ((0, 0, torch.nan), (19, 63, -torch.inf if name != "FP8_E4M3" else torch.nan)):
        matrix = stored(name, 20, 64)
        dtype = matrix.format.dtype or torch.float8_e4m3fn
        matrix.data.view(dtype)[row, column] = wrong
        with pytest.raises(CannotPack):
            packed(matrix)


@EVERY_FLOAT
def test_long_rows_of_floats_are_summed_as_exactly_as_by_torch(name: str) -> None:
    matrix, x = stored(name, 40, 4096 + 32), torch.randn(9, 4096 + 32, generator=torch.Generator().manual_seed(4))
    exact = x.double() @ matrix.decode().double().T
    ours, torchs = ((y - exact).norm() for y in (packed(matrix).matmul(x), x @ matrix.decode().T))
    assert ours < 4 * torchs


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["Q4_0", "Q8_0", "Q4_K", "Q6_K", "BF16", "FP8_E4M3"]), st.sampled_from([5, 16, 32])),
        min_size=1,
        max_size=4,
    )
)
def test_stacked_matrices_are_side_by_side(kinds: list[tuple[str, int]]) -> None:
    columns = wide(64, *(name for name, _ in kinds))
    parts = [stored(name, rows, columns, seed) for seed, (name, rows) in enumerate(kinds)]
    x = inputs(3, columns)
    fused = PackedWeight(parts, LIBRARY)
    assert torch.equal(fused.matmul(x), torch.cat([packed(part).matmul(x) for part in parts], dim=-1))
    assert fused.shape == (sum(rows for _, rows in kinds), columns)


@EVERY_FORMAT
def test_panels_take_the_memory_of_the_file(name: str) -> None:
    columns = wide(64, name)
    matrix = stored(name, 32, columns)
    assert packed(matrix).bytes == matrix.bytes
    assert packed(stored(name, 17, columns)).bytes == matrix.bytes  # whole panels


def test_scales_that_are_no_numbers_are_refused() -> None:
    broken = stored("Q4_0", 20, 64)
    broken.data[19, 18 + 1] = 0x7C  # infinity
    negative = stored("MODELOPT_NVFP4", 20, 64)
    assert negative.scales is not None
    negative.scales[3, 1] = 0x88
    for matrix in (broken, negative, stored("MODELOPT_NVFP4", 4, 48)):
        with pytest.raises(CannotPack):
            packed(matrix)
    assert not can_pack(FORMATS["Q6_K"], 288) and not can_pack(FORMATS["BF16"], 48)


@pytest.mark.parametrize(("name", "at"), [(name, at) for name in K_QUANTS for at in HALVES[name]])
def test_superblocks_of_a_scale_that_is_no_number_are_refused(name: str, at: int) -> None:
    broken = stored(name, 20, 512)
    broken.data[19, FORMATS[name].bytes + at + 1] = 0x7C  # infinity
    with pytest.raises(CannotPack):
        packed(broken)
    broken.data[19, FORMATS[name].bytes + at + 1] = 0x7B
    assert packed(broken).rows(torch.tensor([19])).isfinite().all()


def test_gradients_and_other_widths_are_refused() -> None:
    weight = packed(stored("Q4_0", 16, 64))
    with pytest.raises(ValueError, match="64 columns"):
        weight.matmul(torch.zeros(1, 32))
    with pytest.raises(RuntimeError, match="no gradients"):
        weight.matmul(torch.zeros(1, 64, requires_grad=True))


@settings(max_examples=15, deadline=None)
@given(
    tokens=st.sampled_from([0, 1, 2, 7, 70]),
    experts=st.integers(1, 5),
    names=st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)),
    bits=BITS,
    data=st.data(),
)
def test_experts_in_one_call_are_the_twins_one_by_one(
    tokens: int, experts: int, names: tuple[str, str], bits: ActivationBits, data: st.DataObject
) -> None:
    top_k = data.draw(st.integers(1, experts))
    hidden, width = wide(64, names[0]), wide(128, names[1])
    up = PackedExperts([packed(stored(names[0], width, hidden, 10 + e), bits) for e in range(experts)])
    down = PackedExperts([packed(stored(names[1], hidden, width, 20 + e), bits) for e in range(experts)])
    generator = torch.Generator().manual_seed(tokens)
    x, shares = inputs(tokens, hidden) / 1000, torch.rand(tokens, top_k, generator=generator)
    chosen = torch.rand(tokens, experts, generator=generator).topk(top_k).indices
    found = kernels.experts_mlp(x, chosen, shares, up, down)
    assert found.shape == (tokens, hidden)
    if tokens:
        assert torch.equal(found, reference_moe.experts_mlp(x, chosen, shares, up, down))
        with pytest.raises(IndexError):
            kernels.experts_mlp(x, chosen + experts, shares, up, down)


@pytest.mark.parametrize("names", [("Q4_0", "BF16"), ("FP8_E4M3", "Q8_0"), ("BF16", "F32"), ("Q4_K", "Q6_K")])
def test_experts_of_mixed_formats_are_each_their_own(names: tuple[str, str]) -> None:
    """Also among the experts of one matrix."""
    hidden, width = wide(64, *names), wide(96, *names)
    up, down = (
        PackedExperts([packed(stored(names[(e + turn) % 2], rows, columns, e)) for e in range(4)])
        for turn, rows, columns in ((0, width, hidden), (1, hidden, width))
    )
    generator = torch.Generator().manual_seed(3)
    x, shares = inputs(45, hidden) / 1000, torch.rand(45, 2, generator=generator)
    chosen = torch.rand(45, 4, generator=generator).topk(2).indices
    assert torch.equal(
        kernels.experts_mlp(x, chosen, shares, up, down), reference_moe.experts_mlp(x, chosen, shares, up, down)
    )


@EVERY_FORMAT
def test_nan_goes_through_experts_in_its_row_alone(name: str) -> None:
    hidden = wide(64, name)
    up, down = (PackedExperts([packed(stored(name, hidden, hidden, seed))]) for seed in (1, 2))
    x, one = inputs(6, hidden) / 1000, torch.ones(6, 1)
    chosen = torch.zeros(6, 1, dtype=torch.int64)
    expected = kernels.experts_mlp(x, chosen, one, up, down)
    x[2, 7] = torch.nan
    found = kernels.experts_mlp(x, chosen, one, up, down)
    assert found[2].isnan().all()
    assert torch.equal(found[[0, 1, 3, 4, 5]], expected[[0, 1, 3, 4, 5]])


def test_calls_at_the_same_time_do_not_disturb_each_other() -> None:
    weight, x = packed(stored("Q4_0", 500, 512)), inputs(40, 512)
    expected, wrong = weight.matmul(x), []

    def call() -> None:
        wrong.extend(1 for _ in range(30) if not torch.equal(weight.matmul(x), expected))

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    weight, x = packed(stored("Q4_0", 500, 512)), inputs(40, 512)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        expected = weight.matmul(x)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of any fork beside threads
            child = os.fork()
        if not child:
            os._exit(0 if torch.equal(weight.matmul(x), expected) and torch.equal(weight.matmul(x), expected) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert torch.equal(weight.matmul(x), expected)
    finally:
        torch.set_num_threads(threads)
