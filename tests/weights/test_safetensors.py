from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.weights.safetensors import SafetensorsFolder, read_json_object


def folder(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    (path / "config.json").write_text("{}")
    save_file(tensors, path / "model.safetensors")
    return path


def sharded(path: Path, weight_map: Any, **files: dict[str, torch.Tensor]) -> Path:
    (path / "config.json").write_text("{}")
    for name, tensors in files.items():
        save_file(tensors, path / f"{name}.safetensors")
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return path


ONE = torch.ones(2, 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_tensors_come_back_to_the_bit(tmp_path: Path, dtype: torch.dtype) -> None:
    matrix = torch.randn(4, 6, generator=torch.Generator().manual_seed(0)).to(dtype)
    read = SafetensorsFolder(folder(tmp_path, {"m": matrix, "v": matrix[0].clone()}))
    assert read.tensors["m"].shape == (4, 6)
    assert torch.equal(read.read("m").decode(), matrix.float())
    assert torch.equal(read.read("v").decode(), matrix[:1].float())


def test_a_tensor_at_an_odd_offset_is_read(tmp_path: Path) -> None:
    header = (
        b'{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}'
    )
    data = struct.pack("<Q", len(header)) + header + b"\x80\x3f" + struct.pack("<f", 2.5)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(data)
    assert SafetensorsFolder(tmp_path).read("b").decode().tolist() == [[2.5]]


def test_shards_are_read_as_one(tmp_path: Path) -> None:
    path = sharded(tmp_path, {"a": "x.safetensors", "b": "y.safetensors"}, x={"a": ONE}, y={"b": ONE * 2})
    read = SafetensorsFolder(path)
    assert torch.equal(read.read("b").decode(), ONE * 2)


@pytest.mark.parametrize(
    "name",
    [
        "../x.safetensors",
        "/etc/x.safetensors",
        "sub/x.safetensors",
        "..\\x.safetensors",
        "C:x.safetensors",
        "x.bin",
        "x\0.safetensors",
        "a" * 300 + ".safetensors",
        "",
        7,
        None,
        ["x.safetensors"],
    ],
)
def test_an_index_cannot_point_out_of_its_folder(tmp_path: Path, name: Any) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    save_file({"a": ONE}, tmp_path / "x.safetensors")
    with pytest.raises(CorruptCheckpoint, match="no file of this folder"):
        SafetensorsFolder(sharded(inner, {"a": name}))


@pytest.mark.parametrize(
    ("weight_map", "match"),
    [
        ({"a": "x.safetensors"}, "'b'"),
        ({"a": "x.safetensors", "b": "x.safetensors", "c": "x.safetensors"}, "'c'"),
        ({"a": "gone.safetensors", "b": "x.safetensors"}, r"gone\.safetensors is damaged or missing"),
        ({}, "weight_map"),
        ([], "weight_map"),
        (None, "weight_map"),
    ],
)
def test_an_index_that_contradicts_its_files_is_refused(tmp_path: Path, weight_map: Any, match: str) -> None:
    with pytest.raises(CorruptCheckpoint, match=match):
        SafetensorsFolder(sharded(tmp_path, weight_map, x={"a": ONE, "b": ONE * 2}))


def test_a_tensor_in_two_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptCheckpoint, match="disagree"):
        SafetensorsFolder(
            sharded(tmp_path, {"a": "x.safetensors", "b": "y.safetensors"}, x={"a": ONE}, y={"a": ONE, "b": ONE * 2})
        )


def test_other_types_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedCheckpoint, match="Tensor m has the type I64"):
        SafetensorsFolder(folder(tmp_path, {"m": torch.zeros(2, 2, dtype=torch.int64)}))


def test_tensors_without_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptCheckpoint, match="'m'"):
        SafetensorsFolder(folder(tmp_path, {"m": torch.zeros(0, 4)}))


def test_a_number_without_dimensions_is_read_as_one_of_one(tmp_path: Path) -> None:
    opened = SafetensorsFolder(folder(tmp_path, {"m": torch.tensor(0.25)}))
    assert opened.tensors["m"].shape == (1,)
    assert opened.read("m").decode().tolist() == [[0.25]]


def test_pickled_weights_are_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    torch.save({"a": ONE}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CorruptCheckpoint, match="other weight files are not read"):
        SafetensorsFolder(tmp_path)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        (b"[]", "JSON object"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' comes twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_a_damaged_config_is_refused(tmp_path: Path, content: bytes, match: str) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(CorruptCheckpoint, match=match):
        read_json_object(tmp_path / "config.json")


def test_a_huge_config_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(1 << 33)
    with pytest.raises(CorruptCheckpoint, match="bytes"):
        read_json_object(tmp_path / "config.json")


def test_infinity_is_a_number_in_settings_and_other_such_words_are_not(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"time_step_limit": [0.0, Infinity]}')
    assert read_json_object(tmp_path / "a.json")["time_step_limit"] == [0.0, float("inf")]
    for word in ("NaN", "-Infinity"):
        (tmp_path / "b.json").write_text(f'{{"a": {word}}}')
        with pytest.raises(CorruptCheckpoint, match=f"{word} is not JSON"):
            read_json_object(tmp_path / "b.json")
