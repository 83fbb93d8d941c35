"""Repositories of the hub: what is asked, what is believed, what is taken, and what a start without a network finds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_server import COMMIT, REPO, TOKEN, Hub, git_blob, safetensors_file, serving_hub
from nemora.errors import FetchError, HashMismatch, NotCached, UnknownModel, UnsupportedCheckpoint
from nemora.weights import cache as store
from nemora.weights import catalog, fetch
from nemora.weights.catalog import HubFile, is_inside, is_name
from nemora.weights.hub import LicenceTag, Reference, list_repo, parse_reference, read_listing
from nemora.weights.hub_entry import NOTE, hub_model, read_note
from nemora.weights.progress import NoProgress

WEIGHTS = safetensors_file({"a": ("F32", [1000], bytes(range(250)) * 16)})
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "hf_quant_config.json": b"{}",
    "generation_config.json": b"{}",
    "tokenizer.json": b'{"large": true}' * 200,
    "tokenizer_config.json": b"{}",
    "special_tokens_map.json": b"{}",
    "chat_template.jinja": b"{{ messages }}",
    "model.safetensors.index.json": b'{"weight_map": {}}',
    "model-00001-of-00002.safetensors": WEIGHTS,
    "model-00002-of-00002.safetensors": WEIGHTS[::-1],
    "LICENSE": b"Be good.",
    "README.md": b"# A model",
}
LEFT_OUT = {
    "pytorch_model.bin": b"pickle",
    "model.pt": b"pickle",
    "modeling_nemotron_h.py": b"raise SystemExit",
    ".gitattributes": b"",
    "LICENSE.py": b"raise SystemExit",
    "LICENCE.txt": b"would replace the notice",
    "original/model.safetensors": b"x",
    "model.safetensors.py": b"x",
    "hub.json": b"{}",
    "manifest.json": b"{}",
}
LARGE = {"tokenizer.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "pytorch_model.bin"}
HUB_NAME = f"hub:{REPO}"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that is served, and is the hub for everything that asks for one."""
    hub = Hub(FILES | LEFT_OUT, large=set(LARGE))
    with serving_hub(hub) as url:
        monkeypatch.setattr(catalog, "HUB", url)
        for module in ("sources_http", "sources_read"):
            monkeypatch.setattr(f"nemora.weights.{module}.MAX_WAIT_SECONDS", 0.0)
        yield hub


def contents(folder: Path) -> dict[str, bytes]:
    own = {store.MANIFEST, NOTE, fetch.LICENCE_FILE}
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if path.name not in own}


def test_what_is_taken_is_settings_tokenizer_weights_and_terms(hub: Hub, tmp_path: Path) -> None:
    path = fetch.resolve(HUB_NAME, cache=tmp_path)
    assert contents(path) == FILES
    assert {record.origin for record in store.read_manifest(path).files.values()} == {f"hub {REPO}"}
    assert not any(name in asked for name in LEFT_OUT for asked in hub.paths("store"))


def test_tokenizer_files_that_are_read_are_all_taken() -> None:
    from nemora.weights.checkpoint import TOKENIZER_FILES
    from nemora.weights.hub_entry import TEXT_FILES

    assert set(TOKENIZER_FILES) <= set(TEXT_FILES)


@pytest.mark.parametrize("name", [HUB_NAME, REPO, "nvidia--nvidia-nemotron-3-nano-4b-bf16"])
def test_what_was_pulled_is_found_without_a_network(hub: Hub, tmp_path: Path, name: str) -> None:
    path = fetch.resolve(HUB_NAME, cache=tmp_path)
    hub.asked.clear()
    assert fetch.resolve(name, cache=tmp_path, offline=True) == path
    assert fetch.resolve(name, cache=tmp_path) == path
    assert hub.asked == []


