"""The strict header parser: beside the safetensors library, and against mutated headers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize

from hub_server import safetensors_file
from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.weights.safetensors_header import BITS, MAX_HEADER_BYTES, HeaderTensor, header_bytes, parse_header

GOOD = {
    "a.weight": ("F32", [2, 3], bytes(24)),
    "scale": ("F32", [], bytes(4)),
    "empty": ("BF16", [0, 5], b""),
    "packed": ("U8", [4, 2], bytes(8)),
    "block scales": ("F8_E4M3", [4, 1], bytes(4)),
}


def parsed(content: bytes, file_bytes: int | None = None) -> dict[str, HeaderTensor]:
    size = len(content) if file_bytes is None else file_bytes
    length = header_bytes(content[:8], size, "x.safetensors")
    return dict(parse_header(content[8 : 8 + length], size, "x.safetensors"))


def with_header(header: Any, data: int = 0) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)


def accepted_by_the_library(content: bytes) -> dict[str, tuple[str, tuple[int, ...], int]] | None:
    try:
        entries = deserialize(content)
    except SafetensorError:
        return None
    return {name: (t["dtype"], tuple(t["shape"]), len(t["data"])) for name, t in entries}


def described(tensors: dict[str, HeaderTensor]) -> dict[str, tuple[str, tuple[int, ...], int]]:
    return {name: (t.dtype, t.shape, t.stop - t.start) for name, t in tensors.items()}


def test_description_is_the_librarys() -> None:
    content = safetensors_file(GOOD)
    assert described(parsed(content)) == accepted_by_the_library(content)
    last = parsed(content)["block scales"]
    assert last.stop == len(content)


@pytest.mark.parametrize("dtype", BITS)
def test_every_type_of_the_format_has_the_librarys_size(dtype: str) -> None:
    content = safetensors_file({"t": (dtype, [3, 8], bytes(3 * BITS[dtype]))})
    assert described(parsed(content)) == {"t": (dtype, (3, 8), 3 * BITS[dtype])}
    assert accepted_by_the_library(content) is not None


def test_padding_and_metadata_are_read() -> None:
    assert parsed(with_header(b'{"__metadata__":{"format":"pt"}}   ')) == {}
    assert parsed(with_header({})) == {}


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"", "begin with an object"),
        (b" {}", "begin with an object"),
        (b"[]", "begin with an object"),
        (b"{", "not JSON"),
        (b"{}x", "not JSON"),
        (b'{"\xff": 1}', "not JSON"),
        (b'{"a":' * 40_000, "not JSON"),
        (b'{"t": {"dtype":"F32","shape":[1],"data_offsets":[0,4],"dtype":"F32"}}', "'dtype' comes twice"),
        (b'{"t": NaN}', "NaN"),
        ({"t": 1}, "'t' is not described"),
        ({"t": {}}, "'t' is not described"),
        ({"t": ENTRY | {"more": 1}}, "alone"),
        ({"t": ENTRY | {"dtype": 7}}, "dtype"),
        ({"t": ENTRY | {"shape": 2}}, "shape"),
        ({"t": ENTRY | {"shape": [2.0]}}, "shape"),
        ({"t": ENTRY | {"shape": [True, 2]}}, "shape"),
        ({"t": ENTRY | {"shape": [-2]}}, "shape"),
        ({"t": ENTRY | {"shape": [1] * 40}}, "shape"),
        ({"t": ENTRY | {"shape": [1 << 60, 0]}}, "shape"),
        ({"t": ENTRY | {"shape": [1 << 50, 1 << 50]}}, "do not fit"),
        ({"t": ENTRY | {"shape": [3]}}, "do not fit"),
        ({"t": ENTRY | {"data_offsets": [0]}}, "data_offsets"),
        ({"t": ENTRY | {"data_offsets": [0, 8, 16]}}, "data_offsets"),
        ({"t": ENTRY | {"data_offsets": [8, 0]}}, "do not fit"),
        ({"t": ENTRY | {"data_offsets": [-8, 0]}}, "data_offsets"),
        ({"t": ENTRY | {"data_offsets": [8, 16]}}, "gap"),
        ({"t": ENTRY, "u": ENTRY}, "overlaps"),
        ({"t": ENTRY, "u": ENTRY | {"data_offsets": [4, 12]}}, "overlaps"),
        ({"t": {"dtype": "F4", "shape": [3], "data_offsets": [0, 2]}}, "do not fit"),
        ({}, "end at byte"),
        ({"t": ENTRY, "u": ENTRY | {"data_offsets": [8, 16]}, "v": ENTRY | {"data_offsets": [16, 24]}}, "end at byte"),
        ({"__metadata__": {"a": 1}}, "__metadata__"),
        ({"__metadata__": "x"}, "__metadata__"),
        ({"t\x1b": 1}, "t\\?"),
    ],
)
def test_damage_is_named(header: Any, words: str) -> None:
    with pytest.raises(CorruptCheckpoint, match=words) as caught:
        parsed(with_header(header, 16 if not isinstance(header, bytes) else 0))
    message = str(caught.value)
    assert "x.safetensors" in message and message.isprintable() and len(message) < 400


def test_unknown_type_is_unsupported_by_name() -> None:
    with pytest.raises(UnsupportedCheckpoint, match=r"Tensor t of x.safetensors has the type F2\?;"):
        parsed(with_header({"t": ENTRY | {"dtype": "F2\x1b"}}, 8))


@pytest.mark.parametrize(
    ("beginning", "file_bytes"),
    [(b"", 0), (b"1234567", 7), (bytes(8), 7), (b"\xff" * 8, 1 << 40), ((9).to_bytes(8, "little"), 16)],
)
def test_length_that_cannot_be_is_refused(beginning: bytes, file_bytes: int) -> None:
    with pytest.raises(CorruptCheckpoint, match=r"x\.safetensors"):
        header_bytes(beginning, file_bytes, "x.safetensors")


def test_longest_header_is_bounded() -> None:
    length = MAX_HEADER_BYTES.to_bytes(8, "little")
    assert header_bytes(length, 1 << 40, "x") == MAX_HEADER_BYTES
    with pytest.raises(CorruptCheckpoint, match="at most"):
        header_bytes((MAX_HEADER_BYTES + 1).to_bytes(8, "little"), 1 << 40, "x")


def test_header_of_a_million_nothings_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.weights.strict_json.MAX_CONTAINERS", 100)
    monkeypatch.setattr("json.loads", lambda *_, **__: pytest.fail("it was parsed"))
    with pytest.raises(CorruptCheckpoint, match="more than 100 objects"):
        parsed(with_header(b'{"t":[' + b"[]," * 100 + b"0]}"))


@pytest.mark.parametrize("limit", ["MAX_CONTAINERS", "MAX_KEYS", "MAX_ITEMS"])
def test_header_of_as_many_tensors_as_there_may_be_has_room_for_its_parts(limit: str) -> None:
    from nemora.weights import strict_json
    from nemora.weights.safetensors_header import MAX_TENSORS

    one = json.dumps({"t": ENTRY})
    parts = {"MAX_CONTAINERS": one.count("{") + one.count("["), "MAX_KEYS": one.count(":")}
    parts["MAX_ITEMS"] = one.count(",") + 10  # of a shape with many dimensions
    assert parts[limit] * MAX_TENSORS <= getattr(strict_json, limit)


@pytest.mark.parametrize(("limit", "what"), [("MAX_KEYS", "keys"), ("MAX_ITEMS", "items")])
def test_header_of_too_many_parts_costs_no_memory(monkeypatch: pytest.MonkeyPatch, limit: str, what: str) -> None:
    monkeypatch.setattr(f"nemora.weights.strict_json.{limit}", 2)
    monkeypatch.setattr("json.loads", lambda *_, **__: pytest.fail("it was parsed"))
    with pytest.raises(CorruptCheckpoint, match=f"more than 2 {what}"):
        parsed(with_header(b'{"a":0,"b":0,"c":0,"d":0}'))


def test_huge_number_is_no_crash() -> None:
    with pytest.raises(CorruptCheckpoint):
        parsed(with_header(b'{"t":{"dtype":"F32","shape":[' + b"9" * 100_000 + b'],"data_offsets":[0,4]}}'))


def holds_to_the_library(content: bytes) -> None:
    """What is accepted here is accepted there, and described alike; what is refused is one of two named errors."""
    try:
        ours = described(parsed(content))
    except (CorruptCheckpoint, UnsupportedCheckpoint) as refused:
        message = str(refused)
    else:
        assert accepted_by_the_library(content) == ours
        return
    assert "x.safetensors" in message and message.isprintable() and len(message) < 600


@settings(max_examples=400)
@given(st.data())
def test_mutated_file_is_read_as_the_library_does_or_refused(data: st.DataObject) -> None:
    content = bytearray(safetensors_file(GOOD))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["set", "insert", "delete", "cut", "swap digit"])):
            case "set":
                content[place] = data.draw(st.integers(0, 255))
            case "insert":
                content[place:place] = data.draw(
                    st.sampled_from([b'"', b"[", b"{", b"0", b"-", b",", b"e9", b"\\u0000"])
                )
            case "delete":
                del content[place : place + data.draw(st.integers(1, 9))]
            case "cut":
                del content[place:]
            case "swap digit":
                content[place : place + 1] = str(data.draw(st.integers(0, 99))).encode()
        if not content:
            break
    holds_to_the_library(bytes(content))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 40) | st.floats() | st.sampled_from([*BITS, "", "x"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
TENSOR = st.fixed_dictionaries(
    {"dtype": st.sampled_from(["F32", "U8", "F4", "x"]) | VALUES},
    optional={
        "shape": st.lists(st.integers(0, 3), max_size=3) | VALUES,
        "data_offsets": st.lists(st.integers(0, 12), min_size=2, max_size=2) | VALUES,
    },
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), TENSOR | VALUES), st.integers(0, 12))
def test_any_table_is_read_as_the_library_does_or_refused(table: dict[str, Any], data: int) -> None:
    holds_to_the_library(with_header(table, data))


@given(st.lists(st.tuples(st.sampled_from(["F32", "BF16", "U8"]), st.lists(st.integers(0, 4), max_size=3)), max_size=5))
def test_sound_file_is_always_accepted(tensors: list[tuple[str, list[int]]]) -> None:
    sizes = []
    for dtype, shape in tensors:
        size = BITS[dtype] // 8
        for dimension in shape:
            size *= dimension
        sizes.append(size)
    content = safetensors_file(
        {
            str(i): (dtype, shape, bytes(size))
            for i, ((dtype, shape), size) in enumerate(zip(tensors, sizes, strict=True))
        }
    )
    assert described(parsed(content)) == accepted_by_the_library(content)


def test_parser_needs_no_torch(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "import sys, nemora.weights.safetensors_header; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, cwd=tmp_path).returncode == 0
