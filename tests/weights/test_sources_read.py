"""Pieces of remote files: bounded, asked for again when a server stumbles, and never of another file."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from file_server import Behaviour, serving, unused_port
from hub_server import COMMIT, REPO, Hub, serving_hub
from nemora.weights.fetch_part import AccessRefused, SourceFailed
from nemora.weights.sources_read import Reader

CONTENT = bytes(i * i % 251 for i in range(700_000))
Read = Callable[[Reader, str], bytes]
READS: list[Read] = [lambda r, url: r.whole(url, 10**6), lambda r, url: r.range(url, 5, 700_000, 700_000)]


def read(behaviour: Behaviour, how: Read, **options: Any) -> bytes:
    with serving(behaviour) as url, Reader(pause_seconds=0.0, **options) as reader:
        return how(reader, f"{url}/w")


@pytest.mark.parametrize(("how", "start"), [(READS[0], 0), (READS[1], 5)])
def test_bytes_arrive_after_a_busy_answer_and_a_cut(how: Read, start: int) -> None:
    behaviour = Behaviour(CONTENT, answers=[503], cut=1000, cuts_left=1)
    assert read(behaviour, how) == CONTENT[start:]
    assert len(behaviour.seen) == 3
    assert behaviour.seen[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize("how", READS)
@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({"answers": [503] * 9}, "503"),
        ({"answers": [404] * 9}, "404"),
        ({"cut": 1000}, "connection broke"),
        ({"encoding": "gzip"}, "compressed"),
        ({"redirect_to": "/again"}, "redirects"),
        ({"redirect_to": "file:///etc/passwd"}, "redirects"),
    ],
)
def test_server_that_misbehaves_is_a_reason(how: Read, behaviour: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceFailed, match=words):
        read(Behaviour(CONTENT, **copy.deepcopy(behaviour)), how)


@pytest.mark.parametrize("status", [401, 403])
def test_refusal_is_told_apart_and_not_retried(status: int) -> None:
    behaviour = Behaviour(CONTENT, answers=[status] * 9)
    with pytest.raises(AccessRefused):
        read(behaviour, READS[0])
    assert len(behaviour.seen) == 1


def test_whole_file_is_bounded_whatever_length_is_claimed() -> None:
    for send_length in (True, False):
        behaviour = Behaviour(CONTENT, send_length=send_length)
        with serving(behaviour) as url, Reader() as reader:
            with pytest.raises(SourceFailed, match="more than 999 bytes"):
                reader.whole(f"{url}/w", 999)
            assert reader.bytes_read < len(CONTENT) // 2
            assert reader.whole(f"{url}/w", len(CONTENT)) == CONTENT


def test_server_without_ranges_sends_no_more_than_is_needed() -> None:
    with serving(Behaviour(CONTENT, ranges=False)) as url, Reader() as reader:
        assert reader.range(f"{url}/w", 100, 200, len(CONTENT)) == CONTENT[100:200]
        assert reader.bytes_read < len(CONTENT) // 2


@pytest.mark.parametrize("start", [0, 7])
def test_file_of_another_size_is_refused(start: int) -> None:
    with pytest.raises(SourceFailed, match="another size"):
        read(Behaviour(CONTENT), lambda r, url: r.range(url, start, 20, 700_001))


@pytest.mark.parametrize("size", [299, 301])
def test_range_of_a_file_of_another_size_is_refused(size: int) -> None:
    hub = Hub({"f": bytes(300)})
    with serving_hub(hub) as url, Reader() as reader, pytest.raises(SourceFailed, match="another file"):
        reader.range(f"{url}/{REPO}/resolve/{COMMIT}/f", 5, 10, size)


def test_nothing_is_asked_for_an_empty_range() -> None:
    behaviour = Behaviour(CONTENT)
    assert read(behaviour, lambda r, url: r.range(url, 5, 5, 700_000)) == b""
    assert behaviour.seen == []


def test_dripping_server_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.weights.sources_read.MAX_SECONDS", -1.0)
    with pytest.raises(SourceFailed, match="seconds"):
        read(Behaviour(CONTENT), READS[0])


def test_nobody_there_is_one_reason() -> None:
    with Reader(pause_seconds=0.0) as reader, pytest.raises(SourceFailed, match="no connection"):
        reader.whole(f"http://127.0.0.1:{unused_port()}/w", 10)
