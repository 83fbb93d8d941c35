"""The hybrid as a reader: both directions are heard, rows do not disturb each other, offsets are of the given text."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.errors import CorruptCheckpoint
from nemora.privacy.protocols import Reading
from nemora.tagger.hybrid import Heads, both_ways, load_heads, save_heads, side_by_side, words_of
from nemora.tagger.hybrid_reader import HybridReader
from nemora.tagger.reader import load_reader
from nemora.tagger.tokens import tokenise
from nemora.tagger.window_reader import HYBRID, SETTINGS
from nemora.tagger.windows import windows
from own_hybrid import FOLDER

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="its weights are not here: recipes/hybrid makes them")

LABELS = ["O", "B-GIVEN_NAME", "I-GIVEN_NAME", "B-CITY", "I-CITY"]
WINDOW, HIDDEN = 64, 192


def write_reader(folder: Path) -> Path:
    """The project's hybrid with heads that begin at random, so that each token counts."""
    torch.manual_seed(0)
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    heads = Heads(HIDDEN, 2, len(LABELS))
    torch.nn.init.zeros_(heads.labels.bias)
    save_heads(heads, folder / HYBRID[1])
    write_settings(folder)
    return folder


def write_settings(folder: Path) -> None:
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in HYBRID}
    told = {"topics": ["health", "legal"], "labels": LABELS, "window": WINDOW, "scale": 1.0, "shift": 0.0}
    (folder / SETTINGS).write_text(json.dumps(told | {"sha256": hashes}))


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> HybridReader:
    found = load_reader(str(write_reader(tmp_path_factory.mktemp("hybrid"))))
    assert isinstance(found, HybridReader)
    return found


def told(reader: HybridReader, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """What the heads say of rows side by side."""
    counts = torch.tensor([len(row) for row in rows])
    ids = torch.tensor([row + [0] * (int(counts.max()) - len(row)) for row in rows])
    both = both_ways(ids, counts)
    with torch.inference_mode():
        hidden = reader._model.read(both, reader._model.new_state(both.shape[1], batch=len(both)))
        return reader._heads(side_by_side(hidden, counts), counts)


def test_a_token_hears_what_comes_before_and_after(reader: HybridReader) -> None:
    row = list(range(100, 130))
    other_first, other_last = [50, *row[1:]], [*row[:-1], 50]
    _, labels = told(reader, [row, other_first, other_last])
    assert all((labels[0, 15] - labels[other, 15]).abs().max() > 1e-4 for other in (1, 2))


def test_rows_of_other_lengths_change_nothing(reader: HybridReader) -> None:
    rows = [list(range(100, 100 + length)) for length in (1, 7, 40, 23)]
    logits, labels = told(reader, rows)
    for index, row in enumerate(rows):
        alone, own = told(reader, [row])
        assert torch.allclose(alone[0], logits[index], atol=1e-4)
        assert torch.allclose(own[0], labels[index, : len(row)], atol=1e-4)


def test_heads_written_and_loaded_say_the_same(tmp_path: Path) -> None:
    heads = Heads(8, 2, 5).to(torch.bfloat16).float()
    save_heads(heads, tmp_path / "heads.safetensors")
    loaded = load_heads(tmp_path / "heads.safetensors", 8, 2, 5)
    hidden, counts = torch.randn(2, 6, 16), torch.tensor([6, 3])
    for ours, theirs in zip(heads(hidden, counts), loaded(hidden, counts), strict=True):
        assert torch.equal(ours, theirs)


def test_a_short_text_is_one_pass_and_a_long_one_is_its_windows(reader: HybridReader) -> None:
    for text in ("Tell Ada", "Tell Ada Berg that her knee is better. " * 20):
        ids = tokenise(reader._tokenizer, text)[0].tolist()
        ranges = windows(len(ids), WINDOW - 2, 32)
        assert (len(ranges) == 1) == (len(ids) < WINDOW - 1)
        logits = [float(told(reader, [ids[start:end]])[0][0, 0]) for start, end in ranges]
        assert reader.logit(text) == pytest.approx(max(logits), abs=1e-4)


def test_a_text_is_read_the_same_alone_and_among_others(reader: HybridReader) -> None:
    texts = ["Anna", "the Paris " * 100, "", "x" * 50]
    assert reader.read(texts) == [reader.read([text])[0] for text in texts]
    assert reader.read([""]) == [Reading((), ())]


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters() | st.sampled_from("Anna Paris\n.,日本"), min_size=1, max_size=40))
def test_any_text_has_spans_in_order_and_in_range(reader: HybridReader, text: str) -> None:
    (reading,) = reader.read([text])
    at = 0
    for span in reading.spans:
        assert at <= span.start < span.end <= len(text)
        at = span.end


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \n\tab日本ö"), min_size=1, max_size=40))
def test_a_word_begins_after_its_white_space(reader: HybridReader, text: str) -> None:
    ids, words, offsets = tokenise(reader._tokenizer, text)
    numbers, ranges = words_of(text, words, offsets)
    assert len(numbers) == len(ids) and (np.diff(numbers) >= 0).all()
    for (start, end), (_, last) in zip(ranges, offsets, strict=True):
        assert start < end == last
        assert not text[start].isspace() or text[start:end].isspace()


def test_letters_without_spaces_between_words_are_words(reader: HybridReader) -> None:
    text = "王小明 Anna Berg"
    _, words, offsets = tokenise(reader._tokenizer, text)
    numbers, ranges = words_of(text, words, offsets)
    found = {text[ranges[numbers == n, 0].min() : ranges[numbers == n, 1].max()] for n in set(numbers.tolist())}
    assert found == {"王", "小", "明", " ", "Anna", "Berg"} or found == {"王", "小", "明", "Anna", "Berg"}


@pytest.mark.parametrize("name", [SETTINGS, *HYBRID])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    write_reader(tmp_path)
    (tmp_path / name).write_bytes(b"\x00\xff")
    if name != SETTINGS:
        write_settings(tmp_path)  # with the hash of the damaged file
    with pytest.raises(CorruptCheckpoint):
        load_reader(str(tmp_path))


def test_a_file_that_is_not_the_one_that_was_trained_is_refused(tmp_path: Path) -> None:
    write_reader(tmp_path)
    save_heads(Heads(HIDDEN, 2, len(LABELS)), tmp_path / HYBRID[1])
    with pytest.raises(CorruptCheckpoint, match="trained"):
        load_reader(str(tmp_path))