def test_what_was_never_pulled_is_not_asked_for_offline(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(NotCached, match=rf"nemora pull {HUB_NAME}.*copy its folder"):
        fetch.resolve(HUB_NAME, cache=tmp_path, offline=True)
    assert hub.asked == []


@pytest.mark.parametrize("name", [REPO, "nvidia--nvidia-nemotron-3-nano-4b-bf16"])
def test_what_is_not_whole_is_not_completed_without_the_prefix(hub: Hub, tmp_path: Path, name: str) -> None:
    (fetch.resolve(HUB_NAME, cache=tmp_path) / "config.json").unlink()
    hub.asked.clear()
    with pytest.raises(NotCached, match=f"not whole in the cache; run `nemora pull {HUB_NAME}`"):
        fetch.resolve(name, cache=tmp_path)
    assert hub.asked == []


def test_names_that_need_a_cache() -> None:
    assert fetch.needs_cache(HUB_NAME) and fetch.needs_cache("smollm2-135m")
    assert not fetch.needs_cache(REPO) and not fetch.needs_cache("./folder")


@pytest.mark.parametrize("name", [REPO, "nvidia--nvidia-nemotron-3-nano-4b-bf16"])
def test_without_the_prefix_the_hub_is_never_asked(hub: Hub, tmp_path: Path, name: str) -> None:
    with pytest.raises(UnknownModel, match="hub:OWNER/REPO"):
        fetch.resolve(name, cache=tmp_path)
    assert hub.asked == []


def test_folder_of_the_same_name_wins_over_a_pulled_repository(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch.resolve(HUB_NAME, cache=tmp_path)
    (tmp_path / REPO).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert fetch.resolve(REPO, cache=tmp_path) == Path(REPO)


def test_copied_folder_is_verified_by_the_hashes_of_its_note(hub: Hub, tmp_path: Path) -> None:
    path = fetch.resolve(HUB_NAME, cache=tmp_path)
    model = read_note(path)
    assert model is not None
    for name in ("config.json", "model-00001-of-00002.safetensors"):
        good = (path / name).read_bytes()
        (path / name).write_bytes(good[:-1] + b"?")
        assert store.status(tmp_path, model.entry, full=True).damaged == (name,)
        with pytest.raises(NotCached):
            fetch.resolve(HUB_NAME, cache=tmp_path, offline=True)
        (path / name).write_bytes(good)
    (path / store.MANIFEST).unlink()
    assert fetch.resolve(HUB_NAME, cache=tmp_path, offline=True) == path


def test_manifest_cannot_vouch_for_another_small_file(hub: Hub, tmp_path: Path) -> None:
    path = fetch.resolve(HUB_NAME, cache=tmp_path)
    (path / "config.json").write_bytes(b"evil")
    store.record_file(path, "config.json", hashlib.sha256(b"evil").hexdigest(), "x", git_blob=git_blob(b"evil"))
    with pytest.raises(NotCached):
        fetch.resolve(HUB_NAME, cache=tmp_path, offline=True)


def test_interrupted_pull_goes_on_with_the_same_commit_and_bytes(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = "model-00002-of-00002.safetensors"
    hub.cut[shard] = 1000
    with monkeypatch.context() as patch:
        patch.setattr("nemora.weights.sources_http.MAX_TRIES", 1)
        with pytest.raises(FetchError, match=shard):
            fetch.resolve(HUB_NAME, cache=tmp_path)
    hub.cut.clear()
    hub.asked.clear()
    hub.sent.clear()
    hub.edit = lambda _: pytest.fail("the API was asked again")
    with pytest.raises(NotCached):
        fetch.resolve(HUB_NAME, cache=tmp_path, offline=True)
    assert contents(fetch.resolve(HUB_NAME, cache=tmp_path)) == FILES
    assert hub.sent == {shard: len(WEIGHTS) - 1000}
    assert all(COMMIT in path for path in hub.paths("hub"))


def test_another_process_that_pinned_another_commit_meanwhile_is_followed(hub: Hub, tmp_path: Path) -> None:
    reference = parse_reference(HUB_NAME)
    model = fetch.find_hub_model(reference, cache=tmp_path)
    hub.commit = "f" * 40
    late = fetch.find_hub_model(reference, cache=tmp_path)
    fetch.pull_hub_model(late, cache=tmp_path)
    path = fetch.pull_hub_model(model, cache=tmp_path)
    pinned = read_note(path)
    assert pinned is not None and pinned.commit == "f" * 40


def test_weights_of_another_commit_do_not_stay_beside_the_new_ones(hub: Hub, tmp_path: Path) -> None:
    path = fetch.resolve(HUB_NAME, cache=tmp_path)
    (path / NOTE).write_text("{")
    (path / "model.safetensors").write_bytes(b"stale")
    assert contents(fetch.resolve(HUB_NAME, cache=tmp_path)) == FILES


@pytest.mark.parametrize("name", ["config.json", "model-00001-of-00002.safetensors"])
@pytest.mark.parametrize("change", [lambda data: data[:-1] + b"?", lambda data: data + b"?", lambda data: data[:-1]])
def test_other_bytes_than_the_listed_never_reach_the_cache(
    hub: Hub, tmp_path: Path, name: str, change: Callable[[bytes], bytes]
) -> None:
    hub.served[name] = change(FILES[name])
    with pytest.raises(HashMismatch, match=name):
        fetch.resolve(HUB_NAME, cache=tmp_path)
    assert name not in contents(tmp_path / "models/nvidia--nvidia-nemotron-3-nano-4b-bf16")


def test_token_goes_to_the_hub_and_not_to_the_store(hub: Hub, tmp_path: Path) -> None:
    hub.needs_token = hub.files_need_token = True
    assert contents(fetch.resolve(HUB_NAME, cache=tmp_path, token=TOKEN)) == FILES
    sent = {
        name: {headers.get("authorization") for n, _, headers in hub.asked if n == name} for name in ("hub", "store")
    }
    assert sent == {"hub": {f"Bearer {TOKEN}"}, "store": {None}}
    assert TOKEN not in "".join(p.read_text(errors="replace") for p in tmp_path.rglob("*") if p.is_file())


def test_note_of_a_copied_folder_cannot_send_the_token_elsewhere(hub: Hub, tmp_path: Path) -> None:
    path = fetch.resolve(HUB_NAME, cache=tmp_path)
    table = json.loads((path / NOTE).read_text())
    assert "http" not in json.dumps(table)
    (path / NOTE).write_text(json.dumps(table | {"endpoint": "http://evil.example", "id": "evil/evil"}))
    model = read_note(path)
    assert model is not None
    urls = [source.url for file in model.files for source in file.sources if isinstance(source, HubFile)]
    assert len(urls) == len(FILES) and all(url.startswith(f"{catalog.HUB}/{REPO}/") for url in urls)


@pytest.mark.parametrize("place", ["needs_token", "files_need_token"])
def test_gated_repository_is_one_sentence_that_says_what_to_do(hub: Hub, tmp_path: Path, place: str) -> None:
    setattr(hub, place, True)
    with pytest.raises(FetchError, match=rf"accept the model's licence at \S+{REPO} and set HF_TOKEN") as caught:
        fetch.resolve(HUB_NAME, cache=tmp_path)
    assert str(caught.value).count(". ") == 0
    assert hub.paths("store") == []


def test_no_such_repository_or_revision(hub: Hub, tmp_path: Path) -> None:
    for text in ("hub:nvidia/no-such", f"{HUB_NAME}@no-such"):
        with pytest.raises(FetchError, match="no such repository or revision"):
            fetch.resolve(text, cache=tmp_path)
    assert contents(tmp_path) == {}


def test_revision_with_a_slash_is_asked_for_as_one_word(hub: Hub) -> None:
    hub.revisions.add("refs/pr/1")
    assert list_repo(REPO, "refs/pr/1").commit == COMMIT
    assert "refs%2Fpr%2F1" in hub.paths("hub")[0]


def test_gguf_file_is_taken_alone_with_the_terms(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"Q4 #1.gguf": b"GGUF", "Q8_0.gguf": b"GGUF8", "LICENSE": b"Be good.", "config.json": b"{}"}
    hub.large = {"Q4 #1.gguf"}
    path = fetch.resolve(f"{HUB_NAME}:Q4 #1.gguf", cache=tmp_path)
    assert path.name == "Q4 #1.gguf" and path.read_bytes() == b"GGUF"
    assert contents(path.parent) == {"Q4 #1.gguf": b"GGUF", "LICENSE": b"Be good."}
    other = fetch.resolve(f"{HUB_NAME}:Q8_0.gguf", cache=tmp_path)
    assert other.parent != path.parent
    assert fetch.resolve(f"{REPO}:Q4 #1.gguf", cache=tmp_path, offline=True) == path


def test_gguf_file_that_is_not_named_or_not_there_or_split(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"Q4.gguf": b"GGUF", "big-00001-of-00002.gguf": b"GGUF"}
    for text in (HUB_NAME, f"{HUB_NAME}:Q5.gguf"):
        with pytest.raises(FetchError, match=rf"hub:{REPO}:FILE, such as Q4.gguf;? ?") as caught:
            fetch.resolve(text, cache=tmp_path)
        assert "00001" not in str(caught.value)
    with pytest.raises(UnsupportedCheckpoint, match="part of several"):
        fetch.resolve(f"{HUB_NAME}:big-00001-of-00002.gguf", cache=tmp_path)


def test_repository_without_weights_that_are_read(hub: Hub, tmp_path: Path) -> None:
    hub.files = LEFT_OUT
    with pytest.raises(FetchError, match="no GGUF file"):
        fetch.resolve(HUB_NAME, cache=tmp_path)


def test_disk_without_room_for_all_files_is_refused_before_the_first(hub: Hub, tmp_path: Path) -> None:
    def enlarge(answer: dict[str, Any]) -> dict[str, Any]:
        for sibling in answer["siblings"]:
            if sibling["rfilename"] == "model-00002-of-00002.safetensors":
                sibling["lfs"]["size"] = 1 << 50
        return answer

    hub.edit = enlarge
    with pytest.raises(FetchError, match="free space"):
        fetch.resolve(HUB_NAME, cache=tmp_path)
    assert len(hub.asked) == 1


HOSTILE_NAMES = ["../config.json", "/etc/passwd", "a/../../x", "a\\..\\x", "", "a\0b", "a\nb", "x" * 300, 7, None]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_file_name_refuses_the_whole_answer(hub: Hub, tmp_path: Path, name: Any) -> None:
    hub.edit = lambda answer: answer | {"siblings": [*answer["siblings"], {**answer["siblings"][0], "rfilename": name}]}
    with pytest.raises(FetchError, match="stay inside") as caught:
        fetch.resolve(HUB_NAME, cache=tmp_path)
    assert str(caught.value).isprintable()
    assert not list(tmp_path.iterdir())


def first(answer: dict[str, Any], **changes: Any) -> dict[str, Any]:
    head, *rest = answer["siblings"]
    return answer | {"siblings": [head | changes, *rest]}


@pytest.mark.parametrize(
    "edit",
    [
        lambda a: a | {"sha": "main"},
        lambda a: a | {"sha": "../" + "a" * 37},
        lambda a: a | {"sha": None},
        lambda a: a | {"siblings": None},
        lambda a: a | {"siblings": {}},
        lambda a: a | {"siblings": [7]},
        lambda a: a | {"siblings": a["siblings"] * 2},
        lambda a: a | {"siblings": a["siblings"][:1] * 30_000},
        lambda a: first(a, size=-1),
        lambda a: first(a, size=True),
        lambda a: first(a, size=1.5),
        lambda a: first(a, size="1"),
        lambda a: first(a, size=1 << 60),
        lambda a: first(a, size=None),
        lambda a: first(a, blobId=None),
        lambda a: first(a, blobId="A" * 40),
        lambda a: first(a, lfs=[]),
        lambda a: first(a, lfs={}),
        lambda a: first(a, lfs={"sha256": "0" * 63, "size": 1}),
        lambda a: first(a, lfs={"sha256": "0" * 64, "size": -1}),
        lambda a: [a],
        lambda a: None,
    ],
)
def test_answer_that_makes_no_sense_is_one_sentence(hub: Hub, edit: Callable[[Any], Any]) -> None:
    hub.edit = edit
    with pytest.raises(FetchError, match="answer about") as caught:
        list_repo(REPO)
    assert str(caught.value).isprintable() and str(caught.value).count(". ") == 0


@pytest.mark.parametrize("raw", [b"", b"<html>", b"\xff", b"[" * 90_000, b'{"sha": NaN}', b'{"a": 1, "a": 2}'])
def test_answer_that_is_no_json_is_one_sentence(hub: Hub, raw: bytes) -> None:
    hub.raw_answer = raw
    with pytest.raises(FetchError, match="cannot be used"):
        list_repo(REPO)


def test_endless_answer_is_left(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.weights.hub.MAX_LISTING_BYTES", 500)
    with pytest.raises(FetchError, match="more than 500 bytes"):
        list_repo(REPO)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(["rfilename", "size", "lfs", "sha256"]), x),
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["sha", "siblings", "gated", "cardData", "tags"]), JSON))
def test_any_answer_is_a_listing_of_inside_files_or_an_error(table: dict[str, Any]) -> None:
    for answer in (table, {"sha": COMMIT, "siblings": []} | {k: table[k] for k in table if k in ("cardData", "tags")}):
        try:
            listing = read_listing(json.dumps(answer).encode(), REPO, "https://x.example")
        except FetchError:
            assert answer is table
            continue
        assert all(is_inside(file.name) for file in listing.files)


