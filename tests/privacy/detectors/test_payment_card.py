from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.checksums import luhn
from nemora.privacy.detectors.payment_card import PaymentCardDetector, issued
from nemora.privacy.detectors.public_values import TEST_CARDS

CARDS = PaymentCardDetector()


@pytest.mark.parametrize(
    "text",
    [
        "My card ⟦4716 2093 8854 1728⟧ was charged twice. Write to my bank.",
        "⟦4716209388541728⟧",
        "⟦4716-2093-8854-1728⟧",
        "⟦4716.2093.8854.1728⟧ exp 12/27",
        "⟦4716\u00a02093\u00a08854\u00a01728⟧",
        "⟦4716 2093\n8854 1728⟧",
        "card: ⟦47 16 20 93 88 54 17 28⟧",
        "⟦4 7 1 6 2 0 9 3 8 8 5 4 1 7 2 8⟧",
        '{"pan":"⟦4716209388541728⟧","cvv":"123"}',
        "pay with ⟦four seven one six two zero nine three eight eight five four one seven two eight⟧ please",
        "amex ⟦3714 496353 98439⟧",
        "2024-05-01,⟦4716209388541728⟧,19.99",
        "Visa *⟦4716 2093 8854 1728⟧*",
    ],
)
def test_a_card_number_is_found_in_any_grouping(text: str) -> None:
    assert check(CARDS, text)[0].confidence >= 0.6


@pytest.mark.parametrize(
    "text",
    [
        "my credit card number is ⟦4716 2093 8854 1729⟧",
        "card ⟦4716 2O93 8854 l728⟧",
    ],
)
def test_a_mistyped_card_beside_card_words_is_found_at_medium_confidence(text: str) -> None:
    assert 0.5 <= check(CARDS, text)[0].confidence <= 0.8


def test_a_field_called_card_number_is_read_with_its_label() -> None:
    check(CARDS, "⟦4716209388541729⟧", label="cardNumber")
    check(CARDS, "4716209388541729", label="order")


@pytest.mark.parametrize(
    "text",
    [
        "use 4242 4242 4242 4242 in the sandbox",
        "my card is 4111-1111-1111-1111",
        "card four two four two four two four two four two four two four two four two",
        "order 4716209388541729",
        "id 47162093885417281234567",
        "a47162093885417280f",
        "0.4716209388541728",
        "1700000000000 1700000000001",
        "ISBN 9783161484100",
        "card 0000 0000 0000 0000",
        "between 2019 2020 2021 2022 2023 2024",
        "1234 5678 9012 3456",
        "lgamma 4551.950730698041",
    ],
)
def test_other_digits_are_no_card(text: str) -> None:
    check(CARDS, text)


def test_published_test_numbers_are_public_as_whole_values_only() -> None:
    check(CARDS, "4242424242424242")
    check(CARDS, "card ⟦4242 4242 4242 4259⟧")


def test_most_listed_test_numbers_pass_luhn() -> None:
    assert sum(luhn(number) for number in TEST_CARDS) >= len(TEST_CARDS) - 8
    assert all(12 <= len(number) <= 19 for number in TEST_CARDS)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [("4716209388541728", True), ("9999999999999999", False), ("2720990000000000", True), ("2721000000000000", False)],
)
def test_issuer_ranges_are_exact(digits: str, expected: bool) -> None:
    assert issued(digits) is expected
