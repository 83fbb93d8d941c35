from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.weights.gguf import TYPE_NAMES, GGUFFile


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def key(name: str | bytes, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def tensor(name: str, dimensions: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    shape = b"".join(struct.pack("<Q", size) for size in dimensions)
    return text(name) + struct.pack("<I", len(dimensions)) + shape + struct.pack("<IQ", kind, offset)


def file(
    keys: list[bytes] | tuple[bytes, ...] = (),
    tensors: list[bytes] | tuple[bytes, ...] = (),
    data: bytes = b"",
    *,
    version: int = 3,
    tensor_count: int | None = None,
    key_count: int | None = None,
    alignment: int = 32,
) -> bytes:
    counts = struct.pack(
        "<QQ",
        len(tensors) if tensor_count is None else tensor_count,
        len(keys) if key_count is None else key_count,
    )
    head = b"GGUF" + struct.pack("<I", version) + counts + b"".join(keys) + b"".join(tensors)
    return head + b"\0" * (-len(head) % alignment) + data


def opened(tmp_path: Path, content: bytes) -> GGUFFile:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    return GGUFFile(path)


def refused(tmp_path: Path, content: bytes, match: str, error: type[Exception] = CorruptCheckpoint) -> None:
    with pytest.raises(error, match=match) as caught:
        opened(tmp_path, content)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("version", [2, 3])
def test_every_kind_of_value_is_read(tmp_path: Path, version: int) -> None:
    values: dict[str, tuple[int, bytes, Any]] = {
        "u8": (0, b"\xff", 255),
        "i8": (1, b"\xff", -1),
        "u16": (2, b"\xff\xff", 65535),
        "i16": (3, b"\xfe\xff", -2),
        "u32": (4, struct.pack("<I", 7), 7),
        "i32": (5, struct.pack("<i", -7), -7),
        "f32": (6, struct.pack("<f", 0.5), 0.5),
        "bool": (7, b"\x01", True),
        "string": (8, text("grüezi"), "grüezi"),
        "u64": (10, struct.pack("<Q", 2**64 - 1), 2**64 - 1),
        "i64": (11, struct.pack("<q", -(2**63)), -(2**63)),
        "f64": (12, struct.pack("<d", 0.1), 0.1),
        "numbers": (9, struct.pack("<IQ3i", 5, 3, 1, -2, 3), [1, -2, 3]),
        "strings": (9, struct.pack("<IQ", 8, 2) + text("a") + text(""), ["a", ""]),
        "bools": (9, struct.pack("<IQ", 7, 2) + b"\0\1", [False, True]),
        "nothing": (9, struct.pack("<IQ", 4, 0), []),
    }
    content = file([key(name, kind, raw) for name, (kind, raw, _) in values.items()], version=version)
    read = opened(tmp_path, content).metadata
    assert read == {name: expected for name, (_, _, expected) in values.items()}
    assert read["bool"] is True


def test_a_file_by_the_gguf_package_is_read_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_custom_alignment(64)
    numbers = np.random.default_rng(0).standard_normal((5, 64), np.float32)
    for kind in ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q8_0"):
        number = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(kind, gguf.quants.quantize(numbers, number), raw_dtype=number)
    writer.add_tensor("vector", numbers[0])
    writer.add_tensor("cube", numbers.reshape(5, 8, 8))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    read = GGUFFile(path)
    theirs = {entry.name: entry for entry in gguf.GGUFReader(path).tensors}
    assert read.tensors.keys() == theirs.keys()
    assert (read.tensors["vector"].shape, read.tensors["cube"].shape) == ((64,), (5, 8, 8))
    for name, entry in theirs.items():
        expected = gguf.quants.dequantize(entry.data, entry.tensor_type).copy()
        decoded = read.read(name).decode().reshape(read.tensors[name].shape)
        assert torch.equal(decoded, torch.from_numpy(expected))


def test_ggml_type_numbers_are_those_of_the_gguf_package() -> None:
    theirs = {kind.value: kind.name for kind in gguf.GGMLQuantizationType}
    known = TYPE_NAMES.keys() & theirs.keys()
    assert len(known) > 30
    assert {number: TYPE_NAMES[number] for number in known} == {number: theirs[number] for number in known}


def test_tensors_are_mapped_not_copied(tmp_path: Path) -> None:
    read = opened(tmp_path, file([], [tensor("a", (8,)), tensor("b", (8,), offset=32)], b"\0" * 64))
    assert read.read("b").data.data_ptr() - read.read("a").data.data_ptr() == 32


NUMBER = struct.pack("<I", 1)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not a GGUF file"),
        (b"GGUF", "not a GGUF file"),
        (b"PK\3\4" + b"\0" * 40, "letters GGUF"),
        (file([key("a", 4, NUMBER), key("a", 4, NUMBER)]), "'a' comes twice"),
        (file([key("", 4, NUMBER)]), "empty name"),
        (file([key("a", 13, NUMBER)]), "a has the unknown type 13"),
        (file([key("a", 9, struct.pack("<IQ", 77, 1) + NUMBER)]), "a is an array of the unknown type 77"),
        (file([key("a", 7, b"\2")]), "a is neither true nor false"),
        (file([key("a", 9, struct.pack("<IQ", 7, 1) + b"\2")]), "neither true nor false"),
        (file([key("a", 8, text(b"\xff\xfe"))]), "a is not UTF-8"),
        (file([key(b"\xff", 4, NUMBER)]), "key number 0 is not UTF-8"),
        (file([key("a", 8, struct.pack("<Q", 2**63))]), "a claims 9223372036854775808 bytes"),
        (file([key("a", 8, struct.pack("<Q", 100_000))]), "ends within the value of a"),
        (file([key("a", 9, struct.pack("<IQ", 4, 2**62))]), "a claims 4611686018427387904 items"),
        (file([key("a", 9, struct.pack("<IQ", 8, 2**64 - 1))]), "items"),
        (file([], key_count=2**64 - 1), "keys"),
        (file([], tensor_count=2**64 - 1), "tensors"),
        (file([key("a", 4, NUMBER)], key_count=2), "key number 1 has an empty name"),
        (file([], [tensor("t", (8,))], b"\0" * 31), "'t' ends at byte"),
        (file([], [tensor("t", (8,), offset=2**63)], b"\0" * 32), "'t' ends at byte"),
        (file([], [tensor("t", (8,), offset=32)], b"\0" * 32), "'t' ends at byte"),
        (file([], [tensor("t", (2**40, 2**40))], b"\0" * 32), "'t' ends at byte"),
        (file([], [tensor("t", (2**64 - 1,) * 4)], b"\0" * 32), "'t' ends at byte"),
        (file([], [tensor("t", (8,), offset=4)], b"\0" * 64), "'t' is not aligned"),
        (file([], [tensor("t", (0,))], b"\0" * 64), "'t' has a shape"),
        (file([], [tensor("t", (48,), kind=8)], b"\0" * 64), "'t' has a shape"),
        (file([], [tensor("t", ())], b"\0" * 64), "0 dimensions"),
        (file([], [tensor("t", (1,) * 5)], b"\0" * 64), "5 dimensions"),
        (file([], [tensor("", (1,))], b"\0" * 64), "empty name"),
        (file([], [tensor("t", (1,)), tensor("t", (1,), offset=32)], b"\0" * 64), "'t' comes twice"),
        (file([], [tensor("t", (9,)), tensor("u", (8,), offset=32)], b"\0" * 64), "'u' overlaps"),
        (file([], [tensor("t", (8,)), tensor("u", (8,))], b"\0" * 64), "overlaps"),
        (file([], [tensor("x" * 300, (8,))], b"\0" * 64), "300 bytes"),
        (file([key("general.alignment", 4, struct.pack("<I", 24))]), "general.alignment"),
        (file([key("general.alignment", 4, struct.pack("<I", 0))]), "general.alignment"),
        (file([key("general.alignment", 4, struct.pack("<I", 1 << 31))]), "general.alignment"),
        (file([key("general.alignment", 8, text("32"))]), "general.alignment"),
        (file([key("\x1b[2Jevil\n", 13, NUMBER)]), "unknown type"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(tmp_path: Path, content: bytes, match: str) -> None:
    refused(tmp_path, content, match)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (file(version=1), "version 1"),
        (file(version=4), "version 4"),
        (b"GGUF" + struct.pack(">I", 3) + b"\0" * 40, "big-endian"),
        (file([], [tensor("out", (256,), kind=10)], b"\0" * 512), "out of model.gguf has the type Q2_K"),
        (file([], [tensor("out", (256,), kind=99)], b"\0" * 512), "number 99"),
        (file([key("a", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 4, 0))]), "a is an array of arrays"),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(tmp_path: Path, content: bytes, match: str) -> None:
    refused(tmp_path, content, match, UnsupportedCheckpoint)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = file(
        [key("a", 8, text("x" * 20)), key("b", 9, struct.pack("<IQ3i", 5, 3, 1, 2, 3))],
        [tensor("t", (8,)), tensor("u", (32,), kind=8, offset=32)],
        b"\0" * (32 + 34),
    )
    opened(tmp_path, whole)
    for length in range(len(whole)):
        refused(tmp_path, whole[:length], "not a GGUF file|ends|in \\d+ bytes|items|overlaps")


def test_arrays_cannot_multiply_into_more_memory_than_a_model_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nemora.weights.gguf.MAX_ARRAY_ITEMS", 10)
    array = struct.pack("<IQ", 0, 6) + b"\0" * 6
    opened(tmp_path, file([key("a", 9, array)]))
    refused(tmp_path, file([key("a", 9, array), key("b", 9, array)]), "b claims 6 items")


def test_a_header_cannot_be_longer_than_any_model_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.weights.gguf.MAX_HEADER_BYTES", 100)
    refused(tmp_path, file([key("a", 8, text("x" * 100))]), "100 bytes of header end within the value of a")
    opened(tmp_path, file([], [tensor("t", (800,))], b"\0" * 3200))  # data may be longer


def test_an_open_file_is_never_written_to(tmp_path: Path) -> None:
    content = file([], [tensor("t", (8,))], b"\7" * 32)
    read = opened(tmp_path, content)
    read.read("t").decode().add(1)
    assert (tmp_path / "model.gguf").read_bytes() == content