@pytest.mark.parametrize(
    ("card", "shown", "permissive"),
    [
        ({"license": "apache-2.0"}, "apache-2.0", True),
        ({"license": "MIT"}, "mit", True),
        ({"license": ["apache-2.0"]}, "apache-2.0", True),
        ({"license": ["apache-2.0", "other"]}, "not stated", False),
        ({"license": "other", "license_name": "nvidia-nemotron-open"}, "nvidia-nemotron-open", False),
        ({"license": "other", "license_name": "mit"}, "mit", False),
        ({"license": "other\x1b[2J"}, "other?[2j", False),
        ({}, "other", False),
        (None, "other", False),
    ],
)
def test_licence_is_shown_as_the_hub_says_it(card: Any, shown: str, permissive: bool) -> None:
    answer = {"sha": COMMIT, "siblings": [], "cardData": card, "tags": ["license:other", 7]}
    if isinstance(card, dict) and isinstance(card.get("license"), list) and len(card["license"]) > 1:
        answer["tags"] = []
    licence = read_listing(json.dumps(answer).encode(), REPO, "https://x.example").licence
    assert (str(licence), licence.is_permissive) == (shown, permissive)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("hub:a/b", Reference("a/b")),
        ("a/b", Reference("a/b")),
        ("hub:a/b@v1.0", Reference("a/b", "v1.0")),
        ("hub:a/B.c@refs/pr/1:x y.gguf", Reference("a/B.c", "refs/pr/1", "x y.gguf")),
        ("hub:a/b:sub/x:1@2.gguf", Reference("a/b", file="sub/x:1@2.gguf")),
    ],
)
def test_reference_is_read_and_written_alike(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    [
        *["", "hub:", "hub:a", "hub:a/b/c", "hub:a/b@", "hub:a/b:", "hub:a/b:x.bin", "hub:a/b:../x.gguf", "hub:../b"],
        *[
            "hub:a/..",
            "hub:a/b--c",
            "hub:a/b@../x",
            "hub:a/b@a//b",
            "hub:a/b@x y",
            "hub:a/b?x",
            "hub:a/b#x",
            "hub:hub:a/b",
        ],
        *["hub:a/b:/x.gguf", "hub:a/b:x\n.gguf", f"hub:a/{'b' * 200}", "HUB:a/b", "hub:a/b:x.gguf\n"],
    ],
)
def test_what_is_no_reference_is_refused_without_an_echo(text: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        parse_reference(text)
    assert len(text) < 8 or text not in str(caught.value)


WORD = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,70}", fullmatch=True)


