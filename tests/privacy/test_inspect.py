"""Reading fails closed, remembers without changing its answer, and finds what is hidden or split."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy.detectors import ALL
from nemora.privacy.finding import Kind
from nemora.privacy.inspect import CHUNK, Inspector, chunks
from nemora.privacy.protocols import Match, Reading, Segment
from nemora.privacy.segment_cache import SegmentCache

CARD = "4716 2093 8854 1728"


class Counting:
    """A detector that finds the word `needle` and counts its calls."""

    name = "counting"

    def __init__(self) -> None:
        self.calls = 0

    def find(self, text: str, label: str) -> list[Match]:
        self.calls += 1
        at = text.find("needle")
        return [Match(Kind.PASSWORD, at, at + 6, 0.9)] if at >= 0 else []


class Broken:
    name = "broken"

    def find(self, text: str, label: str) -> list[Match]:
        raise ValueError(f"cannot read {text}")


class BrokenReader:
    name = "broken"

    def read(self, texts: Sequence[str]) -> list[Reading]:
        raise RuntimeError(texts[0])


def message(text: str, index: int = 0) -> Segment:
    return Segment(f"/messages/{index}/content", text)


def found(*texts: str) -> list[tuple[str, str, int, int]]:
    inspection = Inspector(None).inspect([message(text, i) for i, text in enumerate(texts)])
    assert inspection.complete
    return [(f.kind.value, f.where, f.start, f.end) for f in inspection.findings]


def test_a_finding_has_the_place_of_the_original() -> None:
    assert found(f"My card is {CARD}.") == [("payment_card", "/messages/0/content", 11, 30)]


@pytest.mark.parametrize("value", ["tilda.braunfels@kettlewood.net", "+49 151 12345678", "84.23.17.9", CARD])
@pytest.mark.parametrize("text", ["Ask for {}.", "Ask for {}. Then go home.", "({}).", "{}, or nobody!"])
def test_the_punctuation_behind_a_value_is_no_part_of_it(value: str, text: str) -> None:
    before = text.index("{")
    assert [(start, end) for *_, start, end in found(text.format(value))] == [(before, before + len(value))]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (r"tilda\.braunfels@kettlewood\.net", Kind.EMAIL_ADDRESS),
        (r"tilda\.braunfels\@kettlewood\.net", Kind.EMAIL_ADDRESS),
        (r"tilda\_braunfels@kettlewood.net", Kind.EMAIL_ADDRESS),
        (r"84\.23\.17\.9", Kind.IP_ADDRESS),
        (r"\+49 151 1234\-5678", Kind.PHONE_NUMBER),
    ],
)
def test_a_value_with_the_backslashes_of_a_pattern_or_of_markdown_is_found_whole(value: str, kind: Kind) -> None:
    for before in ('grep "', r"Write \_here\_: "):
        written = f'{before}{value}" log.txt'
        assert found(written) == [(kind.value, "/messages/0/content", len(before), len(before) + len(value))]


def test_a_disguised_value_spans_its_disguise() -> None:
    hidden = "\u200b".join(CARD)
    ((kind, _, start, end),) = found(f"My card is {hidden}.")
    assert (kind, start, end) == ("payment_card", 11, 11 + len(hidden))


@pytest.mark.parametrize(
    "texts",
    [
        ("My card: 4716 2093", "8854 1728"),
        ("My card: 4716 2093 ", "8854 1728"),
        ("My card: 4716", "2093", "8854 1728"),
        ("card 4716 2093", "I see, go on with it please.", "8854 1728"),
        ("the key AKIAQ7XVN3", "TLZ5RWJ2KD is it"),
    ],
)
def test_what_is_split_over_strings_is_found(texts: tuple[str, ...]) -> None:
    kinds = {(kind, where) for kind, where, _, _ in found(*texts)}
    assert any(kind in ("payment_card", "api_key") and where == "/messages/0/content" for kind, where in kinds)


def test_each_string_that_a_split_value_touches_has_its_part() -> None:
    spans = [(where, start, end) for _, where, start, end in found("card 4716", "2093", "8854 1728 ok")]
    assert spans == [("/messages/0/content", 5, 9), ("/messages/1/content", 0, 4), ("/messages/2/content", 0, 9)]


def test_what_is_personal_is_found_over_messages_only_where_it_is_announced() -> None:
    parts = [
        Segment(f"/messages/0/content/{n}/text", text) for n, text in enumerate(["Mail zoe.maro", "va@gmail.com now"])
    ]
    assert {f.kind for f in Inspector(None).inspect(parts).findings} == {Kind.EMAIL_ADDRESS}
    assert found("It was zoe.maro", "va@gmail.com now") == [("email_address", "/messages/1/content", 0, 12)]
    assert [f[1] for f in found("Mail zoe.maro", "va@gmail.com now")] == ["/messages/0/content", "/messages/1/content"]
    assert found("Mail zoe@redacted.example", "Yes, thanks") == []


def test_a_pointer_does_not_repeat_a_key_that_is_a_finding() -> None:
    inspector = Inspector(None, detectors=[Counting()])
    segments = [Segment("/metadata", "needle"), Segment("/metadata/needle/note", "a needle")]
    assert {f.where for f in inspector.inspect(segments).findings} == {"/metadata"}


def test_harmless_neighbours_do_not_join_to_a_finding() -> None:
    assert found("The order has 4716 items.", "2093 of them are red.", "In 1728 it was 8854.") == []


@pytest.mark.parametrize("where", range(0, 3 * CHUNK, 701))
def test_a_value_is_found_wherever_a_long_text_is_cut(where: int) -> None:
    filler = "word " * (3 * CHUNK // 5)
    text = f"{filler[:where]} {CARD} {filler[where:]}"
    assert [(s, e) for kind, _, s, e in found(text) if kind == "payment_card"] == [(where + 1, where + 20)]


def test_opaque_content_is_a_finding() -> None:
    inspection = Inspector(None).inspect([Segment("/messages/0/content/0", "", opaque=True)])
    assert [f.kind for f in inspection.findings] == [Kind.UNREADABLE]


def test_binary_in_a_string_is_unreadable() -> None:
    assert "unreadable" in {kind for kind, *_ in found("\x00\x01\x02\ufffd" * 40)}


@pytest.mark.parametrize("inspector", [Inspector(None, detectors=[Broken()]), Inspector(BrokenReader())])
def test_a_failing_part_makes_it_incomplete_and_says_no_content(inspector: Inspector) -> None:
    inspection = inspector.inspect([message("the secret matter")])
    assert not inspection.complete
    assert "secret" not in str(inspection.failures)


def test_what_other_detectors_found_survives_a_failing_one() -> None:
    inspection = Inspector(None, detectors=[Broken(), *ALL]).inspect([message(f"card {CARD}")])
    assert not inspection.complete
    assert [f.kind for f in inspection.findings] == [Kind.PAYMENT_CARD]


def test_a_failed_reading_is_not_remembered_as_clean() -> None:
    cache = SegmentCache(100, b"k" * 32)
    assert not Inspector(None, detectors=[Broken()], cache=cache).inspect([message("text")]).complete
    assert Inspector(None, detectors=[Counting()], cache=cache).inspect([message("a needle")]).findings
    detector = Counting()
    Inspector(None, detectors=[detector], cache=cache).inspect([message("text")])
    assert detector.calls == 1


def test_a_piece_that_was_read_is_not_read_again() -> None:
    detector = Counting()
    inspector = Inspector(None, detectors=[detector], cache=SegmentCache(10_000, b"k" * 32))
    history = [message(f"turn {n} " + "some words here\n" * 600, n) for n in range(6)]
    inspector.inspect(history)
    before = detector.calls
    inspector.inspect(history)
    assert detector.calls == before
    grown = [*history[:-1], message(history[-1].text + "and a needle", 5)]
    assert inspector.inspect(grown).findings
    assert detector.calls - before <= 6


def test_the_cache_is_bounded_and_holds_no_text() -> None:
    cache = SegmentCache(8, b"k" * 32)
    inspector = Inspector(None, cache=cache)
    for n in range(40):
        inspector.inspect([message(f"unique canary {n} {CARD}")])
    assert len(cache) == 8
    assert "canary" not in repr(cache.__dict__)


WORDS = st.sampled_from(
    [CARD, "hello there", "password: hunter2zebra", "\n", "AKIAQ7XVN3TLZ5RWJ2KD", "é", "x" * 50, " "]
)
TEXTS = st.lists(st.lists(WORDS, max_size=6).map("".join), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_warm_reading_equals_cold_reading(histories: list[list[str]]) -> None:
    warm = Inspector(None, cache=SegmentCache(50, b"k" * 32))
    for history in histories:
        segments = [message(text, index) for index, text in enumerate(history)]
        assert warm.inspect(segments) == Inspector(None).inspect(segments)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=120))
def test_any_text_is_read_with_spans_in_range(text: str) -> None:
    for finding in Inspector(None).inspect([message(text)]).findings:
        assert 0 <= finding.start < finding.end <= len(text)


@given(st.integers(0, 20_000), st.integers(0, 500))
def test_cuts_cover_everything_and_do_not_move_when_a_text_grows(length: int, more: int) -> None:
    text = ("some words here\n" * 1300)[:length]
    cuts = list(chunks(text))
    assert all(a_end >= b_start for (_, a_end), (b_start, _) in itertools.pairwise(cuts))
    assert not text or (cuts[0][0], cuts[-1][1]) == (0, len(text))
    assert list(chunks(text + "y" * more))[: len(cuts) - 1] == cuts[:-1]


HIDE: dict[str, Callable[[str], str]] = {
    "as it is": lambda t: t,
    "zero width": "\u200b".join,
    "full width": lambda t: "".join(chr(ord(c) + 0xFEE0) if c in "0123456789" else c for c in t),
    "tags": lambda t: "".join(chr(0xE0000 + ord(c)) if c.isascii() else c for c in t),
    "base64": lambda t: base64.b64encode(t.encode()).decode(),
    "base32": lambda t: base64.b32encode(t.encode()).decode(),
    "hex": lambda t: t.encode().hex(),
    "url": lambda t: "".join(f"%{b:02x}" for b in t.encode()),
    "html": lambda t: "".join(f"&#x{ord(c):x};" for c in t),
    "json": lambda t: "".join(f"\\u{ord(c):04x}" if c.isascii() else json.dumps(c)[1:-1] for c in t),
}
WORDED = st.lists(st.sampled_from(["please", "see", "the", "note", "below", "für", "да"]), max_size=6).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(WORDED, st.lists(st.sampled_from(sorted(HIDE)), min_size=1, max_size=3), WORDED)
def test_a_hidden_card_is_found_at_its_place(before: str, ways: list[str], after: str) -> None:
    hidden = CARD
    for way in ways:
        hidden = HIDE[way](hidden)
    text = f"{before} {hidden} {after}"
    spans = [(s, e) for kind, _, s, e in found(text) if kind == "payment_card"]
    assert spans == [(len(before) + 1, len(before) + 1 + len(hidden))]


@pytest.mark.parametrize(
    "ways", [("base64",), ("url", "html"), ("json", "url"), ("html", "html"), ("zero width", "json"), ("hex", "hex")]
)
@pytest.mark.parametrize("where", range(CHUNK - 1500, CHUNK + 300, 257))
def test_a_hidden_card_is_found_wherever_a_long_text_is_cut(ways: tuple[str, ...], where: int) -> None:
    hidden = CARD
    for way in ways:
        hidden = HIDE[way](hidden)
    filler = "word " * CHUNK
    text = f"{filler[:where]} {hidden} {filler[where:]}"
    assert [(s, e) for kind, _, s, e in found(text) if kind == "payment_card"] == [(where + 1, where + 1 + len(hidden))]


def test_findings_come_in_the_order_of_the_request() -> None:
    turns = [message(f"card {CARD}" if n in (2, 10) else "harmless words", n) for n in range(12)]
    found_at = [f.where for f in Inspector(None).inspect(turns).findings]
    assert found_at == ["/messages/2/content", "/messages/10/content"]
