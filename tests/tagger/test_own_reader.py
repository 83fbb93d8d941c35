"""The project's own hybrid as the model that reads requests, by the way that an owner names it in nemora.toml."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from nemora.core import ChatRequest, Message
from nemora.privacy.finding import Kind
from nemora.server.inspection import InspectionWorker
from nemora.settings import Settings, load_settings
from nemora.tagger.hybrid_reader import HybridReader
from nemora.tagger.reader import load_reader
from nemora.tagger.tokens import tokenise
from nemora.tagger.window_reader import OVERLAP_TOKENS
from nemora.tagger.windows import windows
from own_hybrid import FOLDER

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="its weights are not here: recipes/hybrid makes them")

PAIRS = (
    (
        "Draft the letter that tells our forty warehouse workers that they are laid off in March.",
        "Draft the invitation that tells our forty pen friends about the garden fair in March.",
    ),
    (
        "My psychiatrist raised my lithium after I was admitted with a panic attack last week.",
        "My neighbour raised the oven's heat after the cake came out flat last week.",
    ),
    (
        "The root password of our database server is Kuh7!melken, please log in and fix it.",
        "The root of our old apple tree is under the path, how do I lay it anew?",
    ),
    (
        "Nobody may hear before Friday that we take over our rival Ostwind for 40 million euros.",
        "Tell me before Friday which cinema shows the film about whales.",
    ),
    (
        "I was arrested for theft as a teenager and my lawyer says the hearing is on Monday.",
        "I read about comets as a teenager and the school's quiz is on Monday.",
    ),
    (
        "Write to HR: Ada's salary of 84,000 is too high, and she gets a written warning.",
        "Write a poem: a snail of some age is too slow, and it gets a wooden medal.",
    ),
)
MOST_RIGHT = 4
NAMED = "Please call Margaret Johnson and tell her that the order has arrived."
FILLER = "The museum is open from ten to six, and the bus stops in front of its door. "


@pytest.fixture(scope="module")
def reader() -> HybridReader:
    found = load_reader(str(FOLDER))
    assert isinstance(found, HybridReader)
    return found


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("owner")
    config = folder / "nemora.toml"
    config.write_text(f"[inspection]\nmodel = {json.dumps(str(FOLDER))}\n", encoding="utf-8")
    return load_settings(config, {"HOME": str(folder)})


@pytest.fixture(scope="module")
def worker(settings: Settings) -> Iterator[InspectionWorker]:
    worker = InspectionWorker(settings)
    yield worker
    worker.close()


def test_the_owners_setting_has_it_read_requests(worker: InspectionWorker) -> None:
    found = worker.inspect(ChatRequest(model="auto", messages=(Message("user", NAMED),)))
    assert found.complete
    (name,) = (finding for finding in found.findings if finding.kind is Kind.PERSON_NAME)
    assert NAMED[name.start : name.end] == "Margaret Johnson"


def test_most_of_what_must_stay_scores_above_what_only_sounds_like_it(reader: HybridReader) -> None:
    """Not all: the pairs were written before the weights, and these misjudge two of them."""
    right = [reader.logit(sensitive) > reader.logit(harmless) for sensitive, harmless in PAIRS]
    assert sum(right) >= MOST_RIGHT


def test_a_long_text_is_read_as_each_of_its_windows_alone(reader: HybridReader) -> None:
    text = FILLER * 40 + PAIRS[0][0]
    ids, _, _ = tokenise(reader._tokenizer, text)
    ranges = windows(len(ids), reader.settings.window - 2, OVERLAP_TOKENS)
    assert len(ranges) > 2
    forms = np.zeros(len(ids), np.int64)
    alone = [reader._forward(ids[start:end], forms[start:end], meaning=False)[0][0] for start, end in ranges]
    assert reader.logit(text) == pytest.approx(max(alone), abs=1e-5)


def test_a_text_is_read_the_same_alone_and_among_others(reader: HybridReader) -> None:
    texts = [NAMED, *PAIRS[0], FILLER * 60]
    assert reader.read(texts) == [reader.read([text])[0] for text in texts]


def test_a_name_is_found_at_its_place_in_a_late_window(reader: HybridReader) -> None:
    before = FILLER * 60
    for text, shift in ((NAMED, 0), (before + NAMED + " " + FILLER, len(before))):
        (reading,) = reader.read([text])
        at = shift + NAMED.index("Margaret")
        said = [
            text[span.start : span.end] for span in reading.spans if at <= span.start < at + len("Margaret Johnson")
        ]
        assert " ".join(said) == "Margaret Johnson"
