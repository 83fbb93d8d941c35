"""The shipped reader on the native kernels and on onnxruntime: the kernels are nearer to what the weights say exactly."""

from __future__ import annotations

import dataclasses
import logging
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from tiny_reader import write_tiny_reader

from nemora.errors import CorruptCheckpoint
from nemora.ops.cpu import reference
from nemora.ops.cpu.encoder import EncoderWeights, NativeEncoder
from nemora.ops.cpu.library import LIBRARY, SETS, Library, NoKernels, library
from nemora.tagger import window_model
from nemora.tagger.encoder_graph import encoder_weights
from nemora.tagger.onnx_file import read_graph
from nemora.tagger.onnx_model import OnnxModel
from nemora.tagger.reader import TextReader
from nemora.tagger.spans import softmax
from nemora.tagger.window_model import open_model
from nemora.train.authored import is_held_out
from nemora.train.examples import read_requests, with_values

try:
    BEST = library().best
except NoKernels as reason:
    pytest.skip(f"no native kernels: {reason}", allow_module_level=True)
SHIPPED = Path(str(resources.files("nemora.tagger") / "reader_model"))
RECIPE = Path(__file__).parent.parent.parent / "recipes" / "sensitivity"
EVERY_SET = pytest.mark.parametrize("name", SETS[: BEST + 1])


@pytest.fixture(scope="module")
def weights() -> EncoderWeights:
    return encoder_weights(read_graph((SHIPPED / "model.onnx").read_bytes()))


@pytest.fixture(scope="module")
def native() -> TextReader:
    return TextReader(SHIPPED, engine="native")


@pytest.fixture(scope="module")
def other() -> TextReader:
    return TextReader(SHIPPED, engine="onnxruntime")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    draw = random.Random(5)
    held_out = [example for example in read_requests(RECIPE / "authored") if is_held_out(example.group)]
    return [with_values(example, draw).text for example in draw.sample(held_out, 200)]


def window(tokens: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.integers(999, 30_000, tokens), draw.integers(0, 18, tokens)


def distance(one: Sequence[object], other: Sequence[object]) -> float:
    """How far outputs are apart, as a share of their size: the mean over outputs."""
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(one, other, strict=True)]
    return float(np.mean([np.abs(a - b).mean() / np.abs(b).mean() for a, b in pairs]))


@EVERY_SET
@pytest.mark.parametrize("tokens", [1, 2, 13, 97, 130])
def test_one_layer_is_its_twins(weights: EncoderWeights, name: str, tokens: int) -> None:
    """A code that lies half way may be rounded the other way, and then all that follows is moved a little. So they
    differ, but by no more than two roundings apart from each other do, √2 of what one does; each step alone is held
    tightly in tests/ops/test_cpu_kernels.py."""
    one = dataclasses.replace(weights, layers=weights.layers[:1], meaning=1)
    ids, shapes = window(tokens)
    found = NativeEncoder(one, library(), name).encode(ids, shapes, meaning=True)
    twin, exact = (reference.encode(one, ids, shapes, exact=exact) for exact in (False, True))
    assert distance(found, twin) < 1.4 * distance(twin, exact) < 0.06


@EVERY_SET
@pytest.mark.parametrize("tokens", [2, 13, 97])
def test_all_layers_are_as_near_to_the_exact_answer_as_the_twins(
    weights: EncoderWeights, name: str, tokens: int
) -> None:
    ids, shapes = window(tokens)
    exact = reference.encode(weights, ids, shapes, exact=True)
    found = NativeEncoder(weights, library(), name).encode(ids, shapes, meaning=True)
    assert distance(found, exact) < 1.6 * distance(reference.encode(weights, ids, shapes), exact) < 0.06


def test_the_kernels_are_nearer_to_the_exact_answer_than_onnxruntime(
    weights: EncoderWeights, native: TextReader, other: TextReader, texts: list[str]
) -> None:
    mine, theirs = [], []
    for text in texts[:12]:
        ids, _, _ = native._tokens(text)
        ids, shapes = ids[:100], np.ones(len(ids[:100]), np.int64)
        exact = reference.encode(weights, ids, shapes, exact=True)
        for errors, model in ((mine, native._model), (theirs, other._model)):
            logits, labels, _ = model.encode(ids, shapes)
            errors.append((abs(float(logits[0] - exact[0][0])), np.abs(softmax(labels) - softmax(exact[1])).max()))
    assert (np.mean(mine, axis=0) < 0.6 * np.mean(theirs, axis=0)).all()


