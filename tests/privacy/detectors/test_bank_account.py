from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.bank_account import BankAccountDetector

BANK = BankAccountDetector()


@pytest.mark.parametrize(
    "text",
    [
        "Account: ⟦9051250768⟧, SSN",
        "Account ⟦1515694517⟧ is active.",
        "bank account number is ⟦000123456789⟧",
        "acct no. ⟦83472910⟧",
        "routing number ⟦021000021⟧",
        "sort code ⟦20-45-77⟧, account number ⟦83472910⟧",
        "BSB ⟦062-000⟧",
        "Kontonummer ⟦0532013000⟧",
        "BLZ ⟦370 400 44⟧",
        "IFSC: ⟦HDFC0001234⟧",
        '"account_number": "⟦83472910⟧"',
    ],
)
def test_an_announced_number_is_found(text: str) -> None:
    check(BANK, text)


def test_a_bare_field_is_read_with_its_label() -> None:
    check(BANK, "⟦83472910⟧", label="accountNumber")
    check(BANK, "83472910", label="views")


@pytest.mark.parametrize(
    "text",
    [
        "9051250768",
        "my account has 2 users",
        "account 1234",
        "in the bank account: $1,250,000",
        "AWS account 123456789012",
        "an accountant born 19800101",
        "routing table 10",
        "bank account opened 2024-05-17",
    ],
)
def test_other_numbers_are_none(text: str) -> None:
    check(BANK, text)
