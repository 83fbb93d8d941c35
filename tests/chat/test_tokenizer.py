from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_vocabulary import MARKUP, MERGES, SPECIAL, metadata, small_tokenizer

from nemora.chat.stream_decoder import StreamDecoder
from nemora.chat.tokenizer import Tokenizer, byte_symbols
from nemora.chat.tokenizer_gguf import gguf_tokenizer
from nemora.chat.tokenizer_json import json_tokenizer
from nemora.chat.tokenizer_source import load_tokenizer
from nemora.errors import CorruptCheckpoint, RequestError, UnsupportedCheckpoint
from starter import needs_starter

GOLDEN = json.loads((Path(__file__).parent / "golden" / "smollm2_tokens.json").read_text())
TOKENIZER = small_tokenizer()
texts = st.text(max_size=60) | st.lists(
    st.sampled_from([*SPECIAL, *MARKUP, "hello", " ", "\n", "12", "é", "日本", "👨‍👩‍👧", "<|", "|>", "\x00"])
).map("".join)


@needs_starter
@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: repr(row["text"])[:30])
def test_hard_strings_tokenise_as_other_programs_do(row, starter_checkpoint):
    assert load_tokenizer(starter_checkpoint).encode(row["text"]) == row["ids"]


def test_golden_file_has_both_references_disagree_only_about_numerals():
    differing = [row["text"] for row in GOLDEN if not row["transformers_agrees"]]
    assert len(GOLDEN) > 50 and 0 < len(differing) < 6
    assert all(any(c.isnumeric() for c in text) for text in differing)


@given(texts)
def test_text_survives_encoding(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@given(texts)
def test_text_never_becomes_a_special_id(text):
    assert not set(TOKENIZER.encode(text)) & set(TOKENIZER.special.ids.values())


@settings(max_examples=200)
@given(st.lists(st.integers(-2, 300), max_size=30), st.data())
def test_stream_pieces_joined_equal_the_whole(ids, data):
    whole = TOKENIZER.decode(ids, skip_hidden=True)
    decoder, pieces, position = StreamDecoder(TOKENIZER), [], 0
    while position < len(ids):
        step = data.draw(st.integers(1, 4))
        pieces.append(decoder.feed(ids[position : position + step]))
        position += step
        assert whole.startswith("".join(pieces))
    assert "".join(pieces) + decoder.finish() == whole


@given(st.text(max_size=30))
def test_stream_never_shows_a_broken_character(text):
    decoder = StreamDecoder(TOKENIZER)
    pieces = [decoder.feed([i]) for i in TOKENIZER.encode(text)]
    assert decoder.finish() == ""
    assert all("\ufffd" not in piece for piece in pieces) or "\ufffd" in text


def test_incomplete_character_is_flushed_as_a_replacement():
    decoder = StreamDecoder(TOKENIZER)
    assert decoder.feed(TOKENIZER.encode("é")[:1]) == ""
    assert decoder.finish() == "\ufffd"


def test_control_tokens_are_hidden_and_markup_is_not():
    ids = [TOKENIZER.special.ids[t] for t in ("<|im_start|>", "<think>", "<|im_end|>")]
    assert TOKENIZER.decode(ids, skip_hidden=True) == "<think>"
    assert TOKENIZER.decode(ids) == "<|im_start|><think><|im_end|>"
    assert StreamDecoder(TOKENIZER, visible={ids[0]}).feed(ids) == "<|im_start|><think>"


def test_lone_surrogates_are_refused():
    with pytest.raises(RequestError):
        TOKENIZER.encode("a\ud800b")


@pytest.mark.parametrize(
    ("pre", "text", "words"),
    [
        ("gpt-2", "x  12", ["x", "Ġ", "Ġ", "12"]),
        ("smollm", "x  12", ["x", "Ġ", "Ġ", "1", "2"]),
        ("llama-bpe", "1212", ["12", "1", "2"]),
    ],
)
def test_words_are_cut_as_the_file_says(pre, text, words):
    tokenizer = small_tokenizer(pre)
    assert [tokenizer.decode([i]) for i in tokenizer.encode(text)] == [w.replace("Ġ", " ") for w in words]


def test_bos_belongs_to_llama_prompts_unless_the_file_says_no():
    assert small_tokenizer("llama-bpe").special.add_bos
    assert not small_tokenizer("smollm").special.add_bos
    assert not gguf_tokenizer(metadata("llama-bpe", **{"tokenizer.ggml.add_bos_token": False}), "x").special.add_bos


@pytest.mark.parametrize(
    ("changes", "error", "named"),
    [
        ({"tokenizer.ggml.pre": "tekken-7"}, UnsupportedCheckpoint, "tekken-7"),
        ({"tokenizer.ggml.pre": None}, UnsupportedCheckpoint, "pre-tokenizer"),
        ({"tokenizer.ggml.model": "llama"}, UnsupportedCheckpoint, "llama"),
        ({"tokenizer.ggml.model": None}, UnsupportedCheckpoint, "no tokenizer"),
        ({"tokenizer.ggml.tokens": "abc"}, CorruptCheckpoint, "tokens"),
        ({"tokenizer.ggml.token_type": [1]}, CorruptCheckpoint, "types"),
        ({"tokenizer.ggml.merges": ["a b c"]}, CorruptCheckpoint, "merge"),
        ({"tokenizer.ggml.merges": ["q zz"]}, CorruptCheckpoint, "merges"),
        ({"tokenizer.ggml.eos_token_id": 10**6}, CorruptCheckpoint, "eos_token_id"),
        ({"tokenizer.ggml.bos_token_id": -1}, CorruptCheckpoint, "bos_token_id"),
    ],
)
def test_bad_metadata_is_one_clear_error(changes, error, named):
    with pytest.raises(error, match=named):
        gguf_tokenizer({**metadata(), **changes}, "bad.gguf")


def tokenizer_json(**changes: object) -> dict[str, object]:
    symbols = [*byte_symbols(), *("".join(m.split(" ")) for m in MERGES)]
    added = [*SPECIAL, *MARKUP]
    table: dict[str, object] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": len(symbols) + n, "content": t, "special": t in SPECIAL, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
            for n, t in enumerate(added)
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [],
            "special_tokens": {},
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "vocab": {t: i for i, t in enumerate(symbols)}, "merges": MERGES},
    }  # fmt: skip
    return table | changes


