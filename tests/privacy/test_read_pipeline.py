"""The whole way from a request to its findings, by property: segments, folding, decoding, reading, remembering."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import typing
import unicodedata
import uuid

import pytest
from encoders import ENCODE
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.core import ChatRequest, Message, OpaquePart, Part, TextPart, ToolCall
from nemora.privacy.finding import Kind
from nemora.privacy.inspect import CHUNK, Inspection, Inspector
from nemora.privacy.mapped_text import Builder, MappedText
from nemora.privacy.normalise import normalise
from nemora.privacy.protocols import Match, Segment
from nemora.privacy.segment import segments
from nemora.privacy.segment_cache import SegmentCache

CARD = "4716 2093 8854 1728"
KEY = b"k" * 32


def message(text: str, index: int = 0) -> Segment:
    return Segment(f"/messages/{index}/content", text)


def read(*texts: str) -> Inspection:
    return Inspector(None).inspect([message(text, index) for index, text in enumerate(texts)])


def calling(arguments: str) -> ChatRequest:
    return ChatRequest(model="auto", messages=(Message("assistant", tool_calls=(ToolCall("c", "f", arguments),)),))


# Segments


def test_every_kind_of_part_is_known_to_these_tests() -> None:
    assert set(typing.get_args(Part)) == {TextPart, OpaquePart}, "a new part: read it, and plant a canary in it"


def test_strings_come_in_the_order_of_the_messages() -> None:
    request = ChatRequest(model="auto", messages=tuple(Message("user", f"text {n}") for n in range(12)))
    wheres = [s.where for s in segments(request) if s.where.startswith("/messages")]
    assert wheres == [f"/messages/{n}/content" for n in range(12)]


def test_each_finding_points_at_its_own_message() -> None:
    texts = [f"card {CARD}" if n % 3 == 0 else "Nothing to see in this one." for n in range(12)]
    wheres = {f.where for f in read(*texts).findings}
    assert wheres == {f"/messages/{n}/content" for n in range(0, 12, 3)}


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20), st.booleans(), st.sampled_from([None, *ENCODE]))
def test_a_finding_in_arguments_lies_in_the_raw_string(before: str, after: str, ascii_only: bool, way: str) -> None:
    hidden = CARD if way is None else ENCODE[way](CARD)
    arguments = json.dumps({"a": before, "card": hidden, "b": after}, ensure_ascii=ascii_only)
    raw = json.dumps(hidden)[1:-1]
    found = [f for f in Inspector(None).inspect(segments(calling(arguments))).findings if f.kind is Kind.PAYMENT_CARD]
    assert {f.where for f in found} == {"/messages/0/tool_calls/0/function/arguments"}
    at = arguments.index(f'"card": "{raw}"') + len('"card": "')
    covered = [f for f in found if f.start < at + len(raw) and f.end > at]
    assert covered
    # An escape before the run belongs to no digit of it, so the span is the run but for a backslash of its own.
    assert all(at <= f.start <= at + 1 and f.end == at + len(raw) for f in covered)


# Folding


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, MappedText]:
    """A text, and a copy of it with characters dropped, doubled and replaced."""
    text = draw(st.text(min_size=1, max_size=12))
    builder = Builder()
    for index in range(len(text)):
        piece = draw(st.sampled_from(["copy", "", "x", "yz"]))
        if piece == "copy":
            builder.copy(text, index, index + 1)
        else:
            builder.put(piece, index, index + 1)
    return text, builder.build()


@given(edits(), st.data())
def test_a_map_through_two_changes_is_the_map_of_both(edited: tuple[str, MappedText], data: st.DataObject) -> None:
    text, first = edited
    builder = Builder()
    kept = [n for n in range(len(first.text)) if data.draw(st.booleans())]
    for index in kept:
        builder.copy(first.text, index, index + 1)
    both = first.through(builder.build())
    assert both.text == "".join(first.text[n] for n in kept)
    for place, index in enumerate(kept):
        start, end = both.original_span(place, place + 1)
        assert (start, end) == first.original_span(index, index + 1)
        assert 0 <= start < end <= len(text)


@given(edits(), st.integers(0, 12), st.integers(0, 12))
def test_a_slice_keeps_its_places(edited: tuple[str, MappedText], start: int, size: int) -> None:
    _, mapped = edited
    part = mapped.slice(start, start + size)
    assert part.text == mapped.text[start : start + size]
    for index in range(len(part.text)):
        assert part.original_span(index, index + 1) == mapped.original_span(start + index, start + index + 1)


CYRILLIC = st.text(st.characters(min_codepoint=0x410, max_codepoint=0x44F), min_size=1, max_size=10)
GREEK = st.text(st.sampled_from("ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψωςάέήίόύώ"), min_size=1, max_size=10)


@given(st.lists(CYRILLIC | GREEK, min_size=1, max_size=8), st.sampled_from([" ", ", ", "\n", ". "]))
def test_russian_and_greek_are_unchanged_but_for_nfkc(words: list[str], separator: str) -> None:
    text = separator.join(words)
    assert normalise(text).text == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize("text", ["Где мой заказ из IKEA? Он в пути?", "Το νέο λογισμικό της NVIDIA είναι εδώ"])
def test_a_latin_name_among_other_letters_changes_nothing(text: str) -> None:
    assert normalise(text).text == text


# Decoding


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("pаsswоrd: hunter2zebra", Kind.PASSWORD),
        ("раssword = Xk29!qwerty", Kind.PASSWORD),
        ("api_key: АKIAQ7XVN3TLZ5RWJ2KD", Kind.API_KEY),
        ("card 4716 2О93 8854 1728", Kind.PAYMENT_CARD),
        ("card ４７１６\u200b ２０９３ 8854 1728", Kind.PAYMENT_CARD),
    ],
)
def test_a_secret_behind_lookalikes_spans_its_disguise(text: str, kind: Kind) -> None:
    (finding,) = read(text).findings
    value = text.index(" ", text.index("=") if "=" in text else 0) + 1
    assert (finding.kind, finding.start, finding.end) == (kind, value, len(text))


@pytest.mark.parametrize("seed", range(5))
def test_a_long_blob_is_an_unreadable_finding_at_its_place(seed: int) -> None:
    blob = base64.b64encode(random.Random(seed).randbytes(300)).decode()
    text = f"Here: {blob} end"
    found = [f for f in read(text).findings if f.kind is Kind.UNREADABLE]
    assert [text[f.start : f.end] for f in found] == [blob]


@pytest.mark.parametrize(
    "text",
    [
        *(hashlib.new(name, b"x").hexdigest() for name in ("sha1", "sha256", "sha384", "sha512")),
        f"digest: sha256:{hashlib.sha256(b'layer').hexdigest()}",
        "\n".join(f"{hashlib.sha256(bytes([n])).hexdigest()}  file{n}.txt" for n in range(20)),
        " ".join(str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))) for n in range(12)),
        f"git checkout {hashlib.sha1(b'tree', usedforsecurity=False).hexdigest()} -- README.md",
        "https://docs.python.org/3/library/itertools.html#itertools.permutations?highlight=product&lang=en-gb",
        "https://example.org/search?q=how+to+write+a+haiku+about+autumn+leaves&hl=en&source=lnms&page=12",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        "AbstractSingletonProxyFactoryBeanDefinitionParserDelegateRegistryPostProcessor" * 3,
        "for (const [key, value] of Object.entries(options)) { if (!seen.has(key)) seen.set(key, value ?? {}); }\n" * 8,
        "SELECT name, count(*) FROM orders WHERE placed > now() - interval '7 days' GROUP BY name;\n" * 8,
        "It was a bright cold day in April, and every clock in the town struck one after the other. " * 12,
        "from collections.abc import Iterator\nimport very.long_module_name.inside.another_package as shorter\n" * 8,
    ],
)
def test_ordinary_text_is_read_and_nothing_in_it_is_unreadable(text: str) -> None:
    inspection = read(text)
    assert inspection.complete
    assert Kind.UNREADABLE not in {f.kind for f in inspection.findings}


# Reading

ESCAPES = st.text(st.sampled_from('47162093 ABab%&#;\\ux=+/{}[]":,\n\r\u200b\u202eа€\ud800\x00\x1b'), max_size=150)


@settings(max_examples=120, deadline=None)
@given(ESCAPES)
def test_no_text_makes_a_detector_raise(text: str) -> None:
    inspection = read(text)  # Inspector catches what is raised, so its failures say whether anything was
    assert set(inspection.failures) <= {"DecodeBudget"}
    assert all(0 <= f.start < f.end <= len(text) for f in inspection.findings)


class Broken:
    name = "broken"

    def find(self, text: str, label: str) -> list[Match]:
        raise KeyError(text)


class BrokenReader:
    name = "broken"

    def read(self, texts: object) -> list[typing.Any]:
        raise OSError("canary on a disk")


def test_failures_are_class_names_and_nothing_else() -> None:
    inspector = Inspector(BrokenReader(), detectors=[Broken()])
    inspection = inspector.inspect([message("Ada Lovelace wrote the canary down")])
    assert set(inspection.failures) == {"broken:KeyError", "reader:OSError"}


def test_a_failure_does_not_stay_for_the_next_request() -> None:
    class Once(Broken):
        failed = False

        def find(self, text: str, label: str) -> list[Match]:
            if not Once.failed:
                Once.failed = True
                raise ValueError
            return []

    inspector = Inspector(None, detectors=[Once()], cache=SegmentCache(100, KEY))
    assert not inspector.inspect([message("the same text")]).complete
    assert inspector.inspect([message("the same text")]).complete


@pytest.mark.parametrize("cut", range(1, len(CARD)))
def test_a_card_split_over_two_parts_is_found(cut: int) -> None:
    parts = (TextPart(f"My card is {CARD[:cut]}"), TextPart(f"{CARD[cut:]} thanks"))
    request = ChatRequest(model="auto", messages=(Message("user", parts),))
    found = {f.where for f in Inspector(None).inspect(segments(request)).findings if f.kind is Kind.PAYMENT_CARD}
    assert found
    assert found <= {"/messages/0/content/0/text", "/messages/0/content/1/text"}


def test_a_key_split_over_a_turn_and_a_tool_call_is_found() -> None:
    request = ChatRequest(
        model="auto",
        messages=(
            Message("user", "use AKIAQ7XVN3"),
            Message("assistant", tool_calls=(ToolCall("c", "f", "TLZ5RWJ2KD"),)),
        ),
    )
    assert Kind.API_KEY in {f.kind for f in Inspector(None).inspect(segments(request)).findings}


def test_an_opaque_part_is_unreadable_at_its_place() -> None:
    parts = (TextPart("Look:"), OpaquePart("image_url", {"type": "image_url", "image_url": {"url": "a.png"}}))
    inspection = Inspector(None).inspect(
        segments(ChatRequest(model="auto", messages=(Message("user", "hi"), Message("user", parts))))
    )
    assert [(f.kind, f.where) for f in inspection.findings] == [(Kind.UNREADABLE, "/messages/1/content/1")]


# Remembering

PIECES = st.sampled_from(
    [
        CARD,
        "card ",
        "AKIAQ7XVN3",
        "TLZ5RWJ2KD",
        " plain words\n",
        "password: hunter2zebra ",
        ENCODE["base64"](CARD),
        ENCODE["url"](CARD),
        "more words here " * (CHUNK // 20),
    ]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), PIECES), min_size=1, max_size=8), st.sampled_from([3, 10_000]))
def test_a_history_that_grows_at_its_end_reads_the_same_warm_and_cold(
    steps: list[tuple[bool, str]], entries: int
) -> None:
    warm = Inspector(None, cache=SegmentCache(entries, KEY))
    history = [""]
    for new_turn, piece in steps:
        if new_turn:
            history.append(piece)
        else:
            history[-1] += piece
        now = [message(text, index) for index, text in enumerate(history)]
        assert warm.inspect(now) == Inspector(None).inspect(now)


class Recording:
    """Remembers what it was shown."""

    name = "recording"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def find(self, text: str, label: str) -> list[Match]:
        self.seen.append(text)
        return []


def test_a_new_turn_shows_no_detector_the_old_ones() -> None:
    recording = Recording()
    inspector = Inspector(None, detectors=[recording], cache=SegmentCache(1000, KEY))
    old = [message(f"turn {n}: " + "nothing of note was said here\n" * 40, n) for n in range(4)]
    inspector.inspect(old)
    recording.seen.clear()
    inspector.inspect([*old, message("a new question", 4)])
    assert any("a new question" in text for text in recording.seen)
    assert not any(segment.text in text for segment in old for text in recording.seen)


def test_a_label_is_part_of_what_is_remembered() -> None:
    inspector = Inspector(None, cache=SegmentCache(1000, KEY))
    bare = Segment("/messages/0/tool_calls/0/function/arguments", "hunter2zebra")
    assert not inspector.inspect([bare]).findings
    named = Segment(bare.where, bare.text, "password")
    assert {f.kind for f in inspector.inspect([named]).findings} == {Kind.PASSWORD}
