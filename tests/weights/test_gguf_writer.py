"""What the writer writes, the reader and the gguf package read again."""

from __future__ import annotations

import math
import struct
import tempfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nemora.ops.blocks import F32, FP8_E4M3, Q8_0
from nemora.ops.quantise import quantise_q8_0
from nemora.weights.gguf import GGUFFile
from nemora.weights.gguf_writer import GGUFWriter
from nemora.weights.save_tensors import Outgoing
from nemora.weights.tensors import TensorInfo

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
SCALARS = st.one_of(
    st.booleans(), st.integers(-(2**31), 2**32 - 1), FLOATS, st.text(st.characters(exclude_categories=["Cs"]))
)
LISTS = st.one_of(
    *(
        st.lists(items, min_size=1, max_size=5)
        for items in (
            st.booleans(),
            st.integers(-(2**31), 2**31 - 1),
            FLOATS,
            st.text(st.characters(exclude_categories=["Cs"])),
        )
    )
)
KEYS = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=20).map(lambda name: f"key.{name}")


def plain(name: str, tensor: torch.Tensor) -> Outgoing:
    return Outgoing(info=TensorInfo(name, tuple(tensor.shape), F32), pieces=lambda: [tensor.view(torch.uint8)])


def write(path: Path, metadata: dict[str, Any], *tensors: Outgoing) -> Path:
    writer = GGUFWriter(metadata, tensors)
    writer.write(path, lambda size: None)
    assert path.stat().st_size == writer.bytes
    return path


@given(metadata=st.dictionaries(KEYS, st.one_of(SCALARS, LISTS), max_size=6))
def test_metadata_comes_back_as_it_was(metadata: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "m.gguf", metadata, plain("a", torch.zeros(2, 3)))
        assert GGUFFile(path).metadata == metadata
        theirs = gguf.GGUFReader(path).fields
        assert {key: theirs[key].contents() for key in metadata} == metadata


@given(shapes=st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=1, max_size=5))
def test_tensors_of_all_shapes_come_back_in_place(shapes: list[list[int]]) -> None:
    tensors = {f"t{n}": torch.arange(math.prod(shape)).float().reshape(shape) + n for n, shape in enumerate(shapes)}
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "m.gguf", {}, *(plain(name, tensor) for name, tensor in tensors.items()))
        ours, theirs = GGUFFile(path), {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
        for name, tensor in tensors.items():
            assert torch.equal(ours.read(name).decode().reshape(tensor.shape), tensor)
            assert np.array_equal(theirs[name].data.reshape(tensor.shape), tensor.numpy())


def test_blocks_are_read_by_the_gguf_package(tmp_path: Path) -> None:
    x = torch.randn(6, 64, generator=torch.Generator().manual_seed(1))
    stored = quantise_q8_0(x)
    outgoing = Outgoing(info=TensorInfo("w", (2, 3, 64), Q8_0), pieces=lambda: [stored.data[:3], stored.data[3:]])
    (tensor,) = gguf.GGUFReader(write(tmp_path / "m.gguf", {}, outgoing)).tensors
    decoded = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    assert np.array_equal(decoded.reshape(6, 64), stored.decode().numpy())


@pytest.mark.parametrize(
    "value", [[], [1, "a"], [[1]], {"a": 1}, None, 2**32, -(2**31) - 1, [2**31], math.inf, [math.nan], 1e39, b"x"]
)
def test_values_that_gguf_cannot_hold_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"key\.a"):
        GGUFWriter({"key.a": value}, [])


@pytest.mark.parametrize(
    "infos",
    [
        [TensorInfo("a", (1,), F32), TensorInfo("a", (1,), F32)],
        [TensorInfo("a", (1, 1, 1, 1, 1), F32)],
        [TensorInfo("a", (2, 0), F32)],
        [TensorInfo("a", (2, 3), FP8_E4M3)],
        [TensorInfo("a" * 300, (2, 3), F32)],
        [TensorInfo("a", (2, 33), Q8_0)],
    ],
)
def test_tensors_that_gguf_cannot_hold_are_refused(infos: list[TensorInfo]) -> None:
    with pytest.raises(ValueError, match=r"tensor|bytes|blocks"):
        GGUFWriter({}, [Outgoing(info=info, pieces=list) for info in infos])


def test_pieces_that_are_not_the_whole_tensor_are_refused(tmp_path: Path) -> None:
    short = Outgoing(info=TensorInfo("a", (4,), F32), pieces=lambda: [torch.zeros(8, dtype=torch.uint8)])
    with pytest.raises(ValueError, match="16 bytes"):
        write(tmp_path / "m.gguf", {}, short)


def test_a_reader_that_wants_32_bits_finds_them(tmp_path: Path) -> None:
    data = write(tmp_path / "m.gguf", {"k": 7}).read_bytes()
    assert data == b"GGUF" + struct.pack("<IQQQ1sII", 3, 0, 1, 1, b"k", 4, 7) + bytes(64 - 24 - 9 - 8)
