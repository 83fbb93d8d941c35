from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.us_ssn import UsSsnDetector

SSN = UsSsnDetector()


@pytest.mark.parametrize(
    "text",
    [
        "⟦536-32-3065⟧",
        "My SSN is ⟦536-32-3065⟧, thanks",
        "ssn=⟦925-22-8758⟧&phone=1",
        '"ssn_backup": "⟦925-22-8758⟧"',
        "SSN ⟦698-S6-9295⟧ applied",
        "social security number: ⟦536323065⟧",
        "social security # ⟦536 32 3065⟧",
        "SSN: ⟦53-632-3065⟧",
        "His social is gone, social security ⟦536.32.3065⟧",
        "ssn five three six three two three zero six five".replace(
            "five three six three two three zero six five", "⟦five three six three two three zero six five⟧"
        ),
        "⟦536‑32‑3065⟧",
        "My SSN is ⟦123-45-6789⟧",
        "userSsn = ⟦536323065⟧",
        "my social security number is ⟦987-65-4321⟧",
    ],
)
def test_a_social_security_number_is_found(text: str) -> None:
    check(SSN, text)


def test_a_bare_field_is_read_with_its_label() -> None:
    check(SSN, "⟦536323065⟧", label="social_security_number")
    check(SSN, "536323065", label="count")


@pytest.mark.parametrize(
    "text",
    [
        "SSN 078-05-1120",
        "219-09-9999",
        "my ssn: 111-11-1111",
        "000-12-3456",
        "123-45-6789 is the classic example",
        "987-65-4321",
        "666-12-3456",
        "923-12-3456",
        "536-00-3065",
        "536-32-0000",
        "536323065",
        "call 536-323-0651",
        "1536-32-3065",
        "536-32-30651",
        "part 536-32-3065-77",
        "How are SSNs formatted? They have 9 digits.",
        "the SSN has 3, 2 and 4 digits",
    ],
)
def test_samples_and_impossible_numbers_are_none(text: str) -> None:
    check(SSN, text)


def test_a_keyed_number_of_an_impossible_area_is_kept() -> None:
    assert check(SSN, "SSN: ⟦966-59-8085⟧")[0].confidence >= 0.9