def folder_tokenizer(tmp_path: Path, table: object) -> Tokenizer:
    (tmp_path / "tokenizer.json").write_text(json.dumps(table))
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"eos_token": {"content": "<|im_end|>"}, "bos_token": "<|im_start|>"})
    )
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [256 + 7]}))
    names = ("tokenizer.json", "tokenizer_config.json", "generation_config.json")
    return json_tokenizer({name: tmp_path / name for name in names}, "folder")


def test_folder_tokenizer_agrees_with_the_gguf_one(tmp_path):
    tokenizer = folder_tokenizer(tmp_path, tokenizer_json())
    for text in ("hello wo 12", "<|im_end|><think>é", "  \n"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
        assert [tokenizer.bytes_of(i) for i in tokenizer.encode(text)] == [TOKENIZER.bytes_of(i) for i in TOKENIZER.encode(text)]  # fmt: skip
        assert not set(tokenizer.encode(text)) & set(tokenizer.special.ids.values())
    first = 256 + len(MERGES)
    assert tokenizer.special.ids["<|endoftext|>"] == first
    assert tokenizer.eos_ids == {first, first + 2}
    assert tokenizer.special.bos_id == first + 1
    assert tokenizer.special.add_bos
    assert tokenizer.special.hidden == {first, first + 1, first + 2}


@pytest.mark.parametrize(
    ("table", "error"),
    [
        (tokenizer_json(decoder={"type": "Metaspace"}), UnsupportedCheckpoint),
        (tokenizer_json(model={"type": "WordPiece", "vocab": {}}), UnsupportedCheckpoint),
        (tokenizer_json(model={"type": "BPE", "vocab": {"日": 1}, "merges": []}), CorruptCheckpoint),
        (tokenizer_json(model={"type": "BPE", "vocab": {"a": 1 << 40}, "merges": []}), CorruptCheckpoint),
        (tokenizer_json(model={"type": "BPE", "vocab": {"a": 1}, "merges": ["a zz"]}), CorruptCheckpoint),
        (tokenizer_json(added_tokens=[{"id": "x"}]), CorruptCheckpoint),
        (tokenizer_json(added_tokens=[{"id": 1, "content": "<a>", "special": True, "lstrip": True}]), UnsupportedCheckpoint),
        ([], CorruptCheckpoint),
        ({}, CorruptCheckpoint),
    ],
)  # fmt: skip
def test_bad_tokenizer_json_is_one_clear_error(tmp_path, table, error):
    with pytest.raises(error):
        folder_tokenizer(tmp_path, table)


def test_folder_without_tokenizer_says_so():
    with pytest.raises(UnsupportedCheckpoint, match=r"tokenizer\.json"):
        json_tokenizer({}, "folder")
