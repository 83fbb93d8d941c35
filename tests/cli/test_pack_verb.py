"""`nemora pack`, and what `models` and `rm` know of packed copies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_llama
from nemora.backends.local_model import LocalModel
from nemora.cli.main import main
from nemora.ops.cpu.library import NoKernels, library

try:
    BEST = library().best
except NoKernels:
    BEST = 0
pytestmark = pytest.mark.skipif(not BEST, reason="no native kernels, or none with vectors")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "NEMORA_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/nemora"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tiny_llama.write_gguf(
        tmp_path / "mine.gguf", tiny_llama.CONFIG, tiny_llama.random_tensors(tiny_llama.CONFIG), type="Q8_0"
    )


def test_a_model_that_lies_elsewhere_is_packed_listed_and_its_copy_removed(
    cache: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pack", str(file)]) == 0
    (copy,) = (cache / "packed").iterdir()
    size = copy.stat().st_size
    assert capsys.readouterr().out == f"mine: {copy}, {size / 1e6:,.1f} MB\n"
    assert main(["pack", str(file)]) == 0
    assert capsys.readouterr().out.endswith("MB, as it was\n")
    main(["models"])
    assert f"packed copy {copy.stem} of mine, elsewhere: " in capsys.readouterr().out
    main(["models", "--json"])
    assert json.loads(capsys.readouterr().out)["packed"] == [
        {"key": copy.stem, "model": "mine", "size": size, "path": str(copy)}
    ]
    assert main(["rm", "--packed", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: {size:,} bytes freed\n"
    assert file.exists() and not copy.exists()
    assert main(["rm", "--packed", str(file)]) == 1
    assert "no packed copy" in capsys.readouterr().err


def test_a_copy_can_be_removed_by_its_key_when_its_model_is_gone(
    cache: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["pack", "--quiet", str(file)])
    assert capsys.readouterr() == ("", "")
    (copy,) = (cache / "packed").iterdir()
    file.unlink()
    assert main(["rm", "--packed", copy.stem]) == 0 and not copy.exists()


def test_the_copy_of_a_cached_model_goes_with_its_folder(
    cache: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = cache / "models/mine"
    folder.mkdir(parents=True)
    main(["pack", "--quiet", str(file.rename(folder / "m.gguf"))])
    size = (folder / "packed.panels").stat().st_size
    main(["models"])
    assert "unknown, packed" in capsys.readouterr().out
    main(["models", "mine"])
    assert f"packed   {size / 1e6:,.1f} MB of that are its packed copy" in capsys.readouterr().out
    assert main(["rm", "--packed", "mine"]) == 0
    assert [path.name for path in folder.iterdir()] == ["m.gguf"]
    main(["pack", "--quiet", str(folder / "m.gguf")])
    assert main(["rm", "mine"]) == 0 and not folder.exists()


def test_a_model_is_loaded_from_its_copy_by_all_who_know_the_cache(
    cache: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalModel.load(str(file), cache=cache) as model:
        expected = model.logits([3, 4, 5])
    main(["pack", "--quiet", str(file)])
    monkeypatch.setattr("nemora.weights.checkpoint_weights.read_matrix", None)  # nothing is packed any more
    with LocalModel.load(str(file), cache=cache) as model:
        assert torch.equal(model.logits([3, 4, 5]), expected)


def test_mapped_weights_do_not_count_as_memory_for_sequences(
    cache: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system calls their pages free. Weights that no memory could hold leave sequences a little."""
    main(["pack", "--quiet", str(file)])
    free, seen, made = [10_000_000_000], list[int](), LocalModel.__init__

    def init(self: LocalModel, *arguments: Any, **named: Any) -> None:
        seen.append(named["memory"])
        made(self, *arguments, **named)

    monkeypatch.setattr(LocalModel, "__init__", init)
    monkeypatch.setattr(
        "nemora.backends.local_model.available_memory", lambda _: free[0] if len(free) == 1 else free.pop()
    )
    with LocalModel.load(str(file), cache=cache) as model:
        size = model.bytes
    free.append(size)  # before it is loaded
    with LocalModel.load(str(file), cache=cache):
        assert seen == [(10_000_000_000 - size) // 2, 10_000_000_000 // 16]
