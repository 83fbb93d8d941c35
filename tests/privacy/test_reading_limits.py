"""What lies too deep or is too much is never silently left out, and odd characters fold once."""

from __future__ import annotations

import itertools
import random

import pytest
from encoders import ENCODE, encoded
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy.finding import Kind
from nemora.privacy.inspect import Inspection, Inspector
from nemora.privacy.normalise import normalise
from nemora.privacy.protocols import Segment

CARD = "4716 2093 8854 1728"


def read(text: str) -> Inspection:
    return Inspector(None).inspect([Segment("/messages/0/content", text)])


DEEP = [ways for ways in itertools.product(ENCODE, repeat=4) if len(encoded(CARD, ways)) < 8_000]


@pytest.mark.parametrize("ways", random.Random(4).sample(DEEP, 40))
def test_four_deep_is_found_or_not_complete(ways: tuple[str, ...]) -> None:
    inspection = read(f"see {encoded('card ' + CARD, ways)} ok")
    kinds = {f.kind for f in inspection.findings}
    assert not inspection.complete or kinds & {Kind.PAYMENT_CARD, Kind.UNREADABLE}


@pytest.mark.parametrize("way", ["base64", "hex", "url"])
def test_four_times_the_same_is_not_complete(way: str) -> None:
    inspection = read(f"see {encoded('card ' + CARD, (way,) * 4)} ok")
    assert not inspection.complete
    assert set(inspection.failures) == {"DecodeBudget"}


def test_more_characters_than_the_budget_is_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"see {ENCODE['base64']('plain words and more ' * 20)} ok"
    assert read(text).complete
    monkeypatch.setattr("nemora.privacy.decode.MAX_CHARACTERS", 100)
    assert not read(text).complete


TRICKY = st.text(
    st.sampled_from(
        "aoec147 раοε\u0336\u0301\u0338\u20e3\ufe0f\u200b\u00ad\u202e〇一二㊀⑴㈠\u2460İıᄀ가\u0345\ud800\x1c\x85ﬁ№℡Å"
    ),
    max_size=14,
)


@settings(max_examples=400, deadline=None)
@given(TRICKY)
def test_tricky_characters_fold_once_with_places_in_order(text: str) -> None:
    mapped = normalise(text)
    assert normalise(mapped.text).text == mapped.text
    spans = [mapped.original_span(n, n + 1) for n in range(len(mapped.text))]
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)
