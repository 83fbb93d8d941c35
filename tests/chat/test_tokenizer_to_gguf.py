"""A folder's tokenizer as GGUF keys: read again, it is the same tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_vocabulary import CHATML, MARKUP, MERGES, SPECIAL

from nemora.chat.tokenizer import Tokenizer, byte_symbols
from nemora.chat.tokenizer_gguf import gguf_tokenizer, splittings
from nemora.chat.tokenizer_json import json_tokenizer
from nemora.chat.tokenizer_to_gguf import PROBE, gguf_tokenizer_keys
from nemora.errors import CorruptCheckpoint, NemoraError, UnsupportedCheckpoint
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.safetensors import read_json_object

VOCABULARY = [*byte_symbols(), *("".join(merge.split(" ")) for merge in [*MERGES, "( H"])]
SIZE = len(VOCABULARY) + len(SPECIAL) + len(MARKUP) + 5
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
CUTS: dict[str, dict[str, Any]] = {
    "gpt-2": {**BYTES, "use_regex": True},
    "smollm": {
        "type": "Sequence",
        "pretokenizers": [{"type": "Digits", "individual_digits": True}, {**BYTES, "use_regex": True}],
    },
    "llama-bpe": {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": "Isolated", "invert": False},
            {**BYTES, "use_regex": False},
        ],
    },
}


def folder(path: Path, cut: str = "gpt-2", *, bos: bool = True, pairs: bool = False, **changes: Any) -> Checkpoint:
    """A checkpoint that is only a tokenizer."""
    merges = [*MERGES, "( H"]
    single: list[Any] = [{"Sequence": {"id": "A", "type_id": 0}}]
    if bos:
        single.insert(0, {"SpecialToken": {"id": "<|im_start|>", "type_id": 0}})
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    table: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": len(VOCABULARY) + n, "content": token, "special": token in SPECIAL, **plain}
            for n, token in enumerate([*SPECIAL, *MARKUP])
        ],
        "normalizer": None,
        "pre_tokenizer": CUTS[cut],
        "post_processor": {"type": "TemplateProcessing", "single": single, "pair": [], "special_tokens": {}},
        "decoder": {**BYTES, "use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": {token: n for n, token in enumerate(VOCABULARY)},
            "merges": [merge.split(" ") for merge in merges] if pairs else merges,
            "ignore_merges": cut == "llama-bpe",
        },
        **changes,
    }
    files = {
        "tokenizer.json": table,
        "tokenizer_config.json": {"eos_token": {"content": "<|im_end|>"}, "bos_token": "<|im_start|>"},
        "generation_config.json": {"eos_token_id": [len(VOCABULARY), len(VOCABULARY) + 2]},
    }
    for name, content in files.items():
        (path / name).write_text(json.dumps(content))
    return Checkpoint(
        path=path,
        kind="safetensors",
        architecture="llama",
        metadata={},
        file=None,  # type: ignore[arg-type]
        tokenizer_files={name: path / name for name in files},
        chat_template=CHATML,
    )


@pytest.fixture(scope="module", params=CUTS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, Tokenizer]:
    """The folder's tokenizer, and what came of it."""
    checkpoint = folder(tmp_path_factory.mktemp("folder"), request.param)
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
    keys = gguf_tokenizer_keys(folder(tmp_path, bos=False, pairs=True), SIZE)
    first = len(VOCABULARY)
    tokens, types = keys["tokenizer.ggml.tokens"], keys["tokenizer.ggml.token_type"]
    assert len(tokens) == len(types) == SIZE
    assert tokens[-5:] == [f"[PAD{i}]" for i in range(SIZE - 5, SIZE)] and types[-5:] == [5] * 5
    assert types[:first] == [1] * first
    assert types[first:-5] == [3] * len(SPECIAL) + [4] * len(MARKUP)
    assert keys["tokenizer.ggml.merges"] == [*MERGES, "( H"]
    assert keys["tokenizer.chat_template"] == CHATML
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
        gguf_tokenizer_keys(folder(tmp_path, **changes), size)
    assert caught.value.message.endswith(".") and ". " not in caught.value.message


def test_the_published_file_is_not_changed(tmp_path: Path) -> None:
    checkpoint = folder(tmp_path)
    before = read_json_object(tmp_path / "tokenizer.json")
    gguf_tokenizer_keys(checkpoint, SIZE)
    assert read_json_object(tmp_path / "tokenizer.json") == before
