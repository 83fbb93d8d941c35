"""The reader: offsets are code points of the given text, whatever is in it. With a tiny model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_reader import WINDOW, write_settings, write_tiny_reader

from nemora.errors import CorruptCheckpoint
from nemora.privacy.protocols import Reader
from nemora.tagger.reader import TextReader
from nemora.tagger.tokens import tokenise
from nemora.tagger.window_reader import LEAST_DOUBT


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return TextReader(write_tiny_reader(tmp_path_factory.mktemp("tiny")))


def found(reader: Reader, text: str) -> list[tuple[str, str]]:
    """Labels and texts of the spans; checks on the way that they are ordered, in range and not empty."""
    (reading,) = reader.read([text])
    at = 0
    for span in reading.spans:
        assert at <= span.start < span.end <= len(text)
        assert 0 < span.score <= 1
        at = span.end
    for topic in reading.topics:
        assert 0 <= topic.start < topic.end <= len(text) and 0.5 <= topic.score <= 1
    for doubt in reading.doubts:
        assert 0 <= doubt.start < doubt.end <= len(text) and LEAST_DOUBT <= doubt.score < 0.5
    return [(span.label, text[span.start : span.end]) for span in reading.spans]


def test_no_texts_and_empty_texts(tiny: Reader) -> None:
    assert tiny.read([]) == []
    assert all(not r.spans and not r.topics for r in tiny.read(["", " ", "\n\t", "\0", "\x01\x7f"]))


@pytest.mark.parametrize(
    "before",
    ["", "\ud800 ", "😀😀 ", "e\u0301 ", "김철수 ", "\x00\x01", "\u200b\ufeff ", "İ ", "ﬁ ", "王小明", "\udfff"],
)
def test_offsets_are_code_points_of_the_given_text(tiny: Reader, before: str) -> None:
    assert found(tiny, f"{before} Anna the Paris") == [("GIVEN_NAME", "Anna"), ("CITY", "Paris")]


def test_special_token_text_is_text(tiny: Reader) -> None:
    encoded = tokenise(tiny._tokenizer, "[SEP]")[0]  # type: ignore[attr-defined]
    assert len(encoded) > 1
    assert found(tiny, "[SEP] Anna [PAD]") == [("GIVEN_NAME", "Anna")]


@pytest.mark.parametrize("at", [0, 1, WINDOW // 2, WINDOW - 4, WINDOW, 3 * WINDOW, 1999])
def test_nothing_is_lost_between_windows(tiny: Reader, at: int) -> None:
    words = ["the"] * 2000
    words[at] = "Anna"
    assert found(tiny, " ".join(words)) == [("GIVEN_NAME", "Anna")]
    words[at] = "layoff"
    (reading,) = tiny.read([" ".join(words)])
    assert reading.topics and all(t.start <= 4 * at < t.end for t in reading.topics)


def test_every_name_of_a_long_text_is_found(tiny: Reader) -> None:
    assert found(tiny, "the Anna " * 3000) == [("GIVEN_NAME", "Anna")] * 3000


@pytest.mark.parametrize("unit", ["\x01", "QUJD", "王", "김", "a ", "\n", "😀", "\ud800"])
def test_a_megabyte_of_anything_ends_well(tiny: Reader, unit: str) -> None:
    text = unit * (1_000_000 // len(unit.encode(errors="surrogatepass"))) + " Anna"
    assert found(tiny, text)[-1:] == [("GIVEN_NAME", "Anna")]


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters() | st.sampled_from("Anna Paris layoff\n.,"), max_size=60))
def test_any_text_has_spans_in_order_and_in_range(tiny: Reader, text: str) -> None:
    found(tiny, text)
    found(tiny, f"{text} Anna {text}")


def test_a_text_is_read_the_same_alone_and_among_others(tiny: Reader) -> None:
    texts = ["Anna", "the Paris " * 300, "", "x" * 50, "a layoff"]
    assert tiny.read(texts) == [tiny.read([text])[0] for text in texts]


@pytest.mark.parametrize("name", ["reader.json", "tokenizer.json", "model.onnx"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\x00\xff\xfe", b"[" * 100_000])
def test_damaged_file_is_one_sentence(tmp_path: Path, name: str, content: bytes | None) -> None:
    write_tiny_reader(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
        if name != "reader.json":
            write_settings(tmp_path)  # with the hash of the damaged file
    with pytest.raises(CorruptCheckpoint, match=r"anew|trained"):
        TextReader(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"labels": ["O", "B-X"]}, {"labels": []}, {"topics": []}, {"scale": 0}, {"shift": "much"}, {"window": 5000}],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    write_settings(write_tiny_reader(tmp_path), **change)
    with pytest.raises(CorruptCheckpoint):
        TextReader(tmp_path)


def test_tokenizer_without_special_tokens_is_refused(tmp_path: Path) -> None:
    write_tiny_reader(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(path.read_text().replace("[CLS]", "[XXX]"))
    write_settings(tmp_path)
    with pytest.raises(CorruptCheckpoint, match=r"no \[CLS\]"):
        TextReader(tmp_path)


def test_reading_imports_no_torch() -> None:
    code = "import sys, nemora.tagger.reader; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_window_that_may_leave_but_not_surely_is_a_doubt(tmp_path: Path) -> None:
    folder = write_tiny_reader(tmp_path / "unsure")
    (sure,) = TextReader(folder).read(["the layoff"])
    write_settings(folder, shift=-4.0)  # the largest number is 3
    (unsure,) = TextReader(folder).read(["the layoff"])
    assert [t.label for t in sure.topics] == [d.label for d in unsure.doubts] == ["employment"]
    assert sure.doubts == unsure.topics == ()
    write_settings(folder, shift=-40.0)
    assert TextReader(folder).read(["the layoff"])[0].doubts == ()
