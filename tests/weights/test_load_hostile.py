"""Whatever bytes a checkpoint's header holds: it loads, or says in one sentence what is wrong. It never crashes."""

from __future__ import annotations

import json
import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model
from tiny_llama import CONFIG, random_tensors, write_folder, write_gguf

SMALL = CONFIG | {"num_hidden_layers": 1, "vocab_size": 32, "hidden_size": 32, "num_attention_heads": 1}
SMALL |= {"num_key_value_heads": 1, "intermediate_size": 32}
TENSORS = random_tensors(SMALL)
STRANGE = [0, 1, 2, 0x7F, 0x80, 0xFF, 2**31 - 1, 2**32 - 1, 2**62, 2**63, 2**64 - 1]


@pytest.fixture(scope="module")
def gguf_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("gguf") / "m.gguf"
    keys = {"tokenizer.ggml.tokens": ["a", "b"], "tokenizer.chat_template": "x"}
    return write_gguf(path, SMALL, TENSORS, factors=[1.0] * 16, keys=keys).read_bytes()


@pytest.fixture(scope="module")
def safetensors_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return (write_folder(tmp_path_factory.mktemp("st"), SMALL, TENSORS) / "model.safetensors").read_bytes()


def loads_or_says_why(path: Path) -> None:
    message = "It loads."
    try:
        load_model(open_checkpoint(path), decode_budget=1 << 24)
    except (CorruptCheckpoint, UnsupportedCheckpoint) as error:
        message = error.message
    assert message.endswith(".")
    assert message.isprintable()
    assert len(message) < 500


def mutated(data: st.DataObject, content: bytes, header: int) -> bytes:
    """`content` with one to three changes in its header: bytes, whole numbers, a cut, a repeat."""
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, min(header, len(changed)) - 1))
        match data.draw(st.sampled_from(["byte", "u32", "u64", "cut", "repeat", "remove"])):
            case "byte":
                changed[at] = data.draw(st.integers(0, 255))
            case "u32":
                changed[at : at + 4] = struct.pack("<I", data.draw(st.sampled_from(STRANGE)) & 0xFFFFFFFF)
            case "u64":
                changed[at : at + 8] = struct.pack("<Q", data.draw(st.sampled_from(STRANGE)))
            case "cut":
                del changed[max(at, 1) :]
            case "repeat":
                changed[at:at] = changed[at : at + data.draw(st.integers(1, 64))]
            case "remove":
                del changed[at : at + data.draw(st.integers(1, 64))]
                changed += b"\0"
    return bytes(changed)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_mutated_gguf_file_loads_or_says_why(data: st.DataObject, gguf_bytes: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.gguf"
        path.write_bytes(mutated(data, gguf_bytes, header=1800))
        loads_or_says_why(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_mutated_safetensors_file_loads_or_says_why(data: st.DataObject, safetensors_bytes: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(SMALL))
        (Path(folder) / "model.safetensors").write_bytes(mutated(data, safetensors_bytes, header=1200))
        loads_or_says_why(Path(folder))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(sorted(SMALL)) | st.text(max_size=9), JSON, min_size=1, max_size=2))
def test_a_config_with_any_values_loads_or_says_why(
    changes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, safetensors_bytes: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(SMALL | changes))
        (Path(folder) / "model.safetensors").write_bytes(safetensors_bytes)
        loads_or_says_why(Path(folder))


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200), prefix=st.sampled_from([b"", b"GGUF", b"GGUF\3\0\0\0", b"GGUF\2\0\0\0"]))
def test_any_bytes_are_refused_in_one_sentence(content: bytes, prefix: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.gguf"
        path.write_bytes(prefix + content)
        with pytest.raises((CorruptCheckpoint, UnsupportedCheckpoint)):
            open_checkpoint(path)