@given(WORD, WORD, st.sampled_from(["main", "v1"]), st.sampled_from([None, "x.gguf", "y.gguf"]))
def test_cache_name_is_always_a_name_and_reference_survives(
    owner: str, repo: str, revision: str, file: str | None
) -> None:
    reference = Reference(f"{owner}/{repo}", revision, file)
    assert is_name(reference.cache_name)
    if "--" not in str(reference) and ".." not in str(reference):
        assert parse_reference(str(reference)) == reference


@given(st.lists(st.tuples(WORD, WORD, st.sampled_from(["main", "v1"]), st.sampled_from([None, "x.gguf"])), max_size=8))
def test_two_references_share_a_folder_only_if_they_differ_in_capitals(parts: list[tuple[str, str, str, Any]]) -> None:
    names: dict[str, str] = {}
    for owner, repo, revision, file in parts:
        if "--" not in f"{owner}/{repo}" and not owner.endswith("-") and not repo.startswith("-"):
            reference = Reference(f"{owner}/{repo}", revision, file)
            assert names.setdefault(reference.cache_name, str(reference).lower()) == str(reference).lower()


def test_repository_that_differs_in_capitals_is_not_taken_for_the_other(hub: Hub, tmp_path: Path) -> None:
    fetch.resolve(HUB_NAME, cache=tmp_path)
    with pytest.raises(FetchError, match=rf"holds {HUB_NAME}"):
        fetch.resolve(HUB_NAME.replace("NVIDIA", "Nvidia"), cache=tmp_path, offline=True)


