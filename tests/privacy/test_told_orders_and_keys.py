"""What a text tells of its disguise is undone as it was made; quick paths say the same as slow ones."""

from __future__ import annotations

import itertools
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy import ciphers, keyed_ciphers, numbered_parts
from nemora.privacy.covered import Covered
from nemora.privacy.finding import CATALOGUE, Sensitivity
from nemora.privacy.inspect import Inspector
from nemora.privacy.mapped_text import MappedText
from nemora.privacy.moved_digits import moved
from nemora.privacy.protocols import Segment
from nemora.privacy.small_bases import counted_signs
from nemora.privacy.spelled_out import spelled_out
from nemora.privacy.told_orders import in_rows, ordered_as_told

# ruff: noqa: SIM905 - lists of words read better as text
TEENS = "dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf".split()
ONES = "zéro un deux trois quatre cinq six sept huit neuf".split()
TENS = {2: "vingt", 3: "trente", 4: "quarante", 5: "cinquante", 6: "soixante", 7: "soixante", 8: "quatre-vingt"}


def kept(text: str) -> bool:
    inspection = Inspector(None).inspect([Segment("/messages/0/content", text)])
    assert inspection.complete
    return any(f.confidence >= 0.5 and CATALOGUE[f.kind].sensitivity > Sensitivity.PUBLIC for f in inspection.findings)


def shifted_slowly(text: str, shifts: list[int], *, at_letters: bool) -> str:
    out, place = [], 0
    for c in text:
        is_letter = c in string.ascii_letters
        first = ord("a" if c.islower() else "A")
        out.append(chr((ord(c) - first + shifts[place % len(shifts)]) % 26 + first) if is_letter else c)
        place += is_letter or not at_letters
    return "".join(out)


@settings(max_examples=80, deadline=None)
@given(st.text("aZmXé 1.-\n", max_size=60), st.lists(st.integers(-25, 25), min_size=1, max_size=6))
def test_letters_are_shifted_as_one_by_one(text: str, shifts: list[int]) -> None:
    assert keyed_ciphers.shifted(text, shifts) == shifted_slowly(text, shifts, at_letters=False)
    assert keyed_ciphers.shifted_letters(text, shifts) == shifted_slowly(text, shifts, at_letters=True)


WIDE = "".join(f"{c}-\U0002a6d6" for c in "abcdefghij")


def test_ranges_of_all_of_unicode_are_not_written_out() -> None:
    assert keyed_ciphers._ranged(WIDE) == WIDE
    assert len(keyed_ciphers._ranged("a-\xe0" * 10)) == 10 * keyed_ciphers.LONGEST_RANGE
    assert keyed_ciphers._ranged("a-\xe1") == "a-\xe1"


@pytest.mark.parametrize(
    "text", [f"tr {WIDE} {WIDE[::-1]}", "tr " + "a-\xe0" * 10 + " " + "b-\xe1" * 10, "tr a-\xe0 b-\xe1\n" * 400]
)
def test_tables_are_few_and_short(text: str) -> None:
    tables = list(keyed_ciphers._tables(text))
    assert len(tables) <= keyed_ciphers.MOST_TABLES
    assert all(len(table) <= keyed_ciphers.MOST_MAPPED for _, _, table in tables)


def test_no_more_tables_are_written_out_than_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    ranged = keyed_ciphers._ranged

    def counted(stated: str) -> str:
        calls.append(stated)
        return ranged(stated)

    monkeypatch.setattr(keyed_ciphers, "_ranged", counted)
    assert len(list(keyed_ciphers._tables("tr a-j 0-9\n" * 1000))) == keyed_ciphers.MOST_TABLES
    assert len(calls) == keyed_ciphers.MOST_TABLES


def test_ranges_of_letters_and_digits_are_written_out() -> None:
    assert keyed_ciphers._ranged("a-e0x-z") == "abcde0xyz"


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["SSN", "card", "xyz", "passwords", "ß", " ", "-", "4", "\n", "pin"]), max_size=8))
def test_a_text_speaks_if_a_word_weighs(pieces: list[str]) -> None:
    text = "".join(pieces)
    words = re.findall("[A-Za-z]+", text.lower())
    assert ciphers.speaks(text) == any(word in ciphers._WANTED for word in words)
    assert ciphers.speaks(text) == (ciphers.weight(text) > 0)


@settings(max_examples=60, deadline=None)
@given(st.text(string.digits, min_size=8, max_size=16), st.integers(1, 9), st.booleans())
def test_digits_moved_by_a_told_number_are_moved_back(digits: str, by: int, more: bool) -> None:
    written = "".join(str((int(d) + (by if more else -by)) % 10) for d in digits)
    told = "subtract" if more else "add"
    text = f"My number is {written} ({told} {by} from every digit)"
    readings = list(moved(MappedText(text)))
    assert any(digits in reading.text for reading in readings)
    assert len(readings) <= 4  # so many as the text tells, and not every table


