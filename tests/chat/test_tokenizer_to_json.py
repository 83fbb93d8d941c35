"""A GGUF file's tokenizer as a folder's files: read again, it is the same tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.chat.tokenizer import Tokenizer
from nemora.chat.tokenizer_gguf import gguf_tokenizer
from nemora.chat.tokenizer_json import json_tokenizer
from nemora.chat.tokenizer_to_gguf import PROBE, gguf_tokenizer_keys
from nemora.chat.tokenizer_to_json import folder_tokenizer_files
from nemora.errors import UnsupportedCheckpoint
from nemora.weights.checkpoint import Checkpoint
from starter import needs_starter
from tiny_tokenizer import CUTS, SIZE, TEMPLATE, tokenizer_folder


def gguf_checkpoint(keys: dict[str, Any]) -> Checkpoint:
    kinds: Any = {"path": Path("m.gguf"), "architecture": "llama", "metadata": {}, "file": None}
    template = keys.get("tokenizer.chat_template")
    return Checkpoint(kind="gguf", tokenizer_metadata=keys, chat_template=template, **kinds)


def written(path: Path, checkpoint: Checkpoint) -> dict[str, Path]:
    files = folder_tokenizer_files(checkpoint)
    for name, content in files.items():
        (path / name).write_text(content, encoding="utf-8")
    return {name: path / name for name in files}


@pytest.fixture(scope="module", params=[(cut, bos) for cut in CUTS for bos in (True, False)], ids=str)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, Tokenizer]:
    """The file's tokenizer, and what came of it."""
    cut, bos = request.param
    keys = gguf_tokenizer_keys(tokenizer_folder(tmp_path_factory.mktemp("first"), cut, bos=bos), SIZE)
    files = written(tmp_path_factory.mktemp("second"), gguf_checkpoint(keys))
    return gguf_tokenizer(keys, "file"), json_tokenizer(files, "folder")


@settings(deadline=None)
@given(text=st.text(max_size=60))
def test_text_has_the_same_tokens(pair: tuple[Tokenizer, Tokenizer], text: str) -> None:
    file, folder = pair
    for sample in (text, PROBE, f"(H 12 hello{text}"):
        assert folder.encode(sample) == file.encode(sample)


def test_special_tokens_keep_their_ids_and_parts(pair: tuple[Tokenizer, Tokenizer]) -> None:
    file, folder = pair
    named = {token: i for token, i in file.special.ids.items() if not token.startswith("[PAD")}
    assert folder.special.ids == named
    assert folder.special.hidden == {i for i in file.special.hidden if i < SIZE - 5}
    assert (folder.special.bos_id, folder.special.add_bos) == (file.special.bos_id, file.special.add_bos)
    assert folder.eos_ids == file.eos_ids
    assert all(folder.bytes_of(i) == file.bytes_of(i) for i in range(SIZE - 5))


@needs_starter
def test_the_starter_models_tokenizer_survives(tmp_path: Path, starter_checkpoint: Checkpoint) -> None:
    folder = json_tokenizer(written(tmp_path, starter_checkpoint), "folder")
    file = gguf_tokenizer(starter_checkpoint.tokenizer_metadata, "file")
    assert folder.encode(PROBE) == file.encode(PROBE)
    assert folder.special.ids == file.special.ids and folder.eos_ids == file.eos_ids


def test_the_template_comes_along_and_a_folder_keeps_its_own_files(tmp_path: Path) -> None:
    checkpoint = tokenizer_folder(tmp_path)
    keys = gguf_tokenizer_keys(checkpoint, SIZE)
    assert TEMPLATE in folder_tokenizer_files(gguf_checkpoint(keys))["tokenizer_config.json"]
    assert folder_tokenizer_files(checkpoint) == {}
    assert folder_tokenizer_files(gguf_checkpoint({})) == {}


def test_another_kind_of_tokenizer_is_refused() -> None:
    with pytest.raises(UnsupportedCheckpoint, match="gpt2"):
        folder_tokenizer_files(gguf_checkpoint({"tokenizer.ggml.model": "llama"}))