@pytest.mark.parametrize("note", ["", "{", "[]", '{"format": 2}', '{"format": 1, "reference": "../x"}', "[" * 90_000])
def test_damaged_note_means_asking_again(hub: Hub, tmp_path: Path, note: str) -> None:
    path = fetch.resolve(HUB_NAME, cache=tmp_path)
    (path / NOTE).write_text(note)
    with pytest.raises(NotCached):
        fetch.resolve(HUB_NAME, cache=tmp_path, offline=True)
    hub.asked.clear()
    assert fetch.resolve(HUB_NAME, cache=tmp_path) == path
    assert len(hub.asked) == 1  # the files are whole
    assert fetch.resolve(HUB_NAME, cache=tmp_path, offline=True) == path


def test_files_that_fail_early_come_first_and_terms_are_named(hub: Hub) -> None:
    model = hub_model(list_repo(REPO), parse_reference(HUB_NAME))
    sizes = [file.size for file in model.files]
    assert sizes == sorted(sizes)
    assert set(model.licence_files) == {"LICENSE", "README.md"}
    assert model.entry.size == sum(map(len, FILES.values()))


def test_notice_beside_the_weights_names_repository_commit_and_licence(hub: Hub, tmp_path: Path) -> None:
    hub.licence = {"license": "other", "license_name": "own", "license_link": "https://own.example"}
    text = (fetch.resolve(HUB_NAME, cache=tmp_path) / fetch.LICENCE_FILE).read_text()
    assert REPO in text and COMMIT in text and "own, by nvidia, https://own.example" in text


def test_licence_that_says_nothing_is_not_permissive() -> None:
    assert not LicenceTag().is_permissive


def test_fetch_that_is_not_cached_says_size_and_licence_first(hub: Hub, tmp_path: Path) -> None:
    class Notes(NoProgress):
        lines: list[str] = []  # noqa: RUF012

        def note(self, line: str) -> None:
            self.lines.append(line)

    fetch.resolve(HUB_NAME, cache=tmp_path, progress=Notes())
    assert HUB_NAME in Notes.lines[0] and "apache-2.0" in Notes.lines[0]
