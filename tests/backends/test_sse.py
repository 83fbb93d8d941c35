"""Events come out the same however the bytes are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.backends.sse import EventDecoder
from nemora.errors import BackendError


def events(pieces: list[bytes]) -> list[str]:
    decoder = EventDecoder()
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return found + decoder.finish()


def test_data_comments_names_and_line_ends() -> None:
    stream = b": ping\r\nevent: x\ndata: a\rdata:b\n\n\r\n\r\ndata:\n\ndata: c\xc3\xa9\n\nid: 1\n\ndata: last"
    assert events([stream]) == ["a\nb", "", "cé", "last"]


def test_a_byte_order_mark_is_skipped_once() -> None:
    assert events([b"\xef\xbb\xbfdata: a\n\ndata: \xef\xbb\xbfb\n\n"]) == ["a", "\ufeffb"]


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=8), min_size=1, max_size=5
    ),
    st.sampled_from([b"\n", b"\r", b"\r\n"]),
    st.lists(st.integers(0, 80), max_size=8),
)
@settings(max_examples=300, deadline=None)
def test_any_cut_gives_the_same_events(texts: list[str], end: bytes, cuts: list[int]) -> None:
    stream = b"".join(b"data: " + text.encode() + end + end for text in texts)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert events(pieces) == texts
    assert events([bytes([byte]) for byte in stream]) == texts


@given(st.lists(st.binary(max_size=30), max_size=6))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_events_or_a_backend_error(pieces: list[bytes]) -> None:
    try:
        found = events(pieces)
    except BackendError:
        return
    assert all(isinstance(event, str) for event in found)


@pytest.mark.parametrize("line", [b"x" * 300, b"data: " + b"y" * 300 + b"\n", b"data: 123456789\n" * 30])
def test_an_endless_line_or_event_is_cut_off(line: bytes) -> None:
    decoder = EventDecoder(max_line_bytes=200)
    pieces = [line[start : start + 10] for start in range(0, len(line), 10)]
    with pytest.raises(BackendError, match="200 bytes"):
        _ = [decoder.feed(piece) for piece in pieces]