@settings(max_examples=60, deadline=None)
@given(st.text("ab1 2-", min_size=2, max_size=40).map(str.strip).filter(bool), st.integers(2, 12))
def test_rows_read_by_columns_are_rows_again(text: str, width: int) -> None:
    filled = text + "_" * (-len(text) % width)
    assert in_rows("".join(filled[n::width] for n in range(width)), width) == text


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("0123456789", min_size=3, max_size=4), min_size=3, max_size=6), st.randoms())
def test_numbered_parts_are_put_in_their_order(pieces: list[str], rng: object) -> None:
    numbered = [*enumerate(pieces, 1)]
    rng.shuffle(numbered)  # type: ignore[attr-defined]
    text = "My card: " + "; ".join(f"part {n}: {piece}" for n, piece in numbered)
    assert "".join(pieces) in [edit.plain for edit in numbered_parts.numbered_groups(text)]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["1", "2", "47", "901", "a", "b", ", ", ": ", "; ", " x" * 30, "\n"]), max_size=40))
def test_neighbouring_units_are_those_of_a_slow_search(pieces: list[str]) -> None:
    text = " ".join(pieces)
    tokens = list(numbered_parts._TOKEN.finditer(text))
    gaps = [text[a.end() : b.start()] for a, b in itertools.pairwise(tokens)]
    slow: dict[int, list[int]] = {}
    for first in range(len(tokens)):
        for stride in range(2, numbered_parts.MOST_STRIDE + 1):
            form, other = gaps[first : first + stride - 1], gaps[first + stride : first + 2 * stride - 1]
            if len(other) < stride - 1 or form != other or max(map(len, form)) > numbered_parts.MOST_GAP:
                continue
            one, two = (
                [numbered_parts._number(t.group()) for t in tokens[at : at + stride - 1]]
                for at in (first, first + stride)
            )
            if one != two and all(a == b or max(a, b) <= 34 for a, b in zip(one, two, strict=True)):
                slow.setdefault(first, []).append(stride)
    assert dict(numbered_parts._neighbours(tokens, gaps)) == slow


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["|", "||", ".", "...", "0", "∅", ",", "-", "🍎🍎", "4", "", "\n"]), max_size=30))
def test_counted_signs_are_read_from_anything(groups: list[str]) -> None:
    text = " ".join(groups)
    for edit in counted_signs(text):
        assert 0 <= edit.start < edit.end <= len(text)
        assert len(edit.plain) <= len(text)


def test_signs_are_counted_also_before_a_full_stop() -> None:
    for sign in "|.🍎":
        text = " ".join(sign * int(d) or "0" for d in "5360228741")
        assert [edit.plain for edit in counted_signs(text)] == ["5360228741"]
        assert sign == "." or [edit.plain for edit in counted_signs(f"{text}.")] == ["5360228741"]


@pytest.mark.parametrize("number", range(17, 100))
def test_french_pairs_are_read(number: int) -> None:
    ten, one = divmod(number, 10)
    if ten == 1:
        said = TEENS[one]
    else:
        joint = " et " if one == 1 and ten < 8 else "-"
        behind = TEENS[one] if ten in (7, 9) else ONES[one] if one else ""
        said = TENS[8 if ten == 9 else ten] + (joint + behind if behind else "")
    text = f"quarante-deux, trente-trois, vingt-quatre, cinquante-cinq, {said}"
    assert [edit.plain for edit in spelled_out(text)] == [f"42332455{number}"]


SENTENCE = "My SSN is 536-22-8741"


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"{SENTENCE}____"[n::5] for n in range(5)) + " (5 columns, read down)",
        "My SSN: " + "".join("536-22-8741_"[n::4] for n in range(4)) + " (written in rows of 4)",
        "Skip every second word: My banana SSN river is cloud 536-22-8741 window",
        "".join(f"{c}lo" for c in SENTENCE) + " (read every third character)",
    ],
)
def test_what_tells_its_order_is_found(text: str) -> None:
    assert kept(text)


@pytest.mark.parametrize("step", ["2nd", "2ND", "2Nd", "second", "SECOND", "\u017fecond", "other", "OTHER"])
def test_steps_are_told_in_any_case(step: str) -> None:
    text = "Read every {} letter: " + "".join(f"{c}x" for c in SENTENCE)
    readings = [reading.text for reading in ordered_as_told(MappedText(text.format(step)), Covered())]
    assert any(SENTENCE in reading for reading in readings)


@pytest.mark.parametrize(
    "told", ["every 2ND letter", "every f\u0131fth letter", "every S\u0130xth word", "s\u0130x columns", "0 columns"]
)
def test_steps_that_are_no_number_tell_no_order(told: str) -> None:
    for text in (f"Please read {told}: abcdefghijklmnop", f"abcdefghijklmnop ({told})"):
        assert list(ordered_as_told(MappedText(text), Covered())) == []


@pytest.mark.parametrize(
    "text",
    [
        "We meet every second week; the table has 3 columns of 12 rows with 4716 2093 entries (read down).",
        "The cipher suite needs a key of 256 bits; the key is stored beside the lock, and each word is encrypted.",
        "Subtract 3 from every total: the scores 15, 18 and 21 become 12, 15 and 18.",
        "for row in range(12): key = decode(value); lookup[key] = row + 1  # every third letter of 26 columns",
        "Step 1: 4 cups, step 2: 3 cups, step 3: 2 cups. Move the pan one key to the left of the stove.",
        "y/n? tr a b; a=1 b=2 c=3 d=4 are the weights of the model.",
    ],
)
def test_texts_that_only_speak_of_orders_are_left_alone(text: str) -> None:
    assert not kept(text)
