"""What was copied out of a checkpoint does not stay in memory as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nemora.errors import CorruptCheckpoint
from nemora.weights.gguf import GGUFFile
from nemora.weights.safetensors import SafetensorsFolder
from nemora.weights.tensors import TensorFile

ROWS, COLUMNS = 1024, 2048
MAPS = Path("/proc/self/smaps")


def gguf_file(folder: Path) -> GGUFFile:
    path = folder / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    for name in "ab":
        writer.add_tensor(name, numbers(name).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return GGUFFile(path)


def safetensors_folder(folder: Path) -> SafetensorsFolder:
    (folder / "config.json").write_text("{}")
    save_file({name: numbers(name) for name in "ab"}, folder / "model.safetensors")
    return SafetensorsFolder(folder)


def numbers(name: str) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(ord(name)).standard_normal((ROWS, COLUMNS), np.float32))


def resident(folder: Path) -> int:
    """Kilobytes of the folder's files that count as this process's memory."""
    count, inside = 0, False
    for line in MAPS.read_text().splitlines():
        if line.startswith("Rss:"):
            count += int(line.split()[1]) if inside else 0
        elif "-" in line.split(" ", 1)[0]:
            inside = str(folder) in line
    return count


@pytest.mark.parametrize("opened", [gguf_file, safetensors_folder])
def test_what_is_let_go_is_read_again_to_the_bit_and_what_is_in_use_stays(
    tmp_path: Path, opened: Callable[[Path], TensorFile]
) -> None:
    file = opened(tmp_path)
    held = file.read("a")
    file.let_go()
    assert torch.equal(held.decode(), numbers("a"))
    for name in "ab":
        assert torch.equal(file.read(name).decode(), numbers(name))


@pytest.mark.skipif(not MAPS.exists(), reason="only Linux tells what is resident")
@pytest.mark.parametrize("opened", [gguf_file, safetensors_folder])
def test_what_is_let_go_is_no_memory_of_the_process(tmp_path: Path, opened: Callable[[Path], TensorFile]) -> None:
    file = opened(tmp_path)
    assert file.read("a").data.sum() > 0
    assert resident(tmp_path) >= ROWS * COLUMNS * 4 // 1024
    file.let_go()
    assert resident(tmp_path) < ROWS * COLUMNS * 4 // 1024 // 8


def test_a_file_that_was_replaced_in_between_is_refused(tmp_path: Path) -> None:
    file = safetensors_folder(tmp_path)
    file.read("a")
    file.let_go()
    save_file({name: numbers(name) + 1 for name in "ab"}, tmp_path / "other.safetensors")
    (tmp_path / "other.safetensors").replace(tmp_path / "model.safetensors")
    with pytest.raises(CorruptCheckpoint, match="was replaced while it was read"):
        file.read("b")


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    file = safetensors_folder(tmp_path)
    file.let_go()
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(CorruptCheckpoint, match="damaged or missing"):
        file.read("a")
