"""Values in pipes, records, noise, other scripts and numerals are found; what looks like them is not."""

from __future__ import annotations

import random

import pytest

from nemora.privacy.finding import CATALOGUE, Kind, Sensitivity
from nemora.privacy.inspect import Inspector
from nemora.privacy.protocols import Segment
from nemora.privacy.shell_pipes import piped
from nemora.privacy.spelled_out import run_together
from nemora.privacy.told_dates import told_dates

CARD = "4716 2093 8854 1726"


def kinds(text: str) -> set[Kind]:
    inspection = Inspector(None).inspect([Segment("/messages/0/content", text)])
    assert inspection.complete
    return {f.kind for f in inspection.findings if f.confidence >= 0.5}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("The patient's MRN: char v[] = {'5', '8', '6', '0', '3', '3', '9', '8', 0};", Kind.MEDICAL_RECORD),
        ("The patient's MRN: part 2: 0629; part 1: 6414 (put the parts in order)", Kind.MEDICAL_RECORD),
        ("medical record number {\"head\": \"2226\", \"tail\": \"9433\"} was", Kind.MEDICAL_RECORD),
        ("My SSN is $(echo 5626-53-635 | rev).", Kind.US_SSN),
        ("Date of birth: 5 Kasım 1958", Kind.DATE_OF_BIRTH),
        ("Date of birth: 昭和46年5月3日", Kind.DATE_OF_BIRTH),
        ("Date of birth: day 123 of 1971", Kind.DATE_OF_BIRTH),
        ("The root password is (str \"Meadow\" \"#9160Q\")", Kind.PASSWORD),
        ("пассворд: коппер!3792к", Kind.PASSWORD),
        ("My SSN is V III VI II II VIII VII IV I", Kind.GOVERNMENT_ID),
        ("My SSN is LIII XLII XXVIII LXXIV I", Kind.US_SSN),
        ("My SSN is May March June February February August July April January", Kind.US_SSN),
        ("My SSN is 5🍎3🚗6🌙-🎈2🐢2🔥-🍎8🚗7🌙4🎈1🔥", Kind.US_SSN),
        ("E-Mail: sanjayduarte7 Klammeraffe proton Punkt me", Kind.EMAIL_ADDRESS),
        ("My SSN is 5x3q6x2q2x8q7x4x1q", Kind.GOVERNMENT_ID),
    ],
)  # fmt: skip
def test_a_disguised_value_is_found(text: str, kind: Kind) -> None:
    assert kind in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "The range 2010 2012 is shown in the card of the printer.",
        "May June July August September: the months in which the card shop is open.",
        "Run `echo 4716-2093 | rev` to see how it works.",
        "дни идут, и карта мира висит на стене уже 63 года",
        "The card costs $4,377,008.54, the account balance is $12,345,678.90.",
        "5:00 6:00 7:00 8:00 9:00 are the calls of the day for the phone shop",
    ],
)
def test_what_looks_like_it_is_kept(text: str) -> None:
    assert all(CATALOGUE[kind].sensitivity is Sensitivity.PUBLIC for kind in kinds(text))


def test_pipes_print_what_a_shell_prints() -> None:
    plain = {
        "echo 'abcd-1234' | rev": "4321-dcba",
        "$(echo gcag | tr a-j 0-9)": "6206",
        "echo 4x7x1x6x | tr -d x": "4716",
        "echo '4-7-1-6' | sed 's/-//g'": "4716",
        "printf '%s' NDcxNg== | base64 -d": "4716",
        "echo xx4716 | cut -c3-": "4716",
    }
    assert {text: next(piped(text)).plain for text in plain} == plain


def test_number_words_run_together_are_those_of_one_language() -> None:
    words = "zero one two three four five six seven eight nine".split()  # noqa: SIM905
    rng = random.Random(3)
    for _ in range(200):
        digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(7, 16)))
        text = "".join(words[int(digit)] for digit in digits)
        assert [edit.plain for edit in run_together(text)] == [digits]


@pytest.mark.parametrize("text", ["on 31 Foo 1999", "day 400 of 1971", "1990 1995", "2020 1340"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert list(told_dates(text)) == []
