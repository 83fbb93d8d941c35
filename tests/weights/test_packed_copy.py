"""Packed copies on disk: the same numbers as packing anew, and never used where anything is not as it was."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

import tiny_llama
import tiny_nemotron_h
from modelopt_folder import write_modelopt_folder
from nemora.errors import FetchError, UnsupportedCheckpoint
from nemora.ops.cpu.library import NoKernels, library
from nemora.ops.cpu.packed_weight import PANEL_FORMATS, PackedWeight, panel_bytes
from nemora.ops.cpu.panel_layout import layout_fingerprint
from nemora.weights import packed_copy, packed_copy_writer
from nemora.weights.checkpoint import Checkpoint, open_checkpoint
from nemora.weights.load import load_model, plan_loading
from nemora.weights.packed_copy import PackedCopyFile, open_copy
from nemora.weights.packed_copy_writer import write_packed_copy
from nemora.weights.packed_groups import take_groups
from nemora.weights.packed_header import PREFIX, NotUsable, encode, parse, prefix
from nemora.weights.packed_place import packed_place
from nemora.weights.packing import Packing, packing

try:
    BEST = library().best
except NoKernels:
    BEST = 0
pytestmark = pytest.mark.skipif(not BEST, reason="no native kernels, or none with vectors")

HYBRID: dict[str, Any] = (
    tiny_nemotron_h.CONFIG
    | tiny_nemotron_h.LATENT
    | {"moe_intermediate_size": 64, "moe_shared_expert_intermediate_size": 96}
)


def hybrid(**changes: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    config = HYBRID | changes
    return config, tiny_nemotron_h.random_tensors(config)


def gguf_hybrid(folder: Path) -> Path:
    return tiny_nemotron_h.write_gguf(folder / "m.gguf", *hybrid(), type="Q4_0")


def published_hybrid(folder: Path) -> Path:
    """NVFP4, FP8 and BF16."""
    return write_modelopt_folder(folder / "published", *hybrid())


def gguf_llama(folder: Path) -> Path:
    """Whose rows are put in another order before they are packed."""
    config = tiny_llama.CONFIG
    return tiny_llama.write_gguf(folder / "l.gguf", config, tiny_llama.random_tensors(config), type="Q8_0")


def one_expert_infinite(folder: Path) -> Path:
    """Kernels leave it to torch, and so all experts of its layer."""
    config, tensors = hybrid()
    tensors["backbone.layers.4.mixer.experts.3.up_proj.weight"][1, 2] = float("inf")
    return tiny_nemotron_h.write_gguf(folder / "m.gguf", config, tensors, type="BF16")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gguf_hybrid(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def made(model: Path) -> Path:
    """Its copy."""
    return written(model, model.parent)


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """Another of it, to be damaged."""
    return Path(shutil.copy2(made, tmp_path / "damaged.panels"))


def written(model: Path, cache: Path) -> Path:
    place = packed_place(cache, model)
    assert write_packed_copy(open_checkpoint(model), cache, place, model="tiny")
    return place.file


def logits(path: Path, copy: Path | None, **options: Any) -> Tensor:
    model = load_model(open_checkpoint(path), activations="auto", packed_copy=copy, **options)
    ids = torch.randint(3, 80, (1, 12), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return model.forward(ids, model.new_state(12))


def opened(model: Path, copy: Path) -> PackedCopyFile | None:
    return open_copy(copy, *known.__wrapped__(model))


@functools.cache
def known(model: Path) -> tuple[Checkpoint, Callable[[Any], object], Packing]:
    checkpoint = open_checkpoint(model)
    plan = plan_loading(checkpoint)
    found = packing(plan.finder, 8, 1 << 62)
    assert found is not None
    return checkpoint, plan.whole, found


@pytest.fixture
def packs_nothing(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def forbid() -> None:
        monkeypatch.setattr("nemora.weights.checkpoint_weights.read_matrix", None)

    return forbid


@pytest.mark.parametrize("make", [gguf_hybrid, published_hybrid, gguf_llama])
def test_a_copy_gives_the_very_logits_of_packing_anew_and_nothing_is_packed(
    tmp_path: Path, make: Callable[[Path], Path], packs_nothing: Callable[[], None]
) -> None:
    model = make(tmp_path)
    copy, expected = written(model, tmp_path / "cache"), logits(model, None)
    packs_nothing()
    assert torch.equal(logits(model, copy), expected)


def test_what_cannot_be_packed_stays_what_it_is(tmp_path: Path) -> None:
    model = one_expert_infinite(tmp_path)
    assert torch.equal(
        logits(model, written(model, tmp_path / "cache")).nan_to_num(7), logits(model, None).nan_to_num(7)
    )


def test_a_draft_head_is_in_the_copy_whether_it_is_loaded_or_not(
    tmp_path: Path, packs_nothing: Callable[[], None]
) -> None:
    model = write_modelopt_folder(tmp_path / "m", *hybrid(**tiny_nemotron_h.MTP))
    copy = written(model, tmp_path / "cache")
    packs_nothing()
    assert torch.equal(logits(model, copy, mtp=True), logits(model, copy))


def test_panels_are_the_mapped_file_and_cannot_be_written_to(model: Path, made: Path) -> None:
    loaded = load_model(open_checkpoint(model), activations="auto", packed_copy=made)
    weight = loaded.embedding  # type: ignore[attr-defined]
    assert isinstance(weight, PackedWeight)
    address, lines = weight.panels[0].data.data_ptr(), Path("/proc/self/maps").read_text().splitlines()
    for line in lines:
        span, rights, *rest = line.split()
        start, stop = (int(number, 16) for number in span.split("-"))
        if start <= address < stop:
            assert (rights, rest[-1]) == ("r--s", str(made))
            return
    raise AssertionError("no mapping holds the panels")


def test_a_copy_is_mapped_also_where_packing_had_no_memory(
    model: Path, made: Path, monkeypatch: pytest.MonkeyPatch, packs_nothing: Callable[[], None]
) -> None:
    expected = logits(model, None)
    monkeypatch.setattr("nemora.weights.load.available_memory", lambda _: 1000)
    packs_nothing()
    assert torch.equal(logits(model, made), expected)


def test_a_model_that_is_moved_keeps_its_copy(model: Path, made: Path, tmp_path: Path) -> None:
    assert opened(Path(shutil.copy2(model, tmp_path / "renamed.gguf")), made) is not None


def touched(model: Path) -> None:
    os.utime(model, ns=(0, model.stat().st_mtime_ns + 1))


def longer(model: Path) -> None:
    times = model.stat()
    with model.open("ab") as file:
        file.write(b"\0")
    os.utime(model, ns=(times.st_atime_ns, times.st_mtime_ns))


def another(model: Path) -> None:
    """Of the same size and time."""
    times, config = model.stat(), HYBRID
    tiny_nemotron_h.write_gguf(model, config, tiny_nemotron_h.random_tensors(config, seed=1), type="Q4_0")
    os.utime(model, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert model.stat().st_size == times.st_size


@pytest.mark.parametrize("change", [touched, longer, another])
def test_a_copy_of_files_that_changed_is_not_used_and_that_is_said_once(
    model: Path, made: Path, tmp_path: Path, change: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    changed = Path(shutil.copy2(model, tmp_path / "m.gguf"))
    change(changed)
    assert torch.equal(logits(changed, made), logits(changed, None))
    assert [record.getMessage() for record in caplog.records] == [
        "The packed copy of a model is not used: it was made of other files, or they were changed since. "
        "`nemora pack` writes it anew."
    ]


def test_settings_of_a_folder_are_part_of_what_a_copy_was_made_of(tmp_path: Path) -> None:
    model = published_hybrid(tmp_path)
    copy = written(model, tmp_path / "cache")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 511}))
    assert opened(model, copy) is None


def test_a_copy_that_was_cut_short_anywhere_is_not_used(model: Path, copy: Path) -> None:
    data, times = copy.read_bytes(), copy.stat()
    for size in {0, 1, PREFIX.size - 1, PREFIX.size, 4096, len(data) - 1, *range(7, len(data), len(data) // 40)}:
        copy.write_bytes(data[:size])
        os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert opened(model, copy) is None


def test_a_copy_that_was_written_to_is_not_used(model: Path, copy: Path) -> None:
    """Wherever that was: panels are not hashed at each start."""
    assert opened(model, copy) is not None
    with copy.open("r+b") as file:
        file.seek(5000)
        file.write(b"\1")
    assert opened(model, copy) is None


def test_no_byte_of_the_header_can_change(model: Path, copy: Path) -> None:
    data, times = copy.read_bytes(), copy.stat()
    begin = PREFIX.unpack_from(data)[1]
    for at in (*range(0, PREFIX.size, 3), *range(begin, len(data), 97)):
        changed = bytearray(data)
        changed[at] ^= 1
        copy.write_bytes(changed)
        os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert opened(model, copy) is None


def with_header(copy: Path, data: bytes, header: bytes) -> None:
    """The copy whose bytes are `data`, with another header that it has the right sum of."""
    begin, times = PREFIX.unpack_from(data)[1], copy.stat()
    start = prefix(header, begin)
    copy.write_bytes(start + data[len(start) : begin] + header)
    os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every key and index in a JSON value, with what holds it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from places(item)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 65), 1 << 65),
    st.integers(-100, 10000),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from([*PANEL_FORMATS, "0" * 64, [], {}, [1.0], [[]]]),
)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_header_says_what_is_used_lies_in_the_file_as_the_model_wants_it(
    model: Path, made: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Also one that a stranger wrote, with the right sum."""
    whole, copy = made.read_bytes(), tmp_path / "copy.panels"
    shutil.copy2(made, copy)
    begin = PREFIX.unpack_from(whole)[1]
    header = json.loads(whole[begin:])
    for _ in range(data.draw(st.integers(1, 2))):
        holder, key = data.draw(st.sampled_from(list(places(header))))
        if data.draw(st.booleans()):
            holder[key] = data.draw(VALUES)
        elif isinstance(holder, dict):
            del holder[key]
        else:
            holder.insert(key, holder[data.draw(st.integers(0, len(holder) - 1))])
    with_header(copy, whole, json.dumps(header).encode())
    checkpoint, build, how = known(model)
    found = open_copy(copy, checkpoint, build, how)
    if found is None:
        return
    for group in take_groups(build):
        weights = found.panels(group.name)
        if weights is None:
            continue
        assert len(weights) == group.count
        for runs in weights:
            assert sum(run.rows for run in runs) == sum(rows for _, rows in group.parts)
            for run in runs:
                assert run.data.nbytes == panel_bytes(library(), run.format, run.rows, group.columns)


