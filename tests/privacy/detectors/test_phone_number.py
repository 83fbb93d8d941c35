from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.phone_number import PhoneNumberDetector

PHONE = PhoneNumberDetector()


@pytest.mark.parametrize(
    "text",
    [
        "⟦+1 (502) 772-1012⟧",
        "Kim (⟦+1 (690) 837-2863⟧).",
        "⟦+49 170 9876543⟧",
        "⟦+44 20 7946 1958⟧",
        "⟦+919876543210⟧",
        "⟦(212) 736-5000⟧",
        "⟦212-736-5000⟧",
        "⟦212.736.5000⟧ office",
        "call me at ⟦2127365000⟧",
        "Tel: ⟦0171 9876543⟧",
        "⟦01 42 68 53 00⟧",
        "⟦020 7031 3000⟧",
        "phone=⟦+1 (343) 289-3888⟧",
        "ring me on ⟦07911 123456⟧",
        "mein Handy: ⟦0176/98765432⟧",
        "手机:⟦13812345678⟧",
        "телефон ⟦8 916 123-45-67⟧",
        "fax ⟦(978)645-9740x11144⟧ mobile",
        "call ⟦33 93 31⟧",
        "reach us: ⟦00 49 170 9876543⟧",
        "text ⟦2127365000⟧",
    ],
)
def test_a_telephone_number_is_found(text: str) -> None:
    check(PHONE, text)


def test_a_field_called_phone_is_read_with_its_label() -> None:
    check(PHONE, "⟦2127365000⟧", label="phoneNumber")
    check(PHONE, "2127365000", label="total")
    for written in ("4915112345678", "4915112345678.0", "5511987654321", "15023721012.0"):
        check(PHONE, f"⟦{written}⟧", label="phone")
        check(PHONE, f'{{"phone": ⟦{written}⟧, "x": 1}}')
        check(PHONE, written, label="bytes")


@pytest.mark.parametrize(
    "text",
    [
        "2127365000",
        "1,234,567.89",
        "$1,250,000.00",
        "version 10.15.7.1234",
        "2024-05-17 12:30:45",
        "17.05.2024",
        "ISBN 978-3-16-148410-0",
        "10.218.6.131",
        "order 4716209388541728",
        "pi is 3.14159265358979",
        "mobile: 1764288000000, phone traffic 31.5123456789",
        "call 212-555-0123",
        "(800) 555-0199",
        "1-800-356-9377",
        "score 100-200-300",
        "range 1000000-2000000",
        "sha 1234567890",
        "id: 550e8400-e29b-41d4-a716-446655440000",
        "x = 0123456789",
        "call the function 3 times with 1000000 rows",
        "phone 0000000000",
        "12 34 56 78 90",
        "20 000 000 people",
        "Call of Duty 2 1000000 players",
        "Phys. Rev. E 73, 056101 (2006)",
        "x + 63529101562500*y",
    ],
)
def test_other_numbers_are_none(text: str) -> None:
    check(PHONE, text)
