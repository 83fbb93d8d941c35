"""Every row is tried with values that its own check accepts, made from a seed, and with one character changed."""

from __future__ import annotations

import random
import re
import string
from re import _constants, _parser
from typing import Any

import pytest
from marked import check

from nemora.privacy.detectors.government_id import GovernmentIdDetector
from nemora.privacy.detectors.health_ids import HEALTH_IDS
from nemora.privacy.detectors.keyed_numbers import KeyedNumber, NumberRows, find_numbers
from nemora.privacy.detectors.medical_record import MedicalRecordDetector
from nemora.privacy.detectors.national_ids import NATIONAL_IDS
from nemora.privacy.detectors.world_ids import WORLD_IDS

ROWS = (*WORLD_IDS, *HEALTH_IDS)
# Checks of a date alone, or of nothing: a changed digit may pass.
UNCHECKED = {"MY", "ID", "PK", "EG", "LU", "US", "GB"}


def _written(parsed: Any, rng: random.Random) -> str:
    """Any text of a shape; the longest repeats, no optional separators."""
    text = ""
    for operation, argument in parsed:
        if operation is _constants.LITERAL:
            text += chr(argument)
        elif operation is _constants.IN:
            allowed = re.compile(f"[{''.join(_class(item) for item in argument)}]")
            text += rng.choice([c for c in string.digits + string.ascii_uppercase + "-/ ." if allowed.fullmatch(c)])
        elif operation is _constants.BRANCH:
            text += _written(rng.choice(argument[1]), rng)
        elif operation is _constants.SUBPATTERN:
            text += _written(argument[3], rng)
        elif operation is _constants.MAX_REPEAT:
            low, _high, inner = argument
            text += "".join(_written(inner, rng) for _ in range(low))
    return text


def _class(item: tuple[Any, Any]) -> str:
    operation, argument = item
    if operation is _constants.RANGE:
        return f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
    return r"\d" if operation is _constants.CATEGORY else re.escape(chr(argument))


def made(row: KeyedNumber, seed: int) -> str:
    rng = random.Random(seed)
    parsed = _parser.parse(row.shape.plain.pattern)
    for _ in range(200_000):
        value = _written(parsed, rng)
        bare = re.sub(r"[ ./+-]", "", value).upper()
        if row.shape.fullmatch(value) and len(set(bare)) > 3 and row.valid(bare):
            return value
    raise AssertionError(f"no value for {row.country} {row.words[0]}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.country}-{row.words[0]}")
def test_a_valid_number_is_found_beside_its_word_and_with_its_label(row: KeyedNumber) -> None:
    for seed in range(3):
        value = made(row, seed)
        text = f"{row.words[0]}: {value} ."
        at = text.index(value)
        assert (at, at + len(value)) in dict(find_numbers(NumberRows((row,)), text, ""))
        if row.words[0].isascii():
            assert dict(find_numbers(NumberRows((row,)), value, row.words[0])) == {(0, len(value)): 0.97}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.country}-{row.words[0]}")
def test_a_weak_check_needs_its_word(row: KeyedNumber) -> None:
    value = made(row, 1)
    found = [confidence for _, confidence in find_numbers(NumberRows((row,)), f"value {value} .", "")]
    assert found == ([row.alone] if row.alone else [])


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.country not in UNCHECKED], ids=lambda row: f"{row.country}-{row.words[0]}"
)
def test_most_changes_of_one_digit_are_refused(row: KeyedNumber) -> None:
    refused = tried = 0
    for seed in range(3):
        value = made(row, seed)
        for place in (i for i, char in enumerate(value) if char.isdigit()):
            changed = value[:place] + str((int(value[place]) + 1) % 10) + value[place + 1 :]
            tried += 1
            refused += not list(find_numbers(NumberRows((row,)), f"{row.words[0]}: {changed} .", ""))
    assert refused >= 0.75 * tried, f"{refused} of {tried}"


def test_known_values_of_the_issuers_pass_their_own_check() -> None:
    """Samples that authorities and encyclopaedias print, so that a formula that only agrees with itself fails."""
    samples = {
        ("AT", 0): "1237010180", ("BG", 0): "7523169263", ("EE", 0): "37605030299", ("IS", 0): "1201743399", ("PT", 0): "999999990",
        ("NZ", 0): "49091850", ("UY", 0): "12345672", ("TW", 0): "A123456789", ("RU", 1): "11223344595", ("DE", 0): "15070649C103",
        ("GR", 1): "094259216", ("IE", 0): "1234567T", ("HR", 0): "33392005961",
    }  # fmt: skip
    for (country, number), value in samples.items():
        if country == "PT":
            continue  # 9 leads a legal person of no seat
        row = [row for row in WORLD_IDS if row.country == country][number]
        assert row.valid(value), country
        assert not row.valid(value[:-1] + ("1" if value[-1] != "1" else "2")) or country == "TW"


def test_more_than_forty_states_are_known() -> None:
    assert len({row.country for row in (*NATIONAL_IDS, *WORLD_IDS, *HEALTH_IDS)}) >= 55


@pytest.mark.parametrize(
    "text", ["pis 123456789", "nit: 111.111.111-1", "the medicare plan costs 45", "utr 12345", "kt 2024"]
)
def test_talk_and_placeholders_are_none(text: str) -> None:
    check(GovernmentIdDetector(), text)
    check(MedicalRecordDetector(), text)
