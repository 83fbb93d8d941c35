"""The tagger: offsets are code points of the given text, whatever is in it. With a tiny model, and with the real one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_rampart import write_tiny_rampart

from nemora.errors import CorruptCheckpoint
from nemora.privacy.protocols import Tagger
from nemora.tagger.load import CONVERTED, PUBLISHED, load_tagger
from nemora.tagger.rampart import WINDOW_TOKENS, RampartTagger, tokenise
from starter import CACHE

FOLDER = CACHE / "models" / "rampart"
needs_rampart = pytest.mark.skipif(
    not (FOLDER / PUBLISHED).is_file(), reason="the tagger is not in the cache: run `nemora pull rampart`"
)
MARIA = "I am Maria Gonzalez, write to 12 Elm Street, Springfield, IL 62704."


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tagger:
    folder = tmp_path_factory.mktemp("tiny")
    return RampartTagger(write_tiny_rampart(folder), folder)


@pytest.fixture(scope="session")
def rampart() -> Tagger:
    return load_tagger("rampart", cache=CACHE, offline=True)


def found(tagger: Tagger, text: str) -> list[tuple[str, str]]:
    """Labels and texts of the spans; checks on the way that they are ordered, in range and not empty."""
    (spans,) = tagger.tag([text])
    at = 0
    for span in spans:
        assert at <= span.start < span.end <= len(text)
        assert text[span.start : span.end]
        assert 0 < span.score <= 1
        at = span.end
    return [(span.label, text[span.start : span.end]) for span in spans]


def test_no_texts_and_empty_texts(tiny: Tagger) -> None:
    assert tiny.tag([]) == []
    assert tiny.tag(["", " ", "\n\t", "\0", "\x01\x7f"]) == [[], [], [], [], []]


@pytest.mark.parametrize(
    "before",
    ["", "\ud800 ", "😀😀 ", "e\u0301 ", "김철수 ", "\x00\x01", "\u200b\ufeff ", "İ ", "ﬁ ", "王小明", "\udfff"],
)
def test_offsets_are_code_points_of_the_given_text(tiny: Tagger, before: str) -> None:
    assert found(tiny, f"{before} Anna the Paris") == [("GIVEN_NAME", "Anna"), ("CITY", "Paris")]


def test_special_token_text_is_text(tiny: Tagger) -> None:
    encoded = tokenise(tiny._tokenizer, "[SEP]")[0]  # type: ignore[attr-defined]
    assert len(encoded) > 1
    assert found(tiny, "[SEP] Anna [PAD]") == [("GIVEN_NAME", "Anna")]


@pytest.mark.parametrize("at", [0, 1, WINDOW_TOKENS // 2, WINDOW_TOKENS - 4, WINDOW_TOKENS, 3 * WINDOW_TOKENS, 1999])
def test_nothing_is_lost_between_windows(tiny: Tagger, at: int) -> None:
    words = ["the"] * 2000
    words[at] = "Anna"
    assert found(tiny, " ".join(words)) == [("GIVEN_NAME", "Anna")]


def test_every_name_of_a_long_text_is_found(tiny: Tagger) -> None:
    assert found(tiny, "the Anna " * 3000) == [("GIVEN_NAME", "Anna")] * 3000


@pytest.mark.parametrize("unit", ["\x01", "QUJD", "王", "김", "a ", "\n", "😀", "\ud800"])
def test_a_megabyte_of_anything_ends_well(tiny: Tagger, unit: str) -> None:
    text = unit * (1_000_000 // len(unit.encode(errors="surrogatepass"))) + " Anna"
    assert found(tiny, text)[-1:] == [("GIVEN_NAME", "Anna")]


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters() | st.sampled_from("Anna Paris\n.,"), max_size=60))
def test_any_text_has_spans_in_order_and_in_range(tiny: Tagger, text: str) -> None:
    found(tiny, text)
    found(tiny, f"{text} Anna {text}")


def test_a_text_is_tagged_the_same_alone_and_among_others(tiny: Tagger) -> None:
    texts = ["Anna", "the Paris " * 300, "", "x" * 50]
    assert tiny.tag(texts) == [tiny.tag([text])[0] for text in texts]


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "onnx/model_q4.onnx"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\x00\xff\xfe", b"[" * 100_000, b'{"id2label": {"7": "O"}}'])
def test_damaged_file_is_one_sentence(tmp_path: Path, name: str, content: bytes | None) -> None:
    model = write_tiny_rampart(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CorruptCheckpoint, match="pull"):
        RampartTagger(model, tmp_path)


def test_tokenizer_without_special_tokens_is_refused(tmp_path: Path) -> None:
    model = write_tiny_rampart(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(path.read_text().replace("[CLS]", "[XXX]"))
    with pytest.raises(CorruptCheckpoint, match=r"no \[CLS\]"):
        RampartTagger(model, tmp_path)


def test_tagging_imports_no_torch() -> None:
    code = "import sys, nemora.tagger.load, nemora.tagger.rampart; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


@needs_rampart
def test_rampart_finds_names_and_addresses(rampart: Tagger) -> None:
    spans = found(rampart, MARIA)
    for expected in (
        ("GIVEN_NAME", "Maria"), ("SURNAME", "Gonzalez"), ("BUILDING_NUMBER", "12"), ("STREET_NAME", "Elm Street"),
        ("CITY", "Springfield"), ("ZIP_CODE", "62704"),
    ):  # fmt: skip
        assert expected in spans
    assert found(rampart, "Write a haiku about autumn") == []


@needs_rampart
@pytest.mark.parametrize("before", [0, 20, 45, 70, 90, 300])
def test_rampart_finds_them_anywhere_in_a_long_text(rampart: Tagger, before: int) -> None:
    filler = "The build is green and the cache is warm. "
    spans = found(rampart, filler * before + MARIA + " " + filler * 40)
    assert ("SURNAME", "Gonzalez") in spans and ("STREET_NAME", "Elm Street") in spans


@needs_rampart
@settings(max_examples=25, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_rampart_offsets_hold_beside_any_text(rampart: Tagger, before: str, after: str) -> None:
    found(rampart, f"{before} {MARIA} {after}")


VARIED = [
    MARIA,
    "Hola, soy Lucía Fernández y vivo en la Calle Mayor 14, 28013 Madrid; mi teléfono es 612 345 678.",
    "ticket 4411: customer Peter O'Malley (peter.omalley@example.org) cannot log in since Monday",
    '{"user": {"first": "Aisha", "last": "Rahman", "zip": "90210", "ssn": "219-09-9999"}}',
    "name,street,city\nKenji Watanabe,77 Lakeview Drive,Portland\nSofia Rossi,5 Harbor Road,Boston\n",
    "Dear Mr. Thompson, your account number is 000123456789, routing number 021000021.",
    "def greet(user):\n    return f'hello {user}'\n",
    "Passport no. X1234567, driver's licence D123-4567-8901, issued to Emily Clark.",
    "what is the capital of France and who wrote Hamlet?",
    "Sincerely,\nJonathan Meyer\n221 Oak Avenue Apt 4B\nDenver, CO 80203",
]


@needs_rampart
def test_conversion_keeps_every_span_that_the_published_model_is_sure_of(rampart: Tagger) -> None:
    published = RampartTagger(FOLDER / PUBLISHED, FOLDER)
    sure = 0
    for text, before, after in zip(VARIED, published.tag(VARIED), rampart.tag(VARIED), strict=True):
        for span in before:
            if span.score >= 0.8:
                sure += 1
                same = [s for s in after if s.label == span.label and s.start < span.end and span.start < s.end]
                assert same, (text, span)
        for span in after:
            if span.score >= 0.8:
                assert [s for s in before if s.start < span.end and span.start < s.end], (text, span)
    assert sure > 25
    assert (FOLDER / CONVERTED).is_file()
