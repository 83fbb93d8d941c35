"""A model on the hub, described without its weights: the same as when it is here, and never more bytes than headers."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_gguf import file as gguf_file
from test_gguf import key as gguf_key
from test_gguf import tensor as gguf_tensor
from test_gguf import text as gguf_text

from hub_server import COMMIT, REPO, TOKEN, Hub, safetensors_file, serving_hub
from nemora.errors import CorruptCheckpoint, FetchError, UnknownModel, UnsupportedCheckpoint
from nemora.weights import fetch, remote_headers
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.gguf import GGUFHeader, HeaderCut
from nemora.weights.remote_headers import RemoteCheckpoint, open_remote

BIG = 600_000
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
FIRST = {"a": ("BF16", [4, BIG // 8], bytes(BIG)), "norm": ("F32", [3], bytes(12))}
SECOND = {"b": ("F16", [2, BIG // 4], bytes(BIG))}
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "hf_quant_config.json": b'{"producer": {"name": "modelopt"}, "quantization": {"quant_algo": null}}',
    INDEX: json.dumps({"weight_map": {"a": ONE, "norm": ONE, "b": TWO}}).encode(),
    ONE: safetensors_file(FIRST),
    TWO: safetensors_file(SECOND),
}
GGUF_KEYS = [
    gguf_key("general.architecture", 8, gguf_text("llama")),
    gguf_key("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 400) + gguf_text("token") * 400),
    gguf_key("tokenizer.ggml.scores", 9, struct.pack("<IQ", 6, 400) + bytes(1600)),
]
GGUF = gguf_file(GGUF_KEYS, [gguf_tensor("a", (32, 4), 8), gguf_tensor("b", (5,), 0, 160)], bytes(160 + 20))


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub(dict(FILES), large={ONE, TWO, "model.safetensors", "m.gguf"})
    with serving_hub(hub) as url:
        hub.url = url  # type: ignore[attr-defined]
        yield hub


def opened(hub: Hub, **options: Any) -> RemoteCheckpoint:
    return open_remote(REPO, endpoint=hub.url, pause_seconds=0.0, **options)  # type: ignore[attr-defined]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers do not fit the first piece."""
    monkeypatch.setattr(remote_headers, "FIRST_BYTES", 8)
    monkeypatch.setattr(remote_headers, "FIRST_GGUF_BYTES", 24)


