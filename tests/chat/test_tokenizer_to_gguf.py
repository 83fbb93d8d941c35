"""A folder's tokenizer as GGUF keys: read again, it is the same tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.chat.tokenizer import Tokenizer
from nemora.chat.tokenizer_gguf import gguf_tokenizer, splittings
from nemora.chat.tokenizer_json import json_tokenizer
from nemora.chat.tokenizer_to_gguf import PROBE, gguf_tokenizer_keys
from nemora.errors import CorruptCheckpoint, NemoraError, UnsupportedCheckpoint
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.safetensors import read_json_object
from tiny_tokenizer import CUTS, MARKUP, MERGES, SIZE, SPECIAL, TEMPLATE, VOCABULARY, tokenizer_folder


@pytest.fixture(scope="module", params=CUTS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, Tokenizer]:
    """The folder's tokenizer, and what came of it."""
    checkpoint = tokenizer_folder(tmp_path_factory.mktemp("folder"), request.param)
    keys = gguf_tokenizer_keys(checkpoint, SIZE)
    assert keys["tokenizer.ggml.pre"] == request.param
    return json_tokenizer(checkpoint.tokenizer_files, "folder"), gguf_tokenizer(keys, "file")


@settings(deadline=None)
@given(text=st.text(max_size=60))
def test_text_has_the_same_tokens(pair: tuple[Tokenizer, Tokenizer], text: str) -> None:
    published, ours = pair
    for sample in (text, PROBE, f"(H 12 hello{text}"):
        assert ours.encode(sample) == published.encode(sample)
        assert ours.decode(ours.encode(sample)) == published.decode(published.encode(sample))


def test_special_tokens_keep_their_ids_and_parts(pair: tuple[Tokenizer, Tokenizer]) -> None:
    published, ours = pair
    named = {token: i for token, i in ours.special.ids.items() if not token.startswith("[PAD")}
    assert named == published.special.ids
    assert {i for i in ours.special.hidden if i < SIZE - 5} == published.special.hidden
    assert (ours.special.bos_id, ours.special.add_bos) == (published.special.bos_id, published.special.add_bos)
    assert ours.eos_ids == published.eos_ids
    assert all(ours.bytes_of(i) == published.bytes_of(i) for i in range(SIZE - 5))


def test_the_keys_are_those_that_llama_cpp_wants(tmp_path: Path) -> None:
    keys = gguf_tokenizer_keys(tokenizer_folder(tmp_path, bos=False, pairs=True), SIZE)
    first = len(VOCABULARY)
    tokens, types = keys["tokenizer.ggml.tokens"], keys["tokenizer.ggml.token_type"]
    assert len(tokens) == len(types) == SIZE
    assert tokens[-5:] == [f"[PAD{i}]" for i in range(SIZE - 5, SIZE)] and types[-5:] == [5] * 5
    assert types[:first] == [1] * first
    assert types[first:-5] == [3] * len(SPECIAL) + [4] * len(MARKUP)
    assert keys["tokenizer.ggml.merges"] == MERGES
    assert keys["tokenizer.chat_template"] == TEMPLATE
    assert keys["tokenizer.ggml.model"] == "gpt2"
    assert keys["tokenizer.ggml.eos_token_id"] == first + SPECIAL.index("<|im_end|>")
    assert keys["tokenizer.ggml.eot_token_id"] == first + SPECIAL.index("<|endoftext|>")
    assert keys["tokenizer.ggml.add_bos_token"] is False


def test_the_probe_tells_every_two_ways_of_cutting_apart_that_have_different_names_here() -> None:
    cut = {
        name: tuple(piece for piece, _ in splitting.pre_tokenizer.pre_tokenize_str(PROBE))
        for name, splitting in splittings().items()
    }
    assert len({cut["gpt-2"], cut["smollm"], cut["llama-bpe"]}) == 3


def test_a_folder_without_tokenizer_gives_no_keys_and_a_gguf_file_its_own(tmp_path: Path) -> None:
    kinds: Any = {"path": tmp_path, "architecture": "llama", "metadata": {}, "file": None}
    assert gguf_tokenizer_keys(Checkpoint(kind="safetensors", **kinds), SIZE) == {}
    own = {"tokenizer.ggml.model": "anything"}
    assert gguf_tokenizer_keys(Checkpoint(kind="gguf", tokenizer_metadata=own, **kinds), SIZE) == own


@pytest.mark.parametrize(
    ("changes", "size", "error", "match"),
    [
        ({"normalizer": {"type": "Lowercase"}}, SIZE, UnsupportedCheckpoint, "cuts text"),
        ({"decoder": {"type": "Metaspace"}}, SIZE, UnsupportedCheckpoint, "byte-level"),
        ({}, SIZE - 6, CorruptCheckpoint, "has the id"),
    ],
)
def test_what_cannot_be_carried_is_refused_in_one_sentence(
    tmp_path: Path, changes: dict[str, Any], size: int, error: type[NemoraError], match: str
) -> None:
    with pytest.raises(error, match=match) as caught:
        gguf_tokenizer_keys(tokenizer_folder(tmp_path, **changes), size)
    assert caught.value.message.endswith(".") and ". " not in caught.value.message


def test_the_published_file_is_not_changed(tmp_path: Path) -> None:
    checkpoint = tokenizer_folder(tmp_path)
    before = read_json_object(tmp_path / "tokenizer.json")
    gguf_tokenizer_keys(checkpoint, SIZE)
    assert read_json_object(tmp_path / "tokenizer.json") == before
