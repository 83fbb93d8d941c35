from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.iban import IbanDetector

IBAN = IbanDetector()


@pytest.mark.parametrize(
    "text",
    [
        "⟦DE62370400440532013001⟧",
        "My IBAN is ⟦DE62 3704 0044 0532 0130 01⟧.",
        "my iban is ⟦gb12spfc66723974480868⟧ ok",
        "⟦GB12 SPFC 6672 3974 4808 68⟧ please",
        "⟦GB12-SPFC-6672-3974-4808-68⟧",
        '"iban":"⟦GB12SPFC66723974480868⟧"',
    ],
)
def test_an_iban_with_valid_check_digits_is_found(text: str) -> None:
    assert check(IBAN, text)[0].confidence >= 0.9


def test_a_mistyped_iban_is_found_only_where_its_word_stands() -> None:
    assert check(IBAN, "IBAN: ⟦DE62 3704 0044 0532 0130 02⟧")[0].confidence < 0.9
    check(IBAN, "⟦DE62370400440532013002⟧", label="iban")
    check(IBAN, "DE62370400440532013002")


@pytest.mark.parametrize(
    "text",
    [
        "DE6237040044053201300",
        "XX62370400440532013001",
        "the de62 commit",
        "ABCDE62370400440532013001",
        "IBAN format: two letters, two digits",
    ],
)
def test_other_text_is_no_iban(text: str) -> None:
    check(IBAN, text)
