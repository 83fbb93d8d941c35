from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.one_time_code import OneTimeCodeDetector

CODES = OneTimeCodeDetector()


@pytest.mark.parametrize(
    "text",
    [
        "Your verification code is ⟦482913⟧.",
        "OTP: ⟦4829⟧",
        "⟦482913⟧ is your login code",
        "Your Google verification code: ⟦G-482913⟧",
        "2FA code ⟦482 913⟧",
        "Ihr Bestätigungscode lautet: ⟦482913⟧",
        "Votre code de vérification est ⟦482913⟧",
        "您的验证码是⟦482913⟧",
    ],
)
def test_an_announced_code_is_found(text: str) -> None:
    check(CODES, text)


def test_a_field_called_otp_is_read_with_its_label() -> None:
    check(CODES, "⟦482913⟧", label="otp")


@pytest.mark.parametrize(
    "text",
    [
        "482913",
        "error code 482913",
        "the verification code is wrong",
        "verification code: 123456",
        "zip code 90210",
        "the access code was written in 2023",
        "security code for 3 users",
    ],
)
def test_other_numbers_are_none(text: str) -> None:
    check(CODES, text)