@settings(deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            VALUES,
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["source", "made", "model", "layouts", "weights", "name", "columns", "runs", "x"]),
                    inner,
                )
            ),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_text_is_a_header_or_refused(text: bytes) -> None:
    try:
        header = parse(text)
    except NotUsable:
        return
    assert parse(encode(header)) == header


def test_what_other_kernels_packed_is_not_used(model: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened(model, made) is not None
    monkeypatch.setattr(packed_copy, "layout_fingerprint", lambda *_: "0" * 64)
    assert opened(model, made) is None


def test_each_format_has_a_layout_of_its_own() -> None:
    prints = {layout_fingerprint(library(), format) for format in PANEL_FORMATS}
    assert len(prints) == len(PANEL_FORMATS)


def test_the_copy_of_another_model_is_not_used(made: Path, tmp_path: Path) -> None:
    assert opened(published_hybrid(tmp_path), made) is None


def test_what_is_no_file_is_not_waited_for(model: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert opened(model, tmp_path / "pipe") is None


def test_a_second_time_nothing_is_written(model: Path, made: Path) -> None:
    before = made.stat().st_ino
    assert not write_packed_copy(open_checkpoint(model), model.parent, packed_place(model.parent, model))
    assert made.stat().st_ino == before


def test_a_copy_that_is_out_of_date_is_replaced(tmp_path: Path) -> None:
    model = gguf_hybrid(tmp_path)
    written(model, tmp_path)
    another(model)
    touched(model)
    assert opened(model, written(model, tmp_path)) is not None


def test_two_at_once_write_it_once(model: Path, tmp_path: Path) -> None:
    results: list[bool] = []
    place = packed_place(tmp_path, model)

    def write() -> None:
        results.append(write_packed_copy(open_checkpoint(model), tmp_path, place))

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, True]
    assert opened(model, place.file) is not None


KILLED = """
import os, signal, sys
from pathlib import Path
from nemora.weights import packed_copy_writer as writer
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.packed_place import packed_place

writer.prefix = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # all is written but what the file begins with
model, cache = map(Path, sys.argv[1:])
writer.write_packed_copy(open_checkpoint(model), cache, packed_place(cache, model))
"""


def test_killed_while_writing_leaves_nothing_that_is_used_or_stays(model: Path, tmp_path: Path) -> None:
    place = packed_place(tmp_path, model)
    ended = subprocess.run([sys.executable, "-c", KILLED, str(model), str(tmp_path)], check=False)
    assert ended.returncode == -9
    (left,) = place.file.parent.iterdir()
    assert left != place.file and opened(model, left) is None
    written(model, tmp_path)
    assert list(place.file.parent.iterdir()) == [place.file]


def test_stopped_while_writing_leaves_nothing(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(packed_copy_writer, "prefix", stop)
    with pytest.raises(KeyboardInterrupt):
        written(model, tmp_path)
    assert list((tmp_path / "packed").iterdir()) == []


def test_files_that_change_while_they_are_packed_make_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, pack = gguf_hybrid(tmp_path), Packing.pack

    def changing(*arguments: Any) -> PackedWeight | None:
        touched(model)
        return pack(*arguments)

    monkeypatch.setattr(Packing, "pack", changing)
    with pytest.raises(FetchError, match="changed while"):
        written(model, tmp_path)
    assert list((tmp_path / "packed").iterdir()) == []


def test_a_disk_without_room_is_said_before_anything_is_packed(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("nemora.weights.packed_copy_writer.shutil.disk_usage", lambda _: usage(9, 8, 1))
    monkeypatch.setattr(Packing, "pack", None)
    with pytest.raises(FetchError, match=r"^A packed copy needs [\d,]+ bytes and the disk of .* has 1 free; .*\.$"):
        written(model, tmp_path)


def test_a_cache_that_cannot_be_written_is_one_sentence(model: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(FetchError, match=r"^The model cache .* cannot be written \(.*\); make it writable.*\.$"):
        written(model, tmp_path / "cache")
    (tmp_path / "packed").write_text("a file")
    with pytest.raises(FetchError, match=r"^The packed copy .* cannot be written \(.*\); make the folder .*\.$"):
        written(model, tmp_path)


def test_without_kernels_there_is_nothing_to_write(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nemora.weights.packing._kernels", lambda: None)
    with pytest.raises(UnsupportedCheckpoint, match="native kernels"):
        written(model, tmp_path)


def test_a_cached_model_has_its_copy_in_its_folder_and_another_by_its_path(tmp_path: Path) -> None:
    for name in ("cache/models/tiny", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    cache, inside, outside = tmp_path / "cache", tmp_path / "cache/models/tiny", tmp_path / "elsewhere"
    (cache / "models/linked").symlink_to(outside)
    assert packed_place(cache, inside).file == packed_place(cache, inside / "m.gguf").file == inside / "packed.panels"
    assert packed_place(cache, inside).lock == "tiny"
    assert packed_place(cache, cache / "models/linked") == packed_place(cache, outside)
    assert packed_place(cache, outside).file.parent == cache / "packed"
    assert packed_place(cache, outside) != packed_place(cache, outside / "m.gguf")