def test_folder_is_described_as_when_it_is_here(hub: Hub, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.weights.catalog.HUB", hub.url)  # type: ignore[attr-defined]
    remote = open_remote(REPO)
    here = open_checkpoint(fetch.resolve(f"hub:{REPO}", cache=tmp_path))
    assert {n: (t.dtype, t.shape, t.rows, t.stored_bytes) for n, t in remote.tensors.items()} == {
        n: (t.format.name, t.shape, t.rows, t.stored_bytes) for n, t in here.file.tensors.items()
    }
    assert (remote.kind, remote.architecture, remote.metadata) == (here.kind, here.architecture, here.metadata)
    assert remote.commit == COMMIT
    assert remote.quantisation == {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": None}}


@pytest.mark.parametrize("ranges", [True, False])
def test_no_more_than_the_first_piece_of_each_file_is_read(hub: Hub, ranges: bool) -> None:
    hub.ranges = ranges
    remote = opened(hub)
    assert remote.tensors["a"].shape == (4, BIG // 8)
    whole = sum(len(FILES[name]) for name in (ONE, TWO))
    assert remote.file_bytes == whole
    small = sum(len(data) for name, data in FILES.items() if name not in (ONE, TWO))
    assert remote.bytes_read <= small + 2 * (remote_headers.FIRST_BYTES + 65536) < whole


@pytest.mark.parametrize("ranges", [True, False])
def test_header_longer_than_the_first_piece_is_completed(hub: Hub, small_pieces: None, ranges: bool) -> None:
    hub.ranges = ranges
    assert set(opened(hub).tensors) == {"a", "norm", "b"}
    if ranges:
        headers = sum(8 + int.from_bytes(FILES[name][:8], "little") for name in (ONE, TWO))
        assert sum(hub.sent[name] for name in (ONE, TWO)) == headers


def test_single_file_needs_no_index(hub: Hub) -> None:
    hub.files = {"config.json": FILES["config.json"], "model.safetensors": FILES[ONE], "other.safetensors": FILES[TWO]}
    remote = opened(hub)
    assert set(remote.tensors) == {"a", "norm"}
    assert remote.quantisation is None


def test_token_stays_at_the_hub(hub: Hub) -> None:
    hub.needs_token = hub.files_need_token = True
    opened(hub, token=TOKEN)
    assert {headers.get("authorization") for name, _, headers in hub.asked if name == "store"} == {None}


@pytest.mark.parametrize("place", ["needs_token", "files_need_token"])
def test_gated_repository_says_what_to_do(hub: Hub, place: str) -> None:
    setattr(hub, place, True)
    with pytest.raises(FetchError, match="set HF_TOKEN"):
        opened(hub)


def test_file_that_ends_early_is_asked_for_again_and_then_left(hub: Hub) -> None:
    hub.cut[TWO] = 10
    with pytest.raises(FetchError, match=rf"{TWO} of {REPO} cannot be read"):
        opened(hub)
    assert len([path for path in hub.paths("store") if TWO in path]) == 3


@pytest.mark.parametrize("ranges", [True, False])
def test_size_that_the_store_does_not_confirm_is_an_error(hub: Hub, ranges: bool) -> None:
    hub.ranges, hub.served[TWO] = ranges, FILES[TWO] + b"?"
    with pytest.raises(FetchError, match=TWO):
        opened(hub)


def test_listed_size_that_lies_contradicts_the_header(hub: Hub) -> None:
    hub.files[TWO] += b"?"
    with pytest.raises(CorruptCheckpoint, match=rf"{TWO} is damaged: its tensors end"):
        opened(hub)


@pytest.mark.parametrize("name", ["config.json", INDEX, "hf_quant_config.json"])
def test_settings_of_other_bytes_are_not_believed(hub: Hub, name: str) -> None:
    hub.served[name] = FILES[name][:-1] + b" "
    with pytest.raises(FetchError, match=f"other bytes of {name}"):
        opened(hub)


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (b"{", "not JSON"),
        (b"{}", "weight_map"),
        (b'{"weight_map": []}', "weight_map"),
        (json.dumps({"weight_map": {"a": ONE, "b": TWO}}).encode(), "disagree"),
        (json.dumps({"weight_map": {"a": ONE, "norm": ONE, "b": TWO, "c": TWO}}).encode(), "disagree"),
        (json.dumps({"weight_map": {"a": "../x.safetensors"}}).encode(), "no file of this folder"),
        (json.dumps({"weight_map": {"a": "config.json"}}).encode(), "no file of this folder"),
        (json.dumps({"weight_map": {"a": 7}}).encode(), "no file of this folder"),
        (json.dumps({"weight_map": {"a": "model-9.safetensors"}}).encode(), "does not have"),
    ],
)
def test_index_that_contradicts_the_files_is_refused(hub: Hub, index: bytes, words: str) -> None:
    hub.files[INDEX] = index
    with pytest.raises(CorruptCheckpoint, match=words):
        opened(hub)


def test_tensor_in_two_files_is_refused(hub: Hub) -> None:
    hub.files[TWO] = safetensors_file(SECOND | {"norm": ("F32", [3], bytes(12))})
    with pytest.raises(CorruptCheckpoint, match="norm"):
        opened(hub)


def test_missing_parts_are_named(hub: Hub) -> None:
    del hub.files[INDEX]
    with pytest.raises(CorruptCheckpoint, match=r"neither model\.safetensors nor"):
        opened(hub)
    del hub.files["config.json"]
    with pytest.raises(FetchError, match=r"no config\.json"):
        opened(hub)
    with pytest.raises(UnknownModel):
        open_remote("../x")


@pytest.mark.parametrize("start", [b"", b"\xff" * 8, b"\x02" + bytes(7) + b"[]", bytes(8)])
def test_file_that_is_no_safetensors_is_named(hub: Hub, start: bytes) -> None:
    hub.files[ONE] = start
    with pytest.raises(CorruptCheckpoint, match=ONE):
        opened(hub)


def test_claimed_header_is_not_fetched_beyond_its_bound(hub: Hub) -> None:
    hub.files[ONE] = (100_000_001).to_bytes(8, "little") + bytes(200_000)
    with pytest.raises(CorruptCheckpoint, match="at most"):
        opened(hub)
    assert hub.sent[ONE] <= remote_headers.FIRST_BYTES


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("content", [GGUF, gguf_file(GGUF_KEYS, [gguf_tensor("a", (BIG,))], bytes(4 * BIG))])
def test_gguf_is_described_as_when_it_is_here(
    hub: Hub, tmp_path: Any, small_pieces: None, ranges: bool, content: bytes
) -> None:
    hub.files, hub.ranges = {"m.gguf": content}, ranges
    remote = opened(hub, file="m.gguf")
    (tmp_path / "m.gguf").write_bytes(content)
    here = open_checkpoint(tmp_path / "m.gguf")
    assert {n: (t.dtype, t.shape, t.stored_bytes) for n, t in remote.tensors.items()} == {
        n: (t.format.name, t.shape, t.stored_bytes) for n, t in here.file.tensors.items()
    }
    assert (remote.kind, remote.architecture, remote.metadata) == ("gguf", "llama", here.metadata)
    assert remote.bytes_read < len(content) or len(content) < 100_000


def test_gguf_that_is_damaged_or_cut_is_named(hub: Hub, small_pieces: None) -> None:
    for content, words in [
        (b"GGUX" + GGUF[4:], "not a GGUF file"),
        (GGUF[:-1], "ends at byte"),
        (GGUF[:3000], "m.gguf is damaged"),
        (b"", "not a GGUF file"),
    ]:
        hub.files = {"m.gguf": content}
        with pytest.raises(CorruptCheckpoint, match=words):
            opened(hub, file="m.gguf")


def test_gguf_header_over_the_bound_is_left(hub: Hub, small_pieces: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gguf.MAX_HEADER_BYTES", "remote_headers.MAX_GGUF_HEADER_BYTES"):
        monkeypatch.setattr(f"nemora.weights.{name}", 2000)
    hub.files = {"m.gguf": GGUF}
    with pytest.raises(CorruptCheckpoint):
        opened(hub, file="m.gguf")
    assert hub.sent["m.gguf"] <= 2000


def test_gguf_that_is_no_model_is_refused(hub: Hub) -> None:
    hub.files = {"m.gguf": gguf_file([*GGUF_KEYS, gguf_key("general.type", 8, gguf_text("adapter"))])}
    with pytest.raises(UnsupportedCheckpoint, match=r"general\.type"):
        opened(hub, file="m.gguf")


HEAD = len(GGUF) - 180


@settings(max_examples=60)
@given(st.integers(0, HEAD - 32))
def test_beginning_of_a_gguf_file_is_cut_and_never_corrupt(length: int) -> None:
    if length < 4:
        with pytest.raises((HeaderCut, CorruptCheckpoint)):
            GGUFHeader(GGUF[:length], "m.gguf", len(GGUF))
    else:
        with pytest.raises(HeaderCut):
            GGUFHeader(GGUF[:length], "m.gguf", len(GGUF))


@settings(max_examples=200)
@given(st.integers(0, HEAD - 1), st.integers(0, 255), st.integers(4, len(GGUF)))
def test_mutated_beginning_is_cut_refused_or_read_like_the_whole(place: int, value: int, length: int) -> None:
    content = GGUF[:place] + bytes([value]) + GGUF[place + 1 :]
    outcomes = []
    for buffer in (content[:length], content):
        try:
            header = GGUFHeader(buffer, "m.gguf", len(content))
        except HeaderCut:
            outcomes.append("cut")
        except (CorruptCheckpoint, UnsupportedCheckpoint) as refused:
            outcomes.append(str(refused))
        else:
            outcomes.append(repr((header.metadata, header.tensors, header.offsets)))
    assert outcomes[0] in ("cut", outcomes[1])
    assert outcomes[1] != "cut"