def test_both_keep_the_same_texts_but_for_the_few_at_the_line(
    native: TextReader, other: TextReader, texts: list[str]
) -> None:
    found, expected = native.read(texts), other.read(texts)
    assert np.mean([bool(a.topics) == bool(b.topics) for a, b in zip(found, expected, strict=True)]) >= 0.975
    spans = [{(s.label, s.start, s.end) for s in reading.spans} for reading in found]
    wanted = [{(s.label, s.start, s.end) for s in reading.spans} for reading in expected]
    shared = sum(len(a & b) for a, b in zip(spans, wanted, strict=True))
    assert shared > 0.7 * sum(len(a | b) for a, b in zip(spans, wanted, strict=True))
    logits = np.array([[reader.logit(text) for text in texts] for reader in (native, other)])
    assert np.abs(logits[0] - logits[1]).mean() < 0.4


def test_a_text_is_read_the_same_alone_among_others_and_by_two_threads(native: TextReader, texts: list[str]) -> None:
    some = [*texts[:20], " ".join(texts[:30])]
    alone = [native.read([text])[0] for text in some]
    assert native.read(some) == alone
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(native.read, [some] * 6):
            assert found == alone


@EVERY_SET
def test_what_lay_in_memory_before_changes_nothing(weights: EncoderWeights, name: str) -> None:
    encoder = NativeEncoder(weights, library(), name)
    first = encoder.encode(*window(40))
    encoder.encode(*window(120, seed=1))
    encoder._memory(120)[:] = np.nan
    again = encoder.encode(*window(40))
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])


def test_windows_that_the_encoder_cannot_read_are_refused(weights: EncoderWeights) -> None:
    encoder = NativeEncoder(weights, library())
    ids, shapes = window(4)
    for bad in ((ids[:0], shapes[:0]), (ids - 40_000, shapes), (ids + 40_000, shapes), (ids, shapes + 19), window(513)):
        with pytest.raises(ValueError, match="window"):
            encoder.encode(*bad)
    with pytest.raises(ValueError, match="shape"):
        encoder.encode(ids, shapes[:3])


def test_another_graph_runs_on_onnxruntime(tmp_path: Path) -> None:
    folder = write_tiny_reader(tmp_path)
    assert isinstance(open_model(folder / "model.onnx"), OnnxModel)
    with pytest.raises(CorruptCheckpoint, match="native kernels"):
        open_model(folder / "model.onnx", engine="native")


@pytest.mark.parametrize("content", [None, b"", b"no library", b"\x7fELF" + bytes(200)])
def test_without_a_usable_library_onnxruntime_reads_and_it_is_said_once(
    tmp_path: Path, content: bytes | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / LIBRARY
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(window_model, "library", lambda: Library(path))
    window_model._is_faster.cache_clear()
    try:
        with caplog.at_level(logging.INFO, "nemora.tagger"):
            for _ in range(2):
                assert isinstance(open_model(SHIPPED / "model.onnx"), OnnxModel)
        (said,) = caplog.records
        assert "native kernels" in said.getMessage()
        assert said.levelno == (logging.INFO if content is None else logging.WARNING)
    finally:
        window_model._is_faster.cache_clear()


def test_a_library_of_other_sources_is_refused(tmp_path: Path) -> None:
    data = Path(library().c._name).read_bytes()
    at = data.index(library().c.nemora_sources())
    (tmp_path / LIBRARY).write_bytes(data[:at] + b"0000" + data[at + 4 :])
    with pytest.raises(NoKernels, match="anew"):
        Library(tmp_path / LIBRARY)


@pytest.mark.skipif(SETS.index(window_model.FASTER_FROM) > BEST, reason="this processor has no VNNI")
def test_the_kernels_read_without_loading_onnxruntime() -> None:
    code = (
        "import sys; from nemora.tagger.reader import load_reader; load_reader().read(['Where is Anna?']);"
        "sys.exit('onnxruntime' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_weight_that_the_kernels_cannot_hold_leaves_the_model_to_onnxruntime(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "model")
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "model" / "model.onnx"
    model = onnx.load(path)
    codes = next(tensor for tensor in model.graph.initializer if tensor.name == "c8")
    codes.raw_data = b"\x7f" + codes.raw_data[1:]
    onnx.save(model, path)
    assert isinstance(open_model(path), OnnxModel)
