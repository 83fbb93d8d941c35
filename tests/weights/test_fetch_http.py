"""Fetching over a real socket: resuming, servers that misbehave, and tokens that stay home."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from file_server import Behaviour, serving, unused_port
from nemora.errors import FetchError
from nemora.weights.catalog import ModelFile, UrlFile
from nemora.weights.fetch_part import PartFile, SourceFailed, WrongBytes
from nemora.weights.progress import NoProgress
from nemora.weights.sources_http import download

CONTENT = bytes(i * i % 251 for i in range(700_000))


def model_file(content: bytes = CONTENT, *urls: str) -> ModelFile:
    sources = tuple(UrlFile(url) for url in urls)
    return ModelFile("sub/weights.bin", hashlib.sha256(content).hexdigest(), len(content), sources)


def get(url: str, folder: Path, **options: object) -> None:
    with PartFile(folder, model_file()) as part:
        download(url, part, NoProgress(), pause_seconds=0.0, **options)  # type: ignore[arg-type]


def left_behind(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def interrupt(url: str, folder: Path, behaviour: Behaviour, keep: int) -> None:
    """Leave a .part of `keep` bytes, as a killed process does."""
    behaviour.cut = keep
    behaviour.ranges, before = False, behaviour.ranges
    with PartFile(folder, model_file()) as part, pytest.raises(SourceFailed):
        download(url, part, NoProgress(), pause_seconds=0.0)
    behaviour.cut, behaviour.ranges = None, before
    behaviour.seen.clear()
    behaviour.sent = 0


def test_file_arrives_whole(tmp_path: Path) -> None:
    with serving(Behaviour(CONTENT)) as url:
        get(f"{url}/w", tmp_path)
    assert (tmp_path / "sub/weights.bin").read_bytes() == CONTENT
    assert left_behind(tmp_path) == ["weights.bin"]


def test_interrupted_run_is_resumed_by_the_next(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT)
    with serving(behaviour) as url:
        interrupt(f"{url}/w", tmp_path, behaviour, 300_000)
        assert (tmp_path / "sub/weights.bin.part").stat().st_size == 300_000
        assert not (tmp_path / "sub/weights.bin").exists()
        get(f"{url}/w", tmp_path)
    assert behaviour.seen[0]["range"] == "bytes=300000-"
    assert behaviour.seen[0]["if-range"] == '"v1"'
    assert behaviour.sent == len(CONTENT) - 300_000
    assert (tmp_path / "sub/weights.bin").read_bytes() == CONTENT


def test_connection_that_breaks_again_and_again_goes_on_where_it_stopped(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, cut=100_000)
    with serving(behaviour) as url:
        get(f"{url}/w", tmp_path)
    assert (tmp_path / "sub/weights.bin").read_bytes() == CONTENT
    assert behaviour.sent == len(CONTENT)
    assert len(behaviour.seen) == 7


def test_server_that_ignores_range_restarts_cleanly(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, ranges=False, cut=250_000, cuts_left=1)
    with serving(behaviour) as url:
        get(f"{url}/w", tmp_path)
    assert "range" in behaviour.seen[1]
    assert (tmp_path / "sub/weights.bin").read_bytes() == CONTENT


def test_part_of_a_changed_file_is_not_spliced(tmp_path: Path) -> None:
    behaviour = Behaviour(bytes(len(CONTENT)), etag='"old"')
    with serving(behaviour) as url:
        interrupt(f"{url}/w", tmp_path, behaviour, 300_000)
        behaviour.content, behaviour.etag = CONTENT, '"new"'
        get(f"{url}/w", tmp_path)
    assert behaviour.seen[0]["if-range"] == '"old"'
    assert len(behaviour.seen) == 1
    assert (tmp_path / "sub/weights.bin").read_bytes() == CONTENT


def test_part_of_a_changed_file_without_tags_is_fetched_anew(tmp_path: Path) -> None:
    behaviour = Behaviour(bytes(len(CONTENT)), etag=None)
    with serving(behaviour) as url:
        interrupt(f"{url}/w", tmp_path, behaviour, 300_000)
        behaviour.content = CONTENT
        get(f"{url}/w", tmp_path)
    assert (tmp_path / "sub/weights.bin").read_bytes() == CONTENT


def test_weak_tag_is_not_sent_as_a_condition(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, etag='W/"v1"', cut=100_000, cuts_left=1)
    with serving(behaviour) as url:
        get(f"{url}/w", tmp_path)
    assert "if-range" not in behaviour.seen[1]


def test_wrong_range_in_the_answer_restarts(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, wrong_range=True, cut=100_000, cuts_left=1)
    with serving(behaviour) as url:
        get(f"{url}/w", tmp_path)
    assert (tmp_path / "sub/weights.bin").read_bytes() == CONTENT


def test_part_of_another_address_is_not_continued(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT)
    with serving(behaviour) as url:
        interrupt(f"{url}/other", tmp_path, behaviour, 300_000)
        get(f"{url}/w", tmp_path)
    assert "range" not in behaviour.seen[0]


@pytest.mark.parametrize("wrong", [CONTENT[:-1] + b"x", CONTENT + b"x", CONTENT[:-1], b""])
@pytest.mark.parametrize("send_length", [True, False])
def test_wrong_bytes_never_reach_the_cache(tmp_path: Path, wrong: bytes, send_length: bool) -> None:
    with serving(Behaviour(wrong, send_length=send_length)) as url, pytest.raises(SourceFailed):
        get(f"{url}/w", tmp_path)
    assert not (tmp_path / "sub/weights.bin").exists()


def test_endless_answer_is_cut_off(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT * 20, send_length=False)
    with serving(behaviour) as url, pytest.raises(WrongBytes, match="more bytes"):
        get(f"{url}/w", tmp_path)
    assert left_behind(tmp_path) == []


def test_stalled_server_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.weights.sources_http.MAX_TRIES", 4)
    behaviour = Behaviour(CONTENT, cut=1000, stall=True)
    with serving(behaviour) as url, pytest.raises(SourceFailed, match="connection broke"):
        get(f"{url}/w", tmp_path, read_seconds=0.05)
    assert behaviour.seen[1]["range"] == "bytes=1000-"


@pytest.mark.parametrize(("status", "word"), [(404, "404"), (410, "410"), (401, "token"), (403, "token")])
def test_refusal_is_not_retried(tmp_path: Path, status: int, word: str) -> None:
    behaviour = Behaviour(CONTENT, answers=[status] * 9)
    with serving(behaviour) as url, pytest.raises(SourceFailed, match=word):
        get(f"{url}/w", tmp_path)
    assert len(behaviour.seen) == 1
    assert left_behind(tmp_path) == []


def test_busy_server_is_asked_again(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, answers=[503, 429])
    with serving(behaviour) as url:
        get(f"{url}/w", tmp_path)
    assert len(behaviour.seen) == 3


def test_server_that_stays_busy_is_left(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, answers=[503] * 99)
    with serving(behaviour) as url, pytest.raises(SourceFailed, match="503"):
        get(f"{url}/w", tmp_path)
    assert len(behaviour.seen) < 5


def test_compressed_answer_is_refused(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, encoding="gzip")
    with serving(behaviour) as url, pytest.raises(SourceFailed, match="compressed"):
        get(f"{url}/w", tmp_path)
    assert behaviour.seen[0]["accept-encoding"] == "identity"


def test_nobody_there_is_one_reason(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="no connection"):
        get(f"http://127.0.0.1:{unused_port()}/w", tmp_path)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "nonsense", "http://[::1/x"])
def test_address_that_is_no_http_one_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceFailed):
        get(url, tmp_path)


def test_token_does_not_follow_a_redirect_to_another_host(tmp_path: Path) -> None:
    store = Behaviour(CONTENT)
    with serving(store) as store_url:
        hub = Behaviour(b"", redirect_to=f"{store_url}/blob")
        with serving(hub) as hub_url:
            get(f"{hub_url}/w", tmp_path, token="hf_canary")
    assert hub.seen[0]["authorization"] == "Bearer hf_canary"
    assert "hf_canary" not in json.dumps(store.seen)
    assert (tmp_path / "sub/weights.bin").read_bytes() == CONTENT


def test_range_follows_a_redirect(tmp_path: Path) -> None:
    store = Behaviour(CONTENT, cut=200_000, cuts_left=1)
    with serving(store) as store_url:
        hub = Behaviour(b"", redirect_to=f"{store_url}/blob")
        with serving(hub) as hub_url:
            get(f"{hub_url}/w", tmp_path)
    assert store.seen[1]["range"] == "bytes=200000-"


def test_redirect_without_end_stops(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, redirect_to="/again")
    with serving(behaviour) as url, pytest.raises(SourceFailed, match="redirects"):
        get(f"{url}/w", tmp_path)
    assert len(behaviour.seen) < 12


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_redirect_out_of_http_is_refused(tmp_path: Path, target: str) -> None:
    with serving(Behaviour(CONTENT, redirect_to=target)) as url, pytest.raises(SourceFailed):
        get(f"{url}/w", tmp_path)


FILL_A_DISK = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
sys.path[:0] = sys.argv[3:]
from test_fetch_http import get
from nemora.errors import FetchError
try:
    get(sys.argv[1], Path(sys.argv[2]))
except FetchError as error:
    print(error)
"""


def test_full_disk_is_one_sentence_and_leaves_no_half_file(tmp_path: Path) -> None:
    with serving(Behaviour(CONTENT)) as url:
        command = [sys.executable, "-c", FILL_A_DISK, f"{url}/w", str(tmp_path), *map(str, Path(__file__).parents[:2])]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "is full" in answer.stdout and answer.stdout.count("\n") == 1, answer.stderr
    assert left_behind(tmp_path) == []


def test_file_larger_than_the_disk_is_refused_before_a_byte(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT)
    huge = ModelFile("w", "0" * 64, 10**18, ())
    with serving(behaviour) as url, PartFile(tmp_path, huge) as part, pytest.raises(FetchError, match="free space"):
        download(f"{url}/w", part, NoProgress())
    assert behaviour.seen == []
    assert left_behind(tmp_path) == []
